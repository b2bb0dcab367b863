"""Parquet files with a checksum of the whole file in their footer's metadata; to other readers files like any other."""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skintag.core.checksums import damaged
from skintag.core.io import atomic_path

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

_PARQUET_KEY: Final = b"skintag.crc32"
_BLANK: Final = b"00000000"
# As the footer's encoding (Thrift, compact) has it: the key's text, then field 2, a text of eight bytes.
_MARK: Final = _PARQUET_KEY + b"\x18\x08"
_PIECE: Final = 1 << 22  # bytes that are read at a time


def write_parquet(frame: pd.DataFrame, path: str | os.PathLike[str], *, compression: str = "snappy") -> None:
    """Write a table as Parquet with a checksum of the whole file, atomically; its index is left out.

    Equal tables give equal bytes. To other readers of Parquet it is a file like any other.
    """
    import pyarrow as pa

    write_table(pa.Table.from_pandas(frame, preserve_index=False), path, compression=compression)


def write_table(table: pa.Table, path: str | os.PathLike[str], *, compression: str = "snappy") -> None:
    """`write_parquet` of an arrow table; its metadata is kept."""
    import pyarrow.parquet as pq

    table = table.replace_schema_metadata(_with_blank(table.schema))
    with _stamped(path) as part:
        pq.write_table(table, part, compression=compression)


@contextmanager
def parquet_writer(
    path: str | os.PathLike[str], schema: pa.Schema, *, compression: str = "snappy"
) -> Iterator[pq.ParquetWriter]:
    """A writer of more rows than fit into memory; the file is there, with its checksum, once the block ends.

    Args:
        path: of the file; not touched where the block raises.
        schema: of every table that is given to `write_table`.
        compression: of the columns.
    """
    import pyarrow.parquet as pq

    schema = schema.with_metadata(_with_blank(schema))
    with _stamped(path) as part, pq.ParquetWriter(part, schema, compression=compression) as writer:
        yield writer


def _with_blank(schema: pa.Schema) -> dict[bytes, bytes]:
    return {**(schema.metadata or {}), _PARQUET_KEY: _BLANK}


@contextmanager
def _stamped(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Where a Parquet file with a blank checksum is to be written, which is then filled in."""
    with atomic_path(path) as part:
        yield part
        with part.open("rb+") as stream:
            place = _mark_in(stream.fileno(), part.stat().st_size)
            assert place is not None, "the footer's metadata is not where Parquet puts it"
            stream.seek(place)
            stream.write(b"%08x" % _crc_around(stream.fileno(), place))


def read_parquet(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a table that `write_parquet` wrote; one without a checksum is read as it is.

    Raises:
        Damaged: its bytes are not those that were written.
        OSError: it cannot be read.
        ValueError: it is no Parquet file (pyarrow's errors are subclasses).
    """
    import pandas as pd

    check_parquet(path)
    return pd.read_parquet(path, columns=None if columns is None else list(columns))


def check_parquet(path: str | os.PathLike[str]) -> None:
    """Raise Damaged where a Parquet file's bytes are not those that were written; see `read_parquet`."""
    with Path(path).open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        place = _mark_in(stream.fileno(), size) if size else None
        if place is None:
            return
        stream.seek(place)
        said = stream.read(len(_BLANK))
        found = b"%08x" % _crc_around(stream.fileno(), place)
    if said != found:
        raise damaged(path, said.decode("latin-1"), found.decode())


def _mark_in(descriptor: int, size: int) -> int | None:
    """Where the checksum's eight digits lie in a Parquet file of `size` bytes; None where it has none."""
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as data:
        footer = int.from_bytes(data[-8:-4], "little")
        place = data.rfind(_MARK, max(0, size - 8 - footer))
        if place < 0:
            place = data.rfind(_MARK)  # the footer's length may be what is damaged
    inside = 0 <= place <= size - len(_MARK) - len(_BLANK)
    return place + len(_MARK) if inside else None


def _crc_around(descriptor: int, place: int) -> int:
    """CRC-32 of a file with the eight bytes at `place` left blank."""
    total = position = 0
    while piece := os.pread(descriptor, _PIECE, position):
        start, stop = max(place - position, 0), min(place + len(_BLANK) - position, len(piece))
        if start < stop:
            done = position + start - place  # of the blank, in the piece before
            piece = piece[:start] + _BLANK[done : done + stop - start] + piece[stop:]
        total, position = zlib.crc32(piece, total), position + len(piece)
    return total
