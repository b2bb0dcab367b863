"""Which images weights have learned from, at any remove, so that nobody tests them on their own training images.

An image is known by the SHA-256 of its raw file. That stays what it is when data are prepared again, under another
name or beside other data, which names of leakage groups do not: these are looked up in the catalog at hand, so that
an image is refused too where a relative of it was seen. What cannot be noticed: an image whose seen relatives, or
whose seen copy of other bytes, are not among the data at hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.hashing import hash_strings
from skintag.core.io import atomic_path
from skintag.core.pretraining import Pretraining
from skintag.data.view.view import View

IMAGES: Final = "images"
"""Name of the array of hashed images, wherever it is stored."""
GROUPS: Final = "groups"
"""Name of the array of hashed group names."""
FILE: Final = "trained_on.safetensors"
"""Name of the file that says it beside weights that are no checkpoint."""
PRETRAINING: Final = "pretraining"
"""Name of what pretraining has seen, wherever it is stored."""
_SALT: Final = "skintag_trained_on"  # part of checkpoints and bundles that are there already
_DIGITS: Final = 16  # hex digits of a SHA-256 that are kept: 64 bits


def _nothing() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Seen:
    """What weights have learned from, as train or val images: their own run's, and all that it had begun from."""

    images: NDArray[np.int64] = field(default_factory=_nothing)
    """First 64 bits of the SHA-256 of each raw file, int64 [images], rising, each once. Two different files share one
    with a chance of 5e-20, so a million seen and a million tested images do by chance in one of 18 million cases."""
    groups: NDArray[np.int64] = field(default_factory=_nothing)
    """Hashed names of leakage groups, int64 [groups], rising: all that weights say that were trained by version 0.1."""
    pretraining: tuple[Pretraining, ...] = ()
    """Datasets that published weights, which theirs were made from, have or may have learned from; sorted. Of these no
    images are known: they are marked, not refused."""

    @classmethod
    def of(cls, view: View) -> Self:
        """The view's train and val images."""
        return cls(np.unique(_hashed_images(view.frame["content_hash"][view.frame["split"] != "test"])))

    @classmethod
    def union(cls, parts: Iterable[Seen]) -> Seen:
        """What any of the parts has seen."""
        return reduce(
            lambda a, b: Seen(
                np.union1d(a.images, b.images),
                np.union1d(a.groups, b.groups),
                tuple(sorted({*a.pretraining, *b.pretraining})),
            ),
            parts,
            Seen(),
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Seen:
        """What `to_arrays` gave. Raises ValueError where an array is no int64 [n]."""
        found = {name: np.asarray(arrays[name]) for name in (IMAGES, GROUPS) if name in arrays}
        for name, array in found.items():
            if array.dtype != np.int64 or array.ndim != 1:
                raise ValueError(f"{name} is {array.dtype} {list(array.shape)}, expected int64 [n]")
        return cls.union(
            [cls(found.get(IMAGES, _nothing()), found.get(GROUPS, _nothing()))]
        )  # sorted, each once

    def to_arrays(self) -> dict[str, NDArray[np.int64]]:
        """Both arrays by name; the second is empty unless weights of version 0.1 are among the ancestors."""
        return {IMAGES: self.images, GROUPS: self.groups}

    def __len__(self) -> int:
        return len(self.images) + len(self.groups)


def read_seen(path: Path) -> Seen:
    """What `write_seen` wrote; nothing where there is no such file. Raises DataError where it is damaged."""
    if not path.is_file():
        return Seen()
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load_file

    try:
        with safe_open(path, framework="numpy") as file:
            said = json.loads((file.metadata() or {}).get(PRETRAINING, "[]"))
        before = Seen(pretraining=tuple(Pretraining.of(entry) for entry in said))
        return Seen.union([Seen.from_arrays(load_file(path)), before])
    except (OSError, ValueError, TypeError, RecursionError, SafetensorError) as error:
        found, fix = f"{type(error).__name__}: {error}", "copy or build the bundle again"
        raise DataError(path, expected="hashes of images, int64 [n]", found=found, fix=fix) from error


def write_seen(seen: Seen, path: Path) -> None:
    """Write both arrays as safetensors, atomically; what pretraining has seen is in the file's metadata."""
    from safetensors.numpy import save_file

    said = [entry.plain() for entry in seen.pretraining]
    with atomic_path(path) as part:
        save_file(seen.to_arrays(), part, metadata={PRETRAINING: json.dumps(said)} if said else None)


def refuse_seen(view: View, seen: Seen, where: object) -> None:
    """Refuse weights that were trained on what the view tests on; a split that leaks on purpose is not checked.

    Args:
        view: of this run.
        seen: by the weights.
        where: what to call the weights.

    Raises:
        ConfigError: an image that the weights have seen, or that weights before them had, is a test image of the view
            or shares a patient, lesion or near-duplicate with one.
    """
    if view.audit.leaky or not len(seen):
        return
    test = view.frame[view.frame["split"] == "test"]
    pictures = view.pictures
    known = pictures["group_id"][np.isin(_hashed_images(pictures["content_hash"]), seen.images)]
    related = test["group_id"].isin(known.unique()).to_numpy(bool)
    caught = related | np.isin(_hashed_groups(test["group_id"]), seen.groups)
    if caught.any():
        names = test["image_id"][caught].tolist()
        raise ConfigError(
            f"{where} was trained on images that this run tests on: {len(names):,} of {len(test):,} test images are "
            "among those that it, or weights that it was made from, learned from, or share a patient, lesion or "
            f"near-duplicate with one, e.g. {first_few(names, 3)}\n"
            "  to do: use the split and split_seed that it was trained with, or begin from other weights"
        )


def _hashed_images(hashes: pd.Series) -> NDArray[np.int64]:
    """The first 64 bits of each SHA-256 in hex, int64 [n]."""
    text = "".join(value[:_DIGITS] for value in hashes)
    return np.frombuffer(bytes.fromhex(text), ">i8").astype(np.int64)


def _hashed_groups(groups: pd.Series) -> NDArray[np.int64]:
    return hash_strings(groups, _SALT).astype(np.int64)
