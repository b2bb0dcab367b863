"""Anybody's table from disk: CSV, TSV or parquet, only the columns that are wanted, never executing anything."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.csv_text import unmarked_utf16
from skintag.core.errors import DataError, first_few

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_SUFFIXES: Final = (".parquet", ".pq")
_SAMPLE: Final = 1 << 18  # bytes looked at to tell the delimiter
_SAMPLE_ROWS: Final = 50
_NAMED_DELIMITER: Final = re.compile(r'"?sep=(.)"?')  # the first line that Excel writes and reads


@dataclass(frozen=True)
class _Layout:
    """How a text file is cut into fields."""

    delimiter: str
    names: list[str]
    """The header, blanks around the names removed."""
    above: int
    """Lines up to and with the header."""


def file_columns(path: Path) -> list[str]:
    """The names in the file's header, blanks around them removed.

    Raises:
        DataError: there is no such file, it is of another kind, not UTF-8, empty, or has one column only.
    """
    if not path.is_file():
        raise DataError(path, expected="a file", found="none", fix="check the path")
    if _is_parquet(path):
        import pyarrow.parquet as pq

        try:
            return [str(name).strip() for name in pq.read_schema(path).names]
        except (OSError, ValueError) as error:
            raise _unreadable(path, "a parquet file", error) from error
    return _layout(path).names


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
    if _is_parquet(path):
        import pyarrow.parquet as pq

        raw = {name.strip(): name for name in pq.read_schema(path).names}
        try:
            table = pq.read_table(path, columns=[raw[name] for name in wanted])
        except (OSError, ValueError) as error:  # a header in order, and damaged pages
            raise _unreadable(path, "a parquet file that is whole", error) from error
        return table.rename_columns(list(wanted)).to_pandas(ignore_metadata=True)
    return _read_text(path, wanted)


def _read_text(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    layout = _layout(path)
    frame = _parsed(path, layout, wanted)
    if not len(wanted):
        return frame
    empty = frame[wanted[0]].str.strip() == ""
    if empty.any():  # rows of commas, as spreadsheets leave them; a row with text in any column stays
        names = [name for name in layout.names if layout.names.count(name) == 1]
        whole = _parsed(path, layout, names).apply(lambda column: column.str.strip() == "").all(axis=1)
        frame = frame[~(empty & whole)].reset_index(drop=True)
    return frame


def _parsed(path: Path, layout: _Layout, wanted: Sequence[str]) -> pd.DataFrame:
    """The wanted columns of all rows, as text."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    names, delimiter = layout.names, layout.delimiter
    try:
        table = arrow.read_csv(
            pa.input_stream(path, compression="gzip" if _is_zipped(path) else None),
            read_options=arrow.ReadOptions(column_names=names, skip_rows=layout.above),
            parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                include_columns=list(wanted),
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowInvalid, OSError) as error:
        found = _said(error)
        if "compressed" in found:
            raise _unreadable(path, "a gzip file that is whole", error) from error
        fix = f"every row needs {len(names)} fields, separated by a {DELIMITERS.get(delimiter, repr(delimiter))}"
        if delimiter == "," and "columns, got" in found:
            fix += "; numbers with a decimal comma (0,53) break a comma-separated file: write 0.53"
        raise DataError(path, expected="a rectangular table", found=found, fix=fix) from error
    return table.to_pandas()


def _head(path: Path) -> str:
    """The beginning of a text file, whole lines only."""
    try:
        with gzip.open(path) if _is_zipped(path) else path.open("rb") as stream:
            raw = stream.read(_SAMPLE)
    except (OSError, EOFError, zlib.error) as error:  # EOFError: a gzip file that was cut off
        raise _unreadable(path, "a text file that is whole", error) from error
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or unmarked_utf16(raw):
        raise DataError(path, expected="UTF-8", found="UTF-16", fix="save it as 'CSV UTF-8'")
    if len(raw) == _SAMPLE and b"\n" in raw:
        raw = raw[: raw.rindex(b"\n")]
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, "UTF-8 text", error) from error


def _layout(path: Path) -> _Layout:
    """Delimiter and header of a text file, checked to be a table."""
    if not path.name.lower().endswith(TEXT_SUFFIXES):
        raise DataError(
            path,
            expected=f"a file named {', '.join((*TEXT_SUFFIXES[:3], *PARQUET_SUFFIXES[:1]))} (or .gz)",
            found=f"{path.suffix or 'no suffix'!r}",
            fix="export the predictions as CSV or parquet; formats that can run code are never read",
        )
    head = _head(path)
    if "\r" in head and "\n" not in head:
        raise DataError(
            path,
            expected="lines that end as on Windows, Linux or macOS",
            found="a single line, or lines that end in carriage returns alone, as on the first Macs",
            fix="export the file again, or save it as 'CSV UTF-8'",
        )
    above, named, lines = 0, "", head.split("\n")
    for line in lines:
        match = _NAMED_DELIMITER.fullmatch(line.strip("\r"))
        if not match and line.strip(" \r\t,;"):
            break
        above, named = above + 1, match[1] if match else named
    table = "\n".join(lines[above:])
    delimiter = named or _delimiter(path, table)
    rows, in_header = _sample(path, table, delimiter)
    if len(rows) < 2:
        raise DataError(
            path, expected="a header and rows below it", found=f"{len(rows)} line(s)", fix="check the file"
        )
    return _Layout(delimiter, [name.strip() for name in rows[0]], above + in_header)


def _sample(path: Path, table: str, delimiter: str) -> tuple[list[list[str]], int]:
    """The first rows that are not empty, and how many lines the header takes."""
    reader = csv.reader(io.StringIO(table), delimiter=delimiter)
    rows: list[list[str]] = []
    in_header = 0
    try:
        for row in reader:
            if row:
                rows.append(row)
                in_header = in_header or reader.line_num
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error as error:
        raise DataError(
            path,
            expected="rows of fields",
            found=f"line {reader.line_num}: {error}",
            fix="close every quotation mark, and leave out columns of very long text",
        ) from error
    return rows, in_header


def _delimiter(path: Path, table: str) -> str:
    """The delimiter that cuts most rows into as many fields as the header, and among equals into most."""
    best, merit = "", (-1.0, 1)
    for delimiter in DELIMITERS:
        rows, _ = _sample(path, table, delimiter)
        fields = len(rows[0]) if rows else 0
        alike = sum(len(row) == fields for row in rows[1:]) / max(len(rows) - 1, 1)
        if fields > 1 and (alike, fields) > merit:
            best, merit = delimiter, (alike, fields)
    if not best:
        line = table.splitlines()[0][:80] if table.strip() else "an empty file"
        raise DataError(
            path,
            expected=f"columns separated by {', '.join(DELIMITERS.values())}",
            found=line,
            fix="check that the first line is a header with at least two columns",
        )
    return best


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith(PARQUET_SUFFIXES)


def _is_zipped(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _unreadable(path: Path, expected: str, error: Exception) -> DataError:
    return DataError(path, expected=expected, found=_said(error), fix="export the file again")
