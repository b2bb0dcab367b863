"""Arrays kept by content: one row per image, written once in immutable parts, found by the image's SHA-256.

    <folder>/key.json                    what the rows were made with
    <folder>/<time>-<id>.rows.npy        [n, ...]
    <folder>/<time>-<id>.sha256.npy      S64 [n], the hex SHA-256 of each row's encoded image

A part is a pair of files, never changed once written. The rows are written first, and the hashes make the
part count; rows without hashes are what a killed process left, and are ignored. Writers never touch each
other's files, so runs and ranks may share a store. Where an image was added twice, the earlier part is the
one that is read.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import DataError
from skintag.core.io import atomic_path, read_json, write_json

_HEX = np.isin(np.arange(256), list(b"0123456789abcdef"))

Hashes = Sequence[str] | NDArray[np.generic]


@dataclass(frozen=True)
class Found:
    """Where some images lie in a store, as it was when they were looked up; the rows stay on disk."""

    found: NDArray[np.bool_]
    """[n], whether each is there."""
    rows: tuple[NDArray[Any], ...]
    """The parts, each [n_part, ...], mapped from disk."""
    part: NDArray[np.int64]
    """[n], which part each lies in."""
    place: NDArray[np.int64]
    """[n], which row of the part it is."""

    def take(self, which: NDArray[np.integer]) -> NDArray[Any]:
        """The rows of images `which` [m] (numbers of those looked up; they have to be there), [m, ...]."""
        part, place = self.part[which], self.place[which]
        if len(part) and (part == part[0]).all():
            return self.rows[part[0]][place]  # a copy
        first = self.rows[0]
        out = np.empty((len(part), *first.shape[1:]), dtype=first.dtype)
        for i in np.unique(part):
            mine = part == i
            out[mine] = self.rows[i][place[mine]]
        return out

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True)
class _Part:
    """One immutable pair of files."""

    rows: Path
    hashes: Path
    what: str
    dtype: np.dtype[Any]

    def read_hashes(self) -> NDArray[np.bytes_]:
        """The hashes of a part's images, S64 [n]."""
        hashes = self._load(self.hashes, None)
        if hashes.dtype != "S64" or hashes.ndim != 1:
            raise self._corrupt(self.hashes, f"{hashes.dtype} {list(hashes.shape)}")
        return hashes

    def map_rows(self, n: int) -> NDArray[Any]:
        """The rows, [n, ...], mapped from disk."""
        rows = self._load(self.rows, "r")
        if rows.dtype != self.dtype or rows.ndim < 2 or len(rows) != n:
            raise self._corrupt(self.rows, f"{rows.dtype} {list(rows.shape)} for {n} hashes")
        return rows

    def _load(self, path: Path, mmap_mode: Literal["r"] | None) -> NDArray[Any]:
        try:
            return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self._corrupt(path, f"{type(error).__name__}: {error}") from error

    def _corrupt(self, path: Path, found: str) -> DataError:
        return DataError(
            path,
            expected=f"a whole part of the store of {self.what}",
            found=found,
            fix=f"delete {self.rows.name} and {self.hashes.name}; the next run extracts these rows again",
        )


class ContentStore:
    """Rows of one key.

    Args:
        folder: of this key; made where it is not there.
        key: plain values that decide the rows, kept in `key.json`.
        what: the rows' name in messages, a plural.
        dtype: of the rows.

    Raises:
        DataError: the folder belongs to another key.
    """

    def __init__(
        self, folder: str | os.PathLike[str], key: Mapping[str, Any], what: str, dtype: np.dtype[Any]
    ) -> None:
        self.folder, self.what, self.dtype = Path(folder), what, np.dtype(dtype)
        self._known: dict[Path, tuple[NDArray[np.bytes_], NDArray[Any]]] = {}  # by file: hashes, mapped rows
        self._claim(dict(key))

    def locate(self, sha256s: Hashes) -> Found:
        """Where [n] images lie.

        Args:
            sha256s: hex SHA-256 of each encoded image; may repeat.

        Raises:
            ValueError: something that is no SHA-256 in lower-case hex.
            DataError: a part of the store cannot be read.
        """
        wanted = as_hashes(sha256s)
        parts = self._parts()
        none = np.zeros(len(wanted), dtype=np.int64)
        if not parts or not len(wanted):
            return Found(np.zeros(len(wanted), dtype=np.bool_), tuple(r for _, r in parts), none, none)
        stored = np.concatenate([hashes for hashes, _ in parts])
        order = np.argsort(stored, kind="stable")  # stable: of equal hashes the earliest part comes first
        place = np.minimum(np.searchsorted(stored[order], wanted), len(stored) - 1)
        position = order[place]  # int64 [n], row of all parts laid end to end
        starts = np.concatenate([[0], np.cumsum([len(hashes) for hashes, _ in parts])])
        part = np.searchsorted(starts, position, side="right") - 1
        return Found(stored[position] == wanted, tuple(r for _, r in parts), part, position - starts[part])

    def add(self, sha256s: Hashes, rows: NDArray[Any]) -> None:
        """Write [n] rows [n, ...] as one part; best some thousands at a time, for each part costs an open file.

        Raises:
            ValueError: shapes that do not match, or a hash that is none.
        """
        hashes, values = as_hashes(sha256s), np.ascontiguousarray(rows, dtype=self.dtype)
        if values.ndim < 2 or len(values) != len(hashes):
            raise ValueError(f"{len(hashes)} hashes, but rows of shape {list(values.shape)}; expected [n, d]")
        if not len(hashes):
            return
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}"
        for suffix, array in (("rows", values), ("sha256", hashes)):  # in this order: see the module's text
            with atomic_path(self.folder / f"{name}.{suffix}.npy") as part, part.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)

    def _parts(self) -> list[tuple[NDArray[np.bytes_], NDArray[Any]]]:
        """Hashes and rows of the whole parts in order of writing; new ones are opened."""
        found: list[tuple[NDArray[np.bytes_], NDArray[Any]]] = []
        for path in sorted(self.folder.glob("*.sha256.npy")):
            if path not in self._known:
                rows = path.with_name(path.name.replace(".sha256.npy", ".rows.npy"))
                part = _Part(rows, path, self.what, self.dtype)
                hashes = part.read_hashes()
                self._known[path] = hashes, part.map_rows(len(hashes))
            self._check_shape(path, self._known[path][1], found[0][1] if found else None)
            found.append(self._known[path])
        return found

    def _check_shape(self, path: Path, rows: NDArray[Any], first: NDArray[Any] | None) -> None:
        if first is not None and rows.shape[1:] != first.shape[1:]:
            raise DataError(
                path,
                expected=f"{self.what} of {_size(first.shape[1:])}, as in the store's first part",
                found=_size(rows.shape[1:]),
                fix="two models share a key: delete the folder, and make their fingerprints differ",
            )

    def _claim(self, mine: dict[str, Any]) -> None:
        """Write `key.json`, or check that it says the same."""
        path = self.folder / "key.json"
        if not path.exists():
            write_json(path, mine)  # processes that come at once write the same
            return
        try:
            theirs = read_json(path)
        except (OSError, ValueError) as error:
            theirs = f"{type(error).__name__}: {error}"
        if theirs != mine:
            raise DataError(
                path, expected=str(mine), found=str(theirs), fix=f"delete the folder {self.folder.name}"
            )


def as_hashes(sha256s: Hashes) -> NDArray[np.bytes_]:
    """Hex SHA-256 strings as S64 [n]; ValueError for anything else."""
    values = np.asarray(sha256s)
    if values.size == 0:
        return np.empty(0, dtype="S64")
    hashes = values.astype(np.bytes_)
    if hashes.ndim != 1 or hashes.dtype.itemsize != 64 or not _HEX[hashes.view(np.uint8)].all():
        raise ValueError("expected SHA-256 sums as 64 lower-case hex digits each")
    return hashes


def _size(shape: tuple[int, ...]) -> str:
    return f"width {shape[0]}" if len(shape) == 1 else f"shape {list(shape)}"
