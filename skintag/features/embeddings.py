"""Embeddings kept by content: a row is computed once for each (weights, preprocessing, image), never again."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import DataError, first_few
from skintag.core.hashing import content_key
from skintag.features.content_store import ContentStore, Found, Hashes, as_hashes

FORMAT = 1


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


class EmbeddingStore(ContentStore):
    """The embeddings of one key, float32 [n, D]; for how they lie on disk see `skintag.features.content_store`.

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
        self.reused = self.missed = 0
        plain = {"format": FORMAT, **asdict(key)}
        super().__init__(Path(root) / key.digest, plain, "embeddings", np.dtype(np.float32))

    def lookup(self, sha256s: Hashes) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """The embeddings of [n] images that the store has.

        Args:
            sha256s: hex SHA-256 of each encoded image; may repeat.

        Returns:
            found, bool [n], and the rows, float32 [n, d], nan where not found; d is 0 in an empty store.

        Raises:
            ValueError: something that is no SHA-256 in lower-case hex.
            DataError: a part has rows of another width.
        """
        located = self.locate_sound(sha256s)
        hits = int(located.found.sum())
        self.reused += hits
        self.missed += len(located) - hits
        return located.found, _rows(located)

    def fetch(self, sha256s: Hashes) -> NDArray[np.float32]:
        """The embeddings of [n] images that have to be there, float32 [n, d]; not counted as reuse.

        Raises:
            DataError: one is not there, or as `lookup`.
        """
        hashes = as_hashes(sha256s)
        located = self.locate_sound(hashes)
        if not located.found.all():
            missing = [h.decode() for h in hashes[~located.found]]
            raise DataError(
                self.folder,
                expected=f"embeddings of all {len(hashes):,} images",
                found=f"{len(missing):,} missing: {first_few(missing, 3)}",
                fix="extract and add them first",
            )
        return _rows(located)

    def add(self, sha256s: Hashes, rows: NDArray[np.floating]) -> None:
        """Write [n] rows [n, d] as one part; best some thousands at a time, for each part costs an open file.

        Raises:
            ValueError: shapes that do not match, a hash that is none, or a value that is not finite.
        """
        hashes = as_hashes(sha256s)
        finite = np.isfinite(rows)
        if not finite.all():
            bad = hashes[~finite.all(axis=1)]
            raise ValueError(f"{len(bad)} embedding(s) with nan or infinity, e.g. of image {bad[0].decode()}")
        super().add(hashes, rows)

    def summary(self) -> str:
        """What a run says, e.g. `extracted 0, reused 14,523`."""
        return f"extracted {self.missed:,}, reused {self.reused:,}"


def _rows(located: Found) -> NDArray[np.float32]:
    """The rows of a look-up, float32 [n, d], nan where there is none."""
    width = located.parts[0].rows.shape[1] if located.parts else 0
    out = np.full((len(located), width), np.nan, dtype=np.float32)
    there = np.flatnonzero(located.found)
    out[there] = located.take(there) if len(there) else out[there]
    return out
