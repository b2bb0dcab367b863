"""Stable hashes: content keys for caches, and random-looking numbers that depend on their input alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def content_key(*parts: Any) -> str:
    """SHA-256 (32 hex digits kept) over the canonical JSON of `parts`; equal values give equal keys."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_strings(values: Sequence[str] | Iterable[str], salt: object = "") -> NDArray[np.uint64]:
    """SipHash of each string under `salt`, uint64 [n]: the same on every machine and in every order."""
    import pandas as pd

    key = hashlib.sha256(str(salt).encode()).hexdigest()[:16]
    array = np.asarray(list(values), dtype=object)
    return pd.util.hash_array(array, hash_key=key, categorize=False)


def uniform_from_strings(values: Sequence[str] | Iterable[str], salt: object = "") -> NDArray[np.float64]:
    """A number in [0, 1) for each string, float64 [n]; a pure function of (string, salt)."""
    return (hash_strings(values, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53
