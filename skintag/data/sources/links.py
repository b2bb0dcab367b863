"""Metadata that is spread over several files: which row of a further file belongs to each row of the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from skintag.core.errors import DataError, first_few, near_matches
from skintag.data.sources.cells import refuse
from skintag.data.sources.folder import without_suffix
from skintag.data.sources.table import MetadataTable


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


@dataclass(frozen=True, eq=False)
class Joined:
    """Several files as one table with the rows of the first. See `join`."""

    tables: tuple[MetadataTable, ...]
    """The files; the first has a row per picture."""
    links: tuple[Link, ...]
    """From the rows of the first to those of each; the first's leads to itself."""

    def has(self, name: str) -> bool:
        """Whether one of the files has this column."""
        return any(table.has(name) for table in self.tables)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know: how further files were read, rows of them that no picture belongs to."""
        said: list[str] = []
        for table, link_to in zip(self.tables[1:], self.links[1:], strict=True):
            said += [f"{table.path.name}: {note}" for note in table.notes]
            if unused := len(table.frame) - link_to.lines.nunique():
                said.append(f"{table.path.name}: {unused:,} rows that no picture belongs to")
        return tuple(said)

    def holder(self, name: str) -> int:
        """The position of the first file that has this column. DataError where none has."""
        for position, table in enumerate(self.tables):
            if table.has(name):
                return position
        columns = [str(column) for table in self.tables for column in table.frame]
        raise DataError(
            " and ".join(str(table.path) for table in self.tables),
            expected=f"a column {name!r}",
            found=f"the columns {first_few(columns, 40)}",
            fix=near_matches(name.lower(), columns),
        )


def join(tables: Sequence[MetadataTable], keys: Sequence[str]) -> Joined:
    """Join further files to the first, each by the first of `keys` that it shares with a file before it.

    Images to lesions to patients, say: the lesions' file is found by the images' lesion, the patients' by the lesions'
    patient. File names and numbers that a spreadsheet saved as 12.0 are compared without suffix.

    Raises:
        DataError: a file shares no key, has one in two rows, or lacks that of a row of the first.
    """
    first = tables[0]
    links = [Link(pd.Series(first.frame.index, index=first.frame.index))]
    for position, table in enumerate(tables[1:], start=1):
        earlier = Joined(tuple(tables[:position]), tuple(links))
        key = next((key for key in keys if table.has(key) and earlier.has(key)), None)
        if key is None:
            raise DataError(
                table.path,
                expected=f"a column {' or '.join(map(repr, keys))} that a table before it has too",
                found=f"the columns {first_few([str(name) for name in table.frame], 40)}",
                fix="name the column that joins them under key, or list the tables in another order",
            )
        holder = earlier.holder(key)
        mine = links[holder].carry(_bare(tables[holder].need(key)))
        links.append(link(mine, first.path, _bare(table.need(key)), table.path))
    return Joined(tuple(tables), tuple(links))


def _bare(cells: pd.Series) -> pd.Series:
    """Keys as they are compared: without the suffix of a picture, or `.0`."""
    return without_suffix(cells).str.removesuffix(".0")
