"""Embeddings as files, written row by row: Parquet, or one array with an index of its rows beside it."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from skintag.core.csv_text import safe_cell
from skintag.core.errors import ConfigError
from skintag.core.io import atomic_path

PARQUET, NPY = ".parquet", ".npy"
_ROWS: Final = 4096  # of a row group: what a reader has to take at a time


class Writer(Protocol):
    """Takes embeddings, some rows at a time."""

    def add(self, names: Sequence[str], rows: NDArray[np.float32]) -> None:
        """Write the embeddings of [n] images, float32 [n, D], in this order."""


def files_of(out: Path) -> dict[str, Path]:
    """What is written: `embeddings`, `settings`, `unreadable`, and `index` where the embeddings have no names.

    Raises:
        ConfigError: `out` ends in none of the suffixes.
    """
    if out.suffix not in (PARQUET, NPY):
        raise ConfigError(f"out={out}: expected a name that ends in {PARQUET} or {NPY}")
    beside = {"index": ".index.csv"} if out.suffix == NPY else {}
    beside |= {"unreadable": ".unreadable.csv", "settings": ".json"}
    return {"embeddings": out, **{name: out.with_name(out.name + end) for name, end in beside.items()}}


@contextmanager
def embedding_writer(out: Path, size: int) -> Iterator[Writer]:
    """What writes the embeddings and, of an array, its index; the files are there once the block ends.

    Args:
        out: `.parquet`: columns `image` (text) and `embedding` (a list of fixed size D, float32); `.npy`: an array
            float32 [n, D], and `<out>.index.csv` with `row` and `image`.
        size: D.
    """
    with _parquet(out, size) if out.suffix == PARQUET else _array(out, size) as writer:
        yield writer


@contextmanager
def table_writer(path: Path, columns: Sequence[str]) -> Iterator[Any]:
    """A writer of the rows of a CSV, with its header written; the file is there once the block ends."""
    with atomic_path(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        yield writer


class _Parquet:
    def __init__(self, writer: Any, schema: Any) -> None:
        self._writer, self._schema = writer, schema
        self._names: list[str] = []
        self._rows: list[NDArray[np.float32]] = []

    def add(self, names: Sequence[str], rows: NDArray[np.float32]) -> None:
        self._names += names
        self._rows.append(rows)
        if len(self._names) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        if not self._names:
            return
        rows = np.concatenate(self._rows)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        self._writer.write_table(pa.table([pa.array(self._names), lists], schema=self._schema))
        self._names, self._rows = [], []


@contextmanager
def _parquet(out: Path, size: int) -> Iterator[_Parquet]:
    import pyarrow as pa

    from skintag.core.parquet import parquet_writer

    schema = pa.schema([("image", pa.string()), ("embedding", pa.list_(pa.float32(), size))])
    with parquet_writer(out, schema) as file:
        writer = _Parquet(file, file.schema)
        yield writer
        writer.flush()


class _Array:
    def __init__(self, stream: IO[bytes], index: Any, size: int) -> None:
        self._stream, self._index, self._size, self.rows = stream, index, size, 0

    def add(self, names: Sequence[str], rows: NDArray[np.float32]) -> None:
        self._stream.write(np.ascontiguousarray(rows, dtype="<f4").tobytes())
        self._index.writerows([self.rows + i, safe_cell(name)] for i, name in enumerate(names))
        self.rows += len(names)

    def header(self) -> None:
        """Write what comes before the rows; as long as any other, for numpy leaves room for a number that grows."""
        self._stream.seek(0)
        about = {"descr": "<f4", "fortran_order": False, "shape": (self.rows, self._size)}
        npy.write_array_header_1_0(self._stream, about)


@contextmanager
def _array(out: Path, size: int) -> Iterator[_Array]:
    with ExitStack() as files:
        part = files.enter_context(atomic_path(out))
        index = files.enter_context(table_writer(files_of(out)["index"], ("row", "image")))
        with part.open("wb") as stream:
            writer = _Array(stream, index, size)
            writer.header()
            yield writer
            writer.header()
