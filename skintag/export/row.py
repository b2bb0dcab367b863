"""A row of the table of exports."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

NAN: Final = float("nan")
FAILED: Final = "failed: "
TEACHER: Final = "teacher"


@dataclass(frozen=True)
class Row:
    """One format, the torch model, or the teacher; nan where something is not known."""

    format: str
    """One of FORMATS, `torch` or `teacher`."""
    file: str = ""
    """Name in `exports/`; empty where there is none."""
    bytes: int | None = None
    """Size of the file, or of all files in the folder; of torch models: a checkpoint of the weights alone."""
    max_difference: float = NAN
    """Largest difference of a probability from the torch model's, on val and test pictures."""
    mean_difference: float = NAN
    """Mean difference of p_malignant from the torch model's, on the same."""
    auroc_val: float = NAN
    """AUROC on val pictures: what choices were made on."""
    auroc: float = NAN
    """AUROC on test pictures."""
    auroc_difference: float = NAN
    """AUROC less that of the torch model, on test pictures."""
    flipped_tiers: int | None = None
    """Test pictures in another tier than the torch model puts them in, under the policy fitted on val."""
    latency_ms_1_thread: float = NAN
    """Median time of one picture on one core, milliseconds."""
    latency_ms_2_threads: float = NAN
    """The same on two cores."""
    memory_mb: float = NAN
    """What loading and running it adds to a process at its peak, 10^6 bytes."""
    float_layers: str = ""
    """Layers that quantisation leaves in float, the worst first, by commas."""
    note: str = ""
    """What else is to be known; begins with FAILED where the format could not be written or run."""

    @classmethod
    def of(cls, values: dict[str, Any]) -> Row:
        """From plain values, where null stands for nan; other names are left out."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names and value is not None})

    @property
    def failed(self) -> bool:
        """Whether the format could not be written, or not be run."""
        return self.note.startswith(FAILED)
