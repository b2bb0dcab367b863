"""Embeddings kept by content: a row is computed once for each (weights, preprocessing, image), never again.

    <root>/<key>/key.json                    what the embeddings were made with
    <root>/<key>/<time>-<id>.rows.npy        float32 [n, d]
    <root>/<key>/<time>-<id>.sha256.npy      S64 [n], the hex SHA-256 of each row's encoded image

A part is a pair of files, never changed once written. The rows are written first, and the hashes make the
part count; rows without hashes are what a killed process left, and are ignored. Writers never touch each
other's files, so runs and ranks may share a store. Where an image was embedded twice, the earlier part is the
one that is read.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skintag.errors import DataError, first_few
from skintag.hashing import content_key
from skintag.io import atomic_path, read_json, write_json

FORMAT = 1
_HEX = np.isin(np.arange(256), list(b"0123456789abcdef"))


@dataclass(frozen=True)
class EmbeddingKey:
    """Everything but the image that decides an embedding's value."""

    weights: str
    """Fingerprint of the backbone's weights and architecture."""
    preprocessing: str
    """Fingerprint of what happens between the encoded image and the backbone: size, crop, normalisation."""
    dtype: str = "float32"
    """Precision that the backbone computes in; rows are kept as float32 whatever it is."""

    @property
    def digest(self) -> str:
        """Name of the key's folder."""
        return content_key("embeddings", FORMAT, asdict(self))


@dataclass(frozen=True)
class _Part:
    """One immutable pair of files."""

    rows: Path
    hashes: Path

    def read_hashes(self) -> NDArray[np.bytes_]:
        """The hashes, S64 [n]."""
        hashes = self._load(self.hashes, None)
        if hashes.dtype != "S64" or hashes.ndim != 1:
            raise self._corrupt(self.hashes, f"{hashes.dtype} {list(hashes.shape)}")
        return hashes

    def map_rows(self, n: int) -> NDArray[np.float32]:
        """The rows, float32 [n, d], mapped from disk."""
        rows = self._load(self.rows, "r")
        if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != n:
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
            expected="a whole part of the embedding store",
            found=found,
            fix=f"delete {self.rows.name} and {self.hashes.name}; the next run extracts these rows again",
        )


class EmbeddingStore:
    """The embeddings of one key.

    Args:
        root: folder of all keys; made where it is not there.
        key: what the embeddings are made with.

    Attributes:
        reused: rows that `lookup` has found so far.
        missed: rows that it has not.

    Raises:
        DataError: the key's folder belongs to another key or format.
    """

    def __init__(self, root: str | os.PathLike[str], key: EmbeddingKey) -> None:
        self.key = key
        self.folder = Path(root) / key.digest
        self.reused = self.missed = 0
        self._known: dict[Path, NDArray[np.bytes_]] = {}  # hashes of the parts seen so far, by file
        self._claim()

    def lookup(
        self, sha256s: Sequence[str] | NDArray[np.generic]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """The embeddings of [n] images that the store has.

        Args:
            sha256s: hex SHA-256 of each encoded image; may repeat.

        Returns:
            found, bool [n], and the rows, float32 [n, d], nan where not found; d is 0 in an empty store.

        Raises:
            ValueError: something that is no SHA-256 in lower-case hex.
            DataError: a part of the store cannot be read.
        """
        found, rows = self._gather(_as_hashes(sha256s))
        hits = int(found.sum())
        self.reused += hits
        self.missed += len(found) - hits
        return found, rows

    def fetch(self, sha256s: Sequence[str] | NDArray[np.generic]) -> NDArray[np.float32]:
        """The embeddings of [n] images that have to be there, float32 [n, d]; not counted as reuse.

        Raises:
            DataError: one is not there, or as `lookup`.
        """
        hashes = _as_hashes(sha256s)
        found, rows = self._gather(hashes)
        if not found.all():
            missing = [h.decode() for h in hashes[~found]]
            raise DataError(
                self.folder,
                expected=f"embeddings of all {len(hashes):,} images",
                found=f"{len(missing):,} missing: {first_few(missing, 3)}",
                fix="extract and add them first",
            )
        return rows

    def add(self, sha256s: Sequence[str] | NDArray[np.generic], rows: NDArray[np.floating]) -> None:
        """Write [n] rows [n, d] as one part; best some thousands at a time, for each part costs an open file.

        Raises:
            ValueError: shapes that do not match, a hash that is none, or a value that is not finite.
        """
        hashes, values = _as_hashes(sha256s), np.ascontiguousarray(rows, dtype=np.float32)
        if values.ndim != 2 or len(values) != len(hashes):
            raise ValueError(f"{len(hashes)} hashes, but rows of shape {list(values.shape)}; expected [n, d]")
        if not np.isfinite(values).all():
            bad = hashes[~np.isfinite(values).all(axis=1)]
            raise ValueError(f"{len(bad)} embedding(s) with nan or infinity, e.g. of image {bad[0].decode()}")
        if not len(hashes):
            return
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:12]}"
        for suffix, array in (("rows", values), ("sha256", hashes)):  # in this order: see the module's text
            with atomic_path(self.folder / f"{name}.{suffix}.npy") as part, part.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)

    def summary(self) -> str:
        """What a run says, e.g. `extracted 0, reused 14,523`."""
        return f"extracted {self.missed:,}, reused {self.reused:,}"

    def _gather(self, wanted: NDArray[np.bytes_]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        parts = self._parts()
        if not parts or not len(wanted):
            width = parts[0].map_rows(len(self._known[parts[0].hashes])).shape[1] if parts else 0
            return np.zeros(len(wanted), dtype=np.bool_), np.full(
                (len(wanted), width), np.nan, dtype=np.float32
            )
        lengths = [len(self._known[part.hashes]) for part in parts]
        stored = np.concatenate([self._known[part.hashes] for part in parts])
        order = np.argsort(stored, kind="stable")  # stable: of equal hashes the earliest part comes first
        place = np.minimum(np.searchsorted(stored[order], wanted), len(stored) - 1)
        position = order[place]  # int64 [n], row of all parts laid end to end
        found = stored[position] == wanted
        starts = np.concatenate([[0], np.cumsum(lengths)])
        part_of = np.searchsorted(starts, position, side="right") - 1
        mapped = [part.map_rows(n) for part, n in zip(parts, lengths, strict=True)]
        self._check_widths(parts, mapped)
        out = np.empty((len(wanted), mapped[0].shape[1]), dtype=np.float32)
        out[~found] = np.nan
        for i in np.unique(part_of[found]):
            mine = found & (part_of == i)
            out[mine] = mapped[i][position[mine] - starts[i]]
        return found, out

    def _parts(self) -> list[_Part]:
        """The whole parts in order of writing; hashes of new ones are read."""
        parts = []
        for hashes in sorted(self.folder.glob("*.sha256.npy")):
            part = _Part(hashes.with_name(hashes.name.replace(".sha256.npy", ".rows.npy")), hashes)
            if hashes not in self._known:
                self._known[hashes] = part.read_hashes()
            parts.append(part)
        return parts

    def _check_widths(self, parts: list[_Part], mapped: list[NDArray[np.float32]]) -> None:
        for part, rows in zip(parts, mapped, strict=True):
            if rows.shape[1] != mapped[0].shape[1]:
                raise DataError(
                    part.rows,
                    expected=f"embeddings of width {mapped[0].shape[1]}, as in {parts[0].rows.name}",
                    found=f"width {rows.shape[1]}",
                    fix="two models share a key: delete the folder, and make their fingerprints differ",
                )

    def _claim(self) -> None:
        """Write `key.json`, or check that it says the same."""
        path, mine = self.folder / "key.json", {"format": FORMAT, **asdict(self.key)}
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


def _as_hashes(sha256s: Sequence[str] | NDArray[np.generic]) -> NDArray[np.bytes_]:
    """Hex SHA-256 strings as S64 [n]; ValueError for anything else."""
    values = np.asarray(sha256s)
    if values.size == 0:
        return np.empty(0, dtype="S64")
    hashes = values.astype(np.bytes_)
    if hashes.ndim != 1 or hashes.dtype.itemsize != 64 or not _HEX[hashes.view(np.uint8)].all():
        raise ValueError("expected SHA-256 sums as 64 lower-case hex digits each")
    return hashes
