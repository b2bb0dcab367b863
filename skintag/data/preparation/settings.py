"""What data a run stands on: a choice of the `data` group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skintag.data.preparation.prepare import PrepareSettings


@dataclass(frozen=True)
class DataSettings(PrepareSettings):
    """A choice of the `data` group (configs/data): which sources, where they lie, how they are stored."""

    name: str = "data"
    """What reports call the data."""
    note: str | None = None
    """What has to stand beside every figure, e.g. that the pictures are drawn."""
    synthetic: Mapping[str, Any] | None = None
    """Knobs of a benchmark that is drawn where it is not there, see `SyntheticSettings`, and its folder `out`."""

    @property
    def origin(self) -> dict[str, Any]:
        """What the prepared folder is made from: its raw folders, and the knobs of a drawn benchmark."""
        roots = {name: str(Path(folder).resolve()) for name, folder in self.sources.items()}
        knobs = {name: value for name, value in (self.synthetic or {}).items() if name != "out"}
        return {"sources": roots, "synthetic": knobs or None}
