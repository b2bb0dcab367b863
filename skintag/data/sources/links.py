"""Metadata that is spread over several files: which row of a further file belongs to each row of the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.data.sources.cells import refuse


@dataclass(frozen=True, eq=False)
class Link:
    """From the rows of a first file to those of a further one. See `link`."""

    lines: pd.Series
    """Row number in the further file [n], indexed by the row number in the first."""

    def carry(self, cells: pd.Series) -> pd.Series:
        """A column of the further file as one of the first, [n]; several rows of the first may share a cell."""
        return cells.loc[self.lines.to_numpy()].set_axis(self.lines.index)


def link(keys: pd.Series, where: Path, others: pd.Series, other: Path) -> Link:
    """Find the row of a further file for each row of the first.

    Args:
        keys: of the first file, text [n], e.g. each image's lesion.
        where: the first file.
        others: the same of the further file, text, each once, e.g. each lesion.
        other: the further file. Rows of it that no row of the first belongs to play no part.

    Raises:
        DataError: the further file has a key in two rows, or lacks that of a row of the first.
    """
    known = others.dropna()
    if len(twice := known[known.duplicated(keep=False)]):
        rows = [f"{key!r} in rows {first_few(list(group.index), 4)}" for key, group in twice.groupby(twice)]
        raise DataError(
            f"{other}, column {others.name!r}",
            expected=f"one row for each {others.name}",
            found=f"{len(rows)} more than once: {first_few(rows, 5)}",
            fix="remove the repeated rows",
        )
    lines = keys.map(pd.Series(known.index, index=known.to_numpy()))
    refuse(keys[lines.isna()], where, f"each {keys.name} to be in {other.name}", "use files of one release")
    return Link(lines.astype("int64"))
