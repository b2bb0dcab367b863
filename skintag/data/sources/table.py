"""A metadata file as text: its encoding, separator and line ends told apart, its columns by name."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.csv_text import unmarked_utf16
from skintag.core.errors import DataError, first_few, near_matches
from skintag.data.sources.cells import tidy

_SEPARATORS: Final = ",\t;"


@dataclass(frozen=True, eq=False)
class MetadataTable:
    """A metadata file's cells, all text."""

    path: Path
    """The file, named in errors."""
    frame: pd.DataFrame
    """Lower-case column names; indexed by row number as a spreadsheet shows it (the header is row 1)."""
    notes: tuple[str, ...] = ()
    """One sentence each on how the file had to be read."""
    absent: list[str] = field(default_factory=list)
    """Optional columns that were asked for and are not there, by the first of their names."""

    def need(self, *names: str) -> pd.Series:
        """The first of these columns that the file has, blanks and words for unknown as null.

        Raises:
            DataError: the file has none of them.
        """
        found = self._first(names)
        if found is None:
            columns = list(self.frame.columns)
            raise DataError(
                self.path,
                expected=f"a column {' or '.join(map(repr, names))}",
                found=f"the columns {first_few(columns, 40)}",
                fix=f"use the publisher's file, or rename the column: {near_matches(names[0], columns)}",
            )
        return tidy(self.frame[found])

    def get(self, *names: str) -> pd.Series:
        """`need`, but all null, and noted in `absent`, where the file has none of these columns."""
        if self._first(names) is None:
            self.absent.append(names[0])
            return pd.Series(pd.NA, index=self.frame.index, dtype="str", name=names[0])
        return self.need(*names)

    def has(self, *names: str) -> bool:
        """Whether the file has one of these columns."""
        return self._first(names) is not None

    def keep(self, rows: pd.Series) -> MetadataTable:
        """The table with only the rows where `rows` (bool [n]) is true; row numbers stay."""
        return MetadataTable(self.path, self.frame[rows], self.notes, self.absent)

    def _first(self, names: tuple[str, ...]) -> str | None:
        return next((name for name in map(str.lower, names) if name in self.frame.columns), None)


def read_table(path: Path) -> MetadataTable:
    """Read a metadata file: comma, tab or semicolon; UTF-8 (with or without BOM), UTF-16 or Windows text.

    Rows without any text are dropped.

    Raises:
        DataError: the file cannot be read, is empty, has no row, or has a row that is too long.
    """
    try:
        text, notes = _decode(path.read_bytes())
    except OSError as error:
        raise DataError(
            path, expected="a metadata file", found=str(error), fix="correct its permissions"
        ) from error
    text = text.lstrip("\r\n")
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    if not header.strip():
        raise _empty(path, "no text at all")
    frame = _parse(path, text, max(_SEPARATORS, key=header.count))
    frame, clash = _by_name(path, frame)
    frame.index = pd.RangeIndex(2, len(frame) + 2)
    blank = frame.apply(lambda column: column.str.strip() == "").all(axis=1)
    if blank.all():
        raise _empty(path, "a header and no row")
    return MetadataTable(path, frame[~blank], (*notes, *clash))


def _by_name(path: Path, frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The columns by lower-case names; of several that differ in case only, the one that is lower-case is used.

    Raises:
        DataError: none of them is, or several are.
    """
    given = [str(name).strip() for name in frame.columns]
    lower = [name.lower() for name in given]
    taken, notes = [], []
    for name in dict.fromkeys(lower):
        alike = [i for i, other in enumerate(lower) if other == name]
        exact = [i for i in alike if given[i] == name]
        if len(alike) > 1 and len(exact) != 1:
            raise DataError(
                path,
                expected="columns that differ in more than case and blanks",
                found=first_few([repr(given[i]) for i in alike]),
                fix="rename or remove one of them",
            )
        if len(alike) > 1:
            others = first_few([repr(given[i]) for i in alike if i not in exact])
            notes.append(f"the column {name!r} is used, and {others} is not")
        taken.append(exact[0] if len(alike) > 1 else alike[0])
    out = frame.iloc[:, taken]
    out.columns = [lower[i] for i in taken]
    return out, tuple(notes)


def _decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace"), ()
    if order := unmarked_utf16(data):
        note = "the metadata file is UTF-16 without a byte order mark"
        return data.decode(order, errors="replace"), (note,)
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        return text, ("the metadata file is not UTF-8 and was read as Windows-1252",)


def _parse(path: Path, text: str, separator: str) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            # With index_col=False pandas cuts surplus cells off and only warns.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text), sep=separator, dtype="str", keep_default_na=False, na_filter=False,
                skip_blank_lines=False, index_col=False,
            )  # fmt: skip
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise DataError(
            path,
            expected="a table with as many cells in each row as in its header",
            found=str(error),
            fix="correct the row, or download the file again: it may be cut short",
        ) from error
    return frame.fillna("")  # rows that end early


def _empty(path: Path, found: str) -> DataError:
    fix = "download the file again"
    return DataError(path, expected="a header and a row per image", found=found, fix=fix)
