"""How to read somebody else's table: which column is what, and which labels mean malignant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from skintag.core.errors import ConfigError, near_matches
from skintag.core.settings import shown
from skintag.core.vocabulary import SPLITS
from skintag.evaluation.predictions.schema import CONDITION_COLUMNS, EXTENDED_COLUMN

AUTO: Final = "auto"
PREDICTED: Final = (*CONDITION_COLUMNS, EXTENDED_COLUMN)
# what a column of the file may be mapped to; `age` in years becomes `age_group`
MAPPABLE: Final = (
    "image_id", "p_malignant", "target", "split", "model", "dataset", "domain", "malignancy", "condition",
    "fitzpatrick", "fst_group", "sex", "age", "age_group", "site", "lesion_id", "patient_id", "group_id",
)  # fmt: skip


@dataclass(frozen=True)
class ForeignSettings:
    """How to read somebody else's table."""

    columns: Mapping[str, str | None] = field(default_factory=dict)
    """Our name -> the file's name. `auto`, or no entry: the column that bears our name, where there is one.
    None: no column, even where one bears our name."""
    positive: Sequence[str] = ()
    """Labels of the target column that mean malignant, any case; empty: 0/1, true/false, benign/malignant."""
    negative: Sequence[str] = ()
    """Labels that mean not malignant; empty: with `positive` given, all others."""
    unknown: Sequence[str] = ()
    """Further spellings of unknown in skin types, sexes and the like."""
    model: str | None = None
    """Name of the model where the file has no such column; null: the file's name."""
    rows_are: str = "test"
    """Split of all rows where the file has no such column."""
    dataset: str | None = None
    """Dataset of all rows where the file has no such column; null: the file's name."""
    domain: str | None = None
    """Domain of all rows where the file has no such column."""

    def __post_init__(self) -> None:
        if not isinstance(self.columns, Mapping):
            raise ConfigError(f"columns={shown(self.columns)}: expected columns.<our name>=<the file's>")
        # DataFrame(predict_proba(...)) names its columns 0 and 1, and the command line has these as numbers
        columns = {name: _name(theirs, f"columns.{name}") for name, theirs in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        for name in ("model", "dataset", "domain"):
            object.__setattr__(self, name, _name(getattr(self, name), name))
        for name in ("positive", "negative", "unknown"):
            object.__setattr__(self, name, _names(getattr(self, name), name))
        for name in self.columns:
            if name not in (*MAPPABLE, *PREDICTED):
                raise ConfigError(f"columns.{name}: {near_matches(name, MAPPABLE)}")
        if self.rows_are not in SPLITS:
            raise ConfigError(f"rows_are={self.rows_are}: expected test, val or train")


def _names(given: object, key: str) -> tuple[str, ...]:
    """A list of labels as text; one alone is a list of one."""
    labels = () if given is None else (given,) if isinstance(given, str | int | float) else given
    if not isinstance(labels, Sequence) or not all(isinstance(label, str | int | float) for label in labels):
        raise ConfigError(f"{key}={shown(given)}: expected a list of labels, e.g. '{key}=[melanoma,bcc]'")
    return tuple(str(label) for label in labels)


def _name(given: object, key: str) -> str | None:
    """A name as text, or none."""
    if given is not None and not isinstance(given, str | int | float):
        raise ConfigError(f"{key}={shown(given)}: expected a name")
    return None if given is None else str(given)
