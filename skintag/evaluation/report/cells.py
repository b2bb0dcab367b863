"""Tables as cells, made once and written as HTML, LaTeX and CSV; and how numbers are written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import pandas as pd

UNDEFINED: Final = "–"
TOO_FEW: Final = "*"
DOUBTFUL: Final = "†"
DOUBTFUL_NOTE: Final = (
    f"{DOUBTFUL} its interval may miss its 95%: it stands on few independent patients (levels.csv)."
)
MINUS: Final = "−"


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    """The value."""
    small: str = ""
    """Its interval or count, in lighter ink beside it."""
    mark: str = ""
    """`*` where it stands on too little, `†` where its interval may miss its confidence."""
    kind: Literal["", "head", "main", "bad", "good", "muted"] = ""
    """How it is shown."""

    @property
    def plain(self) -> str:
        """The cell as one piece of text."""
        return f"{self.text}{self.mark}" + (f" [{self.small}]" if self.small else "")


@dataclass(frozen=True)
class Table:
    """A table for a reader, and its numbers for a program."""

    name: str
    """Stem of its files."""
    title: str
    """What it holds."""
    headings: tuple[str, ...]
    """One per column."""
    rows: tuple[tuple[Cell, ...], ...]
    """Cells, as many in each row as there are headings."""
    note: str = ""
    """What a reader has to know: counts, intervals; what a dagger means is added where one stands."""
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Its numbers in full precision, for the CSV file; where empty, the cells' texts."""
    left: int = 1
    """Columns from the left that hold words."""
    folded: bool = False
    """Whether the page shows it only on request."""

    def __post_init__(self) -> None:
        if any(DOUBTFUL in cell.mark for row in self.rows for cell in row):
            object.__setattr__(self, "note", f"{self.note} {DOUBTFUL_NOTE}".strip())
        for row in self.rows:
            if len(row) != len(self.headings):
                raise ValueError(f"table {self.name!r}: {len(row)} cells under {len(self.headings)} headings")

    @property
    def frame(self) -> pd.DataFrame:
        """What the CSV file holds."""
        if len(self.data.columns):
            return self.data
        return pd.DataFrame([[cell.plain for cell in row] for row in self.rows], columns=list(self.headings))


def number(value: float, digits: int = 3) -> str:
    """A number with a fixed count of digits and a true minus; a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", MINUS)


def count(value: float) -> str:
    """A whole number with thousands apart."""
    return f"{int(value):,}" if value is not None and math.isfinite(value) else UNDEFINED


def percent(value: float, digits: int = 1) -> str:
    """A share 0..1 in percent."""
    return f"{100 * value:.{digits}f}%" if value is not None and math.isfinite(value) else UNDEFINED


def interval(low: float, high: float, digits: int = 3) -> str:
    """`0.71–0.84`; with a negative limit `−0.10 to 0.04`; empty where a limit is undefined."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    dash = " to " if low < 0 else "–"
    return f"{number(low, digits)}{dash}{number(high, digits)}"


def marks(*, few: bool = False, doubtful: bool = False) -> str:
    """The signs of what stands on too little, and of an interval that may miss its confidence."""
    return (TOO_FEW if few else "") + (DOUBTFUL if doubtful else "")


def estimate(
    value: float, low: float, high: float, *, few: bool = False, doubtful: bool = False, digits: int = 3
) -> Cell:
    """A value with its interval in lighter ink; marked where it stands on too little, or its interval may miss."""
    if value is None or not math.isfinite(value):
        return Cell(UNDEFINED, kind="muted")
    return Cell(number(value, digits), interval(low, high, digits), marks(few=few, doubtful=doubtful))


def level_cell(row: Mapping[Any, Any] | pd.Series) -> Cell:
    """A row of `level_table` as a cell, with its marks."""
    return estimate(
        row["value"], row["low"], row["high"], few=bool(row["too_few"]), doubtful=bool(row["note"])
    )


def p_value(p: float) -> str:
    """`0.03`, or `<0.001`; a dash where there is none."""
    if p is None or not math.isfinite(p):
        return UNDEFINED
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def words(items: Sequence[str], last: str = "and") -> str:
    """A list as a sentence has it: `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
