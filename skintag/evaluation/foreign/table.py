"""Anybody's predictions as a checked predictions table: other column names, text labels, missing columns.

Nothing is guessed silently: what was understood how, what is missing and what was ignored is written down in
notes that the report shows, and what cannot be understood is refused with the rows it stands in.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from skintag.core.errors import DataError, first_few, near_matches
from skintag.evaluation.foreign.file import file_columns, read_columns
from skintag.evaluation.foreign.reader import ForeignReader
from skintag.evaluation.foreign.settings import AUTO, MAPPABLE, PREDICTED, ForeignSettings
from skintag.evaluation.predictions.predictions import Predictions

DEFAULTS: Final = ForeignSettings()
_NEEDED: Final = ("image_id", "p_malignant")
# Roles that one column may have at once, as a diagnosis is label and condition; others would answer for themselves.
_ALIKE: Final = (
    {"target", "malignancy", "condition"},
    {"image_id", "lesion_id", "patient_id", "group_id"},
    {"model", "dataset", "domain", "site"},
    {"fitzpatrick", "fst_group"},
    {"age", "age_group"},
)


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


def read_foreign_files(
    paths: Sequence[str | os.PathLike[str]], settings: ForeignSettings = DEFAULTS
) -> ForeignTable:
    """Several files as one table: the folds of a cross-validation, each with the images that it was tested on.

    Where no column says otherwise, their rows are of one model and one data set, called as the files' names begin.

    Raises:
        DataError: as `read_foreign`; or an image is in two of the files.
    """
    if len(paths) == 1:
        return read_foreign(paths[0], settings)
    files = [Path(path) for path in paths]
    stem = common_name(files)
    named = replace(settings, model=settings.model or stem, dataset=settings.dataset or stem)
    tables = [read_foreign(path, named) for path in files]
    seen: dict[tuple[str, str], Path] = {}
    for path, table in zip(files, tables, strict=True):
        for row in zip(table.predictions.frame["image_id"], table.predictions.frame["model"], strict=True):
            if seen.setdefault(row, path) != path:
                raise DataError(
                    path,
                    expected="images that are in no other of the files, as folds have",
                    found=f"{row[0]} of the model {row[1]!r}, which is in {seen[row]} too",
                    fix="give files of other images, or name their models in a column: columns.model=<column>",
                )
    notes = [f"read together: {first_few([path.name for path in files], 20)}"]
    for path, table in zip(files, tables, strict=True):
        shared = [note for note in table.notes if all(note in other.notes for other in tables)]
        notes += [note if note in shared else f"{path.name}: {note}" for note in table.notes]
    ignored = list(dict.fromkeys(name for table in tables for name in table.ignored))
    together = Predictions.concat(table.predictions for table in tables)
    return ForeignTable(together, tuple(dict.fromkeys(notes)), tuple(ignored))


def common_name(files: Sequence[Path]) -> str:
    """What the files' names begin with, without the number of a fold: `fold0.csv`, `fold1.csv` are `fold`."""
    stems = [path.name.split(".")[0] for path in files]
    return os.path.commonprefix(stems).rstrip("0123456789_- .") or stems[0]  # noqa: RUF071 (of names, not of paths)


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
    _refuse_two_roles(path, names, given)
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


def _refuse_two_roles(path: Path, names: Mapping[str, str], given: Collection[str]) -> None:
    """Refuse a column as its own answer: scores that are taken as labels too have an AUROC of 1.

    Raises:
        DataError: a column that two of our names stand for, which cannot be one thing.
    """
    roles: dict[str, list[str]] = {}
    for ours, theirs in names.items():
        roles.setdefault(theirs, []).append(ours)
    for theirs, both in roles.items():
        if len(both) < 2 or any(set(both) <= alike for alike in _ALIKE):
            continue
        unasked = [name for name in both if name not in given] or both[1:]
        options = [f"columns.{name}=<its column>" for name in unasked]
        free = [f"columns.{name}=null" for name in unasked if name not in (*_NEEDED, "target")]
        raise DataError(
            path,
            expected="a column for each role",
            found=f"the column {theirs!r} for {' and '.join(both)}",
            fix=" ".join(options) + (f", or none: {' '.join(free)}" if free else ""),
        )
