"""Anybody's predictions as a checked predictions table: other column names, text labels, missing columns.

Nothing is guessed silently: what was understood how, what is missing and what was ignored is written down in
notes that the report shows, and what cannot be understood is refused with the rows it stands in.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skintag.core.errors import DataError, first_few, near_matches
from skintag.evaluation.foreign.file import file_columns, read_columns
from skintag.evaluation.foreign.reader import ForeignReader
from skintag.evaluation.foreign.settings import AUTO, MAPPABLE, PREDICTED, ForeignSettings
from skintag.evaluation.predictions.predictions import Predictions

DEFAULTS: Final = ForeignSettings()
_NEEDED: Final = ("image_id", "p_malignant")


@dataclass(frozen=True)
class ForeignTable:
    """What was understood of a foreign file, with notes on how."""

    predictions: Predictions
    """The checked table."""
    notes: tuple[str, ...]
    """What was understood how, and what is missing; for the top of the report."""
    ignored: tuple[str, ...]
    """Columns of the file that nothing was made of."""


def read_foreign(
    path: str | os.PathLike[str],
    settings: ForeignSettings = DEFAULTS,
) -> ForeignTable:
    """Read somebody else's predictions (CSV, TSV, parquet).

    Raises:
        DataError: the file is no table, a named column is not in it, a score is no number in [0, 1], an image
            comes twice, a label or skin type is not understood; the message names the rows and the cure.
    """
    where = Path(path)
    names = _names_of(where, settings)
    raw = read_columns(where, list(dict.fromkeys(names.values())))
    if raw.empty:
        raise DataError(where, expected="rows below the header", found="none", fix="check the export")
    columns = {ours: raw[theirs] for ours, theirs in names.items()}
    reader = ForeignReader(where, settings, columns, set(names) - set(_asked(settings)))
    frame = reader.frame()
    used = {theirs for ours, theirs in names.items() if ours not in reader.left_out}
    ignored = tuple(name for name in file_columns(where) if name not in used)
    return ForeignTable(Predictions(frame, where), tuple(reader.notes), ignored)


def _asked(settings: ForeignSettings) -> dict[str, str]:
    """Our name -> the file's, where somebody named it."""
    return {ours: theirs for ours, theirs in settings.columns.items() if theirs not in (None, AUTO)}


def _names_of(path: Path, settings: ForeignSettings) -> dict[str, str]:
    """Our name -> the file's, for all columns that will be read."""
    present = file_columns(path)
    given = _asked(settings)
    free = [name for name in (*MAPPABLE, *PREDICTED) if settings.columns.get(name, AUTO) == AUTO]
    for ours, theirs in given.items():
        if theirs not in present:
            raise DataError(
                path,
                expected=f"the column {theirs!r}, which columns.{ours} names",
                found=f"columns {first_few(present, 20)}",
                fix=near_matches(theirs, present),
            )
    names = {**{name: name for name in free if name in present}, **given}
    missing = [name for name in _NEEDED if name not in names]
    if "target" not in names and "malignancy" not in names:
        missing.append("target")
    if missing:
        hints = [f"columns.{name}=<column>" for name in missing]
        raise DataError(
            path,
            expected=f"a column for {', '.join(missing)}",
            found=f"columns {first_few(present, 20)}",
            fix=f"name them: {' '.join(hints)}; for {missing[0]}: {near_matches(missing[0], present)}",
        )
    return names
