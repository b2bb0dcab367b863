"""Groups of one's own, such as hospitals or scanners: further columns by which the test rows are told apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few, near_matches
from skintag.evaluation.foreign import values
from skintag.evaluation.foreign.file import file_columns, read_columns
from skintag.evaluation.predictions.schema import OPTIONAL_COLUMNS, REQUIRED_COLUMNS

MOST_GROUPS: Final = 100
"""More than that are no groups to compare but names, dates or measurements."""
_KEY: Final = "image_id"


def read_own_groups(
    path: str | os.PathLike[str],
    names: Sequence[str] = (),
    *,
    key: str = _KEY,
    unknown: Sequence[str] = (),
) -> pd.DataFrame:
    """Columns of a table (CSV, TSV, parquet) as groups of images.

    Args:
        path: a table with a row per image, or several that agree.
        names: its columns; all but `key` where there are none.
        key: the column that says which image a row is of.
        unknown: further spellings of unknown.

    Returns:
        Text columns indexed by image_id, null where a cell is a spelling of unknown; a column that has the name of one
        of the predictions table is called `own <name>`.

    Raises:
        DataError: the file is no such table, two rows of an image disagree, or a column has over `MOST_GROUPS` values.
    """
    where = Path(path)
    present = file_columns(where)
    wanted = list(dict.fromkeys(names)) or [name for name in present if name != key]
    for name in (key, *wanted):
        if name not in present:
            raise DataError(
                where,
                expected=f"a column {name!r}",
                found=f"columns {first_few(present, 20)}",
                fix=near_matches(name, present),
            )
    raw = read_columns(where, list(dict.fromkeys((key, *wanted))))
    ids = values.shown(raw[key]).str.strip()
    values.refuse_missing(ids == "", f"a {key}", ids, where, fix="fill the column, or drop these rows")
    table = pd.DataFrame({name: values.known(_whole(raw[name]), unknown) for name in wanted}).set_index(
        pd.Index(ids, name=_KEY)
    )
    for name in wanted:
        _check(table[name], name, where)
    taken = {**REQUIRED_COLUMNS, **OPTIONAL_COLUMNS}
    return table[~table.index.duplicated()].rename(
        columns=lambda name: f"own {name}" if name in taken else name
    )


def _whole(column: pd.Series) -> pd.Series:
    """Whole numbers as such: a column of them with gaps comes out of parquet as 3.0, and the group is called 3."""
    if not pd.api.types.is_float_dtype(column) or not column.dropna().mod(1).eq(0).all():
        return column
    return column.astype("Int64").astype("str").mask(column.isna())


def _check(column: pd.Series, name: str, where: Path) -> None:
    """Refuse two groups of one image, and columns that hold no groups."""
    held = column.dropna()
    several = held.groupby(level=0).nunique()
    twice = several[several > 1]
    if len(twice):
        image = str(twice.index[0])
        raise DataError(
            where,
            expected=f"one {name!r} for each image",
            found=f"{len(twice):,} image(s) with several, {image} with {first_few(sorted(set(held[[image]])), 3)}",
            fix="correct these rows",
        )
    groups = held.nunique()
    if not 0 < groups <= MOST_GROUPS:
        raise DataError(
            where,
            expected=f"1 to {MOST_GROUPS} groups in {name!r}",
            found=f"{groups:,}" + (f": {first_few(sorted(set(held)), 4)}" if groups else ""),
            fix="name a column of groups, e.g. of hospitals; put measurements into bands first",
        )
