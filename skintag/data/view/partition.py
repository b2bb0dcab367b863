"""Cuts whole groups of images into train, val and test, in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.hashing import hash_strings, uniform_from_strings
from skintag.core.vocabulary import MALIGNANCY
from skintag.data.view.levels import level_codes

LARGE_SHARE: Final = 0.02  # a group holding more of its stratum than this is placed by room, not by order

_ORDER: Final = np.array(["test", "val", "train"], dtype=object)  # along the cumulative count of a stratum


def partition(
    frame: pd.DataFrame, groups: NDArray[np.object_], val: float, test: float, seed: int
) -> NDArray[np.object_]:
    """Split whole groups into train, val and test, in proportion; object [n]. See `parts_of`."""
    return _ORDER[parts_of(frame, groups, (test, val, 1.0 - val - test), f"split/{seed}")]


def parts_of(
    frame: pd.DataFrame, groups: NDArray[np.object_], shares: Sequence[float], salt: str
) -> NDArray[np.int64]:
    """Which of the parts each row goes to, whole groups, stratified by dataset x malignancy; int64 [n].

    A group's stratum is the dataset most of its images come from, with the set of malignancies it holds.
    Inside a stratum groups lie in the order of hash(salt, group) and are cut where the cumulative count of
    images passes the shares. So nothing depends on the order of rows, datasets that share no group leave
    each other's images where they are, and an image more or less moves only groups at a cut.
    """
    codes, names = pd.factorize(groups)
    strata = _strata(frame, codes, len(names))
    sizes = np.bincount(codes, minlength=len(names))
    order = np.lexsort((hash_strings(names, salt), strata))
    luck = uniform_from_strings(names, f"{salt}/large")

    part = np.empty(len(names), dtype=np.int64)
    starts = np.flatnonzero(np.diff(strata[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        part[members] = _cut(sizes[members], luck[members], np.asarray(shares))
    return part[codes]


def _strata(frame: pd.DataFrame, codes: NDArray[np.int64], n_groups: int) -> NDArray[np.int64]:
    """Main dataset (first by name in a tie) x malignancies present of each group, int64 [n_groups]."""
    dataset, names = pd.factorize(frame["dataset"], sort=True)
    images = np.bincount(codes * len(names) + dataset, minlength=n_groups * len(names))
    main = images.reshape(n_groups, len(names)).argmax(axis=1)
    present = np.zeros((n_groups, len(MALIGNANCY) + 1), dtype=bool)  # the last column: undiagnosed
    present[codes, level_codes(frame, "malignancy", MALIGNANCY)] = True
    return main * 2 ** present.shape[1] + present @ (1 << np.arange(present.shape[1]))


def _cut(
    sizes: NDArray[np.int64], luck: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Which of the shares each group of one stratum goes to, int64 [groups]; `sizes` in hash order.

    Groups too large to be cut around are placed first: at random, by the room left, among the parts that
    can hold them, and where none can, in the emptiest. The small ones then share what room is left.
    """
    room = shares * sizes.sum()
    part = np.empty(len(sizes), dtype=np.int64)
    large = sizes > max(1.0, LARGE_SHARE * sizes.sum())
    for group in sorted(np.flatnonzero(large), key=lambda i: -sizes[i]):  # at most 1 / LARGE_SHARE of them
        fits = np.where(room >= sizes[group], room, 0.0)
        if fits.any():
            odds = np.cumsum(fits)
            part[group] = np.searchsorted(odds, luck[group] * odds[-1], side="right")
        else:
            part[group] = room.argmax()
        room[part[group]] -= sizes[group]
    if (~large).any():
        small = sizes[~large]
        room = np.maximum(room, 0.0)
        edges = np.cumsum(room) / room.sum() * small.sum()
        middle = np.cumsum(small) - small / 2
        part[~large] = np.searchsorted(edges[:-1], middle, side="right")
    return part
