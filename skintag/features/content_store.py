"""Arrays kept by content: one row per image, written once in immutable parts, found by the image's SHA-256.

    <folder>/key.json                    what the rows were made with
    <folder>/<time>-<id>.rows.npy        [n, ...]
    <folder>/<time>-<id>.index.npy       [n] of (S64, uint32): hex SHA-256 of its encoded image, CRC-32

A part is a pair of files, never changed once written. The rows are written first, and the index makes the
part count; rows without an index are what a killed process left, and are ignored. Writers never touch each
other's files, so runs and ranks may share a store. Where an image was added twice, the earlier part is the
one that is read.

Each row is compared with its CRC-32 the first time that a process takes it. A part with damage is deleted, which is
said: it is a cache, and its rows are computed again. Parts of version 0.1 (`.sha256.npy`, S64 [n]) have no sums.
"""

from __future__ import annotations

import os
import time
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from skintag.core.checksums import Damaged, say_again
from skintag.core.errors import DataError
from skintag.core.io import atomic_path, read_json, write_json

_HEX = np.isin(np.arange(256), list(b"0123456789abcdef"))

Hashes = Sequence[str] | NDArray[np.generic]


_INDEX: Final = np.dtype([("sha256", "S64"), ("crc32", "<u4")])
_AGAIN: Final = "its rows are computed"


@dataclass(frozen=True)
class Part:
    """One immutable pair of files, opened."""

    path: Path
    """Of the rows."""
    index: Path
    """What makes them count."""
    hashes: NDArray[np.bytes_]
    """Of each row's image, S64 [n]."""
    rows: NDArray[Any]
    """[n, ...], mapped from disk."""
    sums: NDArray[np.uint32] | None
    """CRC-32 of each row, [n]; None in a part of version 0.1."""
    checked: NDArray[np.bool_] = field(repr=False)
    """Rows that this process has compared with their sums, [n]; grows."""

    def check(self, places: NDArray[np.int64]) -> None:
        """Compare rows [m] with their sums, those that were not yet.

        Raises:
            Damaged: one is not what was written. The part is deleted before.
        """
        if self.sums is None:
            return
        todo = np.unique(places[~self.checked[places]])
        for i in todo.tolist():
            if zlib.crc32(self.rows[i]) != self.sums[i]:
                _discard(self.path, self.index)
                raise Damaged(
                    self.path,
                    expected="rows as they were written (CRC-32)",
                    found=f"other bytes in row {i}",
                    fix="start again (resume=<run folder> goes on with a run): the part was deleted, and its rows are "
                    "computed again",
                )
        self.checked[todo] = True


@dataclass(frozen=True)
class Found:
    """Where some images lie in a store, as it was when they were looked up; the rows stay on disk."""

    found: NDArray[np.bool_]
    """[n], whether each is there."""
    parts: tuple[Part, ...]
    """The parts of the store."""
    part: NDArray[np.int64]
    """[n], which part each lies in."""
    place: NDArray[np.int64]
    """[n], which row of the part it is."""

    def take(self, which: NDArray[np.integer]) -> NDArray[Any]:
        """The rows of images `which` [m] (numbers of those looked up; they have to be there), [m, ...].

        Raises:
            Damaged: a row is not what was written; see `Part.check`.
        """
        part, place = self.part[which], self.place[which]
        if len(part) and (part == part[0]).all():
            self.parts[part[0]].check(place)
            return self.parts[part[0]].rows[place]  # a copy
        first = self.parts[0].rows
        out = np.empty((len(part), *first.shape[1:]), dtype=first.dtype)
        for i in np.unique(part):
            mine = part == i
            self.parts[i].check(place[mine])
            out[mine] = self.parts[i].rows[place[mine]]
        return out

    def __len__(self) -> int:
        return len(self.found)


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
        self._known: dict[Path, Part | None] = {}  # by index file; None: damaged
        self._claim(dict(key))

    def locate(self, sha256s: Hashes) -> Found:
        """Where [n] images lie.

        Args:
            sha256s: hex SHA-256 of each encoded image; may repeat.

        Raises:
            ValueError: something that is no SHA-256 in lower-case hex.
            DataError: a part has rows of another shape.
        """
        wanted = as_hashes(sha256s)
        parts = self._parts()
        none = np.zeros(len(wanted), dtype=np.int64)
        if not parts or not len(wanted):
            return Found(np.zeros(len(wanted), dtype=np.bool_), tuple(parts), none, none)
        stored = np.concatenate([part.hashes for part in parts])
        order = np.argsort(stored, kind="stable")  # stable: of equal hashes the earliest part comes first
        place = np.minimum(np.searchsorted(stored[order], wanted), len(stored) - 1)
        position = order[place]  # int64 [n], row of all parts laid end to end
        starts = np.concatenate([[0], np.cumsum([len(part.hashes) for part in parts])])
        part = np.searchsorted(starts, position, side="right") - 1
        return Found(stored[position] == wanted, tuple(parts), part, position - starts[part])

    def locate_sound(self, sha256s: Hashes) -> Found:
        """`locate`, with every row that is found compared with its sum: what is damaged is deleted, said, not found."""
        while True:
            located = self.locate(sha256s)
            try:
                for i, part in enumerate(located.parts):
                    part.check(located.place[located.found & (located.part == i)])
                return located
            except Damaged as error:
                say_again(error.where, _AGAIN)
                self._known[part.index] = None

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
        index = np.empty(len(hashes), dtype=_INDEX)
        index["sha256"], index["crc32"] = hashes, [zlib.crc32(row) for row in values]
        for suffix, array in (("rows", values), ("index", index)):  # in this order: see the module's text
            with atomic_path(self.folder / f"{name}.{suffix}.npy") as part, part.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)

    def _parts(self) -> list[Part]:
        """The whole parts in order of writing; new ones are opened, damaged ones deleted."""
        found: list[Part] = []
        for path in sorted([*self.folder.glob("*.index.npy"), *self.folder.glob("*.sha256.npy")]):
            if path not in self._known:
                self._known[path] = self._opened(path)
            if (part := self._known[path]) is not None:
                self._check_shape(part, found[0] if found else None)
                found.append(part)
        return found

    def _opened(self, index: Path) -> Part | None:
        """The part of an index; None where a file of it is not whole."""
        path = index.with_name(index.name.removesuffix(".npy").rsplit(".", 1)[0] + ".rows.npy")
        try:
            said, rows = _load(index, None), _load(path, "r")
            known = said.dtype in (_INDEX, np.dtype("S64")) and said.ndim == 1
            if not known or rows.dtype != self.dtype or rows.ndim < 2 or len(rows) != len(said):
                raise ValueError(f"{rows.dtype} {list(rows.shape)} for {said.dtype} {list(said.shape)}")
        except Exception:  # what numpy makes of a damaged header is any of a dozen errors
            say_again(index if not path.is_file() else path, _AGAIN)
            _discard(path, index)
            return None
        names = said.dtype.names
        hashes = said["sha256"] if names else said
        return Part(path, index, hashes, rows, said["crc32"] if names else None, np.zeros(len(rows), bool))

    def _check_shape(self, part: Part, first: Part | None) -> None:
        if first is not None and part.rows.shape[1:] != first.rows.shape[1:]:
            raise DataError(
                part.path,
                expected=f"{self.what} of {_size(first.rows.shape[1:])}, as in the store's first part",
                found=_size(part.rows.shape[1:]),
                fix="two models share a key: delete the folder, and make their fingerprints differ",
            )

    def _claim(self, mine: dict[str, Any]) -> None:
        """Write `key.json`, or check that it says the same."""
        path = self.folder / "key.json"
        if not path.exists():
            write_json(path, mine, checksum=False)  # processes that come at once write the same
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


def _discard(rows: Path, index: Path) -> None:
    """Delete both files, the index first; what cannot be deleted stays."""
    for path in (index, rows):
        try:
            path.unlink(missing_ok=True)
        except OSError:  # a store that others own: this process alone passes the part over
            return


def _load(path: Path, mmap_mode: Literal["r"] | None) -> NDArray[Any]:
    return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)


def _size(shape: tuple[int, ...]) -> str:
    return f"width {shape[0]}" if len(shape) == 1 else f"shape {list(shape)}"
