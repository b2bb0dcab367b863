"""Anybody's table from disk: CSV, TSV or parquet, only the columns that are wanted, never executing anything."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.errors import DataError, first_few

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
_SAMPLE: Final = 1 << 18  # bytes looked at to tell the delimiter


def file_columns(path: Path) -> list[str]:
    """The names in the file's header, blanks around them removed.

    Raises:
        DataError: there is no such file, it is of another kind, not UTF-8, empty, or has one column only.
    """
    if not path.is_file():
        raise DataError(path, expected="a file", found="none", fix="check the path")
    if path.name.endswith(PARQUET_SUFFIXES):
        import pyarrow.parquet as pq

        try:
            return [str(name).strip() for name in pq.read_schema(path).names]
        except (OSError, ValueError) as error:
            raise _unreadable(path, "a parquet file", error) from error
    return [name.strip() for name in _rows(path)[0]]


def read_columns(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    """The `wanted` columns, in file order of rows; a text file's values are all text, empty for nothing.

    Raises:
        DataError: as `file_columns`, and where rows have more or fewer fields than the header.
    """
    names = file_columns(path)
    twice = sorted({name for name in wanted if names.count(name) > 1})
    if twice:
        raise DataError(
            path,
            expected="one column of each name that is used",
            found=f"{first_few(twice)} more than once",
            fix="rename one of them in the file",
        )
    if path.name.endswith(PARQUET_SUFFIXES):
        import pyarrow.parquet as pq

        raw = {name.strip(): name for name in pq.read_schema(path).names}
        table = pq.read_table(path, columns=[raw[name] for name in wanted])
        return table.rename_columns(list(wanted)).to_pandas(ignore_metadata=True)
    return _read_text(path, names, wanted)


def _read_text(path: Path, names: list[str], wanted: Sequence[str]) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import csv as arrow

    delimiter = _delimiter(path, _head(path))
    try:
        table = arrow.read_csv(
            path,
            read_options=arrow.ReadOptions(column_names=names, skip_rows=1),
            parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                include_columns=list(wanted),
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        found = str(error).splitlines()[0]
        fix = f"every row needs {len(names)} fields, separated by a {DELIMITERS[delimiter]}"
        if delimiter == "," and "columns, got" in found:
            fix += "; numbers with a decimal comma (0,53) break a comma-separated file: write 0.53"
        raise DataError(path, expected="a rectangular table", found=found, fix=fix) from error
    return table.to_pandas()


def _head(path: Path) -> str:
    """The beginning of a text file, whole lines only."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            raw = stream.read(_SAMPLE)
    except OSError as error:
        raise _unreadable(path, "a text file", error) from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(path, expected="UTF-8", found="UTF-16", fix="save it as 'CSV UTF-8'")
    if len(raw) == _SAMPLE and b"\n" in raw:
        raw = raw[: raw.rindex(b"\n")]
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, "UTF-8 text", error) from error


def _rows(path: Path) -> list[list[str]]:
    """The header and the first rows of a text file, checked to be a table."""
    if not path.name.endswith(TEXT_SUFFIXES):
        raise DataError(
            path,
            expected=f"a file named {', '.join((*TEXT_SUFFIXES[:3], *PARQUET_SUFFIXES[:1]))} (or .gz)",
            found=f"{path.suffix or 'no suffix'!r}",
            fix="export the predictions as CSV or parquet; formats that can run code are never read",
        )
    head = _head(path)
    rows = [row for row in csv.reader(io.StringIO(head), delimiter=_delimiter(path, head)) if row]
    if len(rows) < 2:
        raise DataError(
            path, expected="a header and rows below it", found=f"{len(rows)} line(s)", fix="check the file"
        )
    return rows


def _delimiter(path: Path, head: str) -> str:
    """The delimiter that cuts the header into most fields, and the rows below into as many."""
    best, fields = "", 1
    for delimiter in DELIMITERS:
        header = next(iter(csv.reader(io.StringIO(head), delimiter=delimiter)), [])
        if len(header) > fields:
            best, fields = delimiter, len(header)
    if not best:
        line = head.splitlines()[0][:80] if head.strip() else "an empty file"
        raise DataError(
            path,
            expected=f"columns separated by {', '.join(DELIMITERS.values())}",
            found=line,
            fix="check that the first line is a header with at least two columns",
        )
    return best


def _unreadable(path: Path, expected: str, error: Exception) -> DataError:
    return DataError(path, expected=expected, found=str(error).splitlines()[0], fix="export the file again")
