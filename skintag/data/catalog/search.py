"""The pairs of pictures that are worth a comparison: descriptors of all pairs, by one matrix product per block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.progress import track
from skintag.data.catalog import ways
from skintag.data.catalog.likeness import FREQUENCIES, describe

LIKELY: Final = 0.4
"""Correlation of descriptors from which a pair is compared pixel by pixel."""
LIKELY_TURNED: Final = 0.6
"""The same where one of the two is mirrored or turned by a quarter."""
NEIGHBOURS: Final = 6
"""An image is compared with so many others in each kind of search: whole, turned."""

_BLOCK: Final = 512
_CELLS: Final = 2**24  # likenesses that a block may hold: 64 MB
_CROWDED: Final = (
    256  # likely others a row, on average, from which on a block is thinned out before it is sorted
)
_COLUMNS: Final = ("first", "second", "way", "likeness")

Descriptors = NDArray[np.float32]
Queries = Callable[[int, int], Iterator[tuple[int, Descriptors]]]
"""From one row to another: each way, and the descriptors of the rows changed so."""


@dataclass(frozen=True, eq=False)
class _Kind:
    """One kind of search."""

    queries: Queries
    targets: Descriptors
    """[n, d]."""
    least: float


def likely_pairs(thumbnails: NDArray[np.uint8], pool: ThreadPoolExecutor) -> pd.DataFrame:
    """The pairs worth a comparison, at most `NEIGHBOURS` of each image and kind of search.

    Their number and the memory grow with the images, the time with their square.

    Args:
        thumbnails: uint8 [n, SIDE, SIDE].
        pool: threads.

    Returns:
        Columns `first` (the one that is changed), `second`, `way` (see `ways`), `likeness`; a pair may be there with
        several ways.
    """
    described = np.asarray(list(pool.map(describe, thumbnails)), np.float32)
    described = described.reshape(len(thumbnails), FREQUENCIES, FREQUENCIES)
    kinds = (_turned(described, ways.WHOLE), _turned(described, ways.TURNED))
    height = max(1, min(_BLOCK, _CELLS // max(1, len(thumbnails))))
    blocks = [(kind, start) for kind in kinds for start in range(0, len(thumbnails), height)]
    found = pool.map(lambda block: _nearest(block[0], block[1], height), blocks)
    tables = list(track(found, "near-duplicates: searching", total=len(blocks)))
    if not tables:
        return pd.DataFrame(columns=_COLUMNS)
    table = pd.concat(tables, ignore_index=True)
    low, high = np.minimum(table["first"], table["second"]), np.maximum(table["first"], table["second"])
    pairs = pd.DataFrame({"low": low, "high": high, "way": table["way"]})  # found from both sides
    return table[~pairs.duplicated()].reset_index(drop=True)


def _turned(described: Descriptors, turns: range) -> _Kind:
    targets = described.reshape(len(described), FREQUENCIES**2)

    def queries(start: int, stop: int) -> Iterator[tuple[int, Descriptors]]:
        for way in turns:
            changed = ways.turn_descriptors(described[start:stop], way)
            yield way, changed.reshape(len(changed), FREQUENCIES**2)

    return _Kind(queries, targets, LIKELY if turns == ways.WHOLE else LIKELY_TURNED)


def _nearest(kind: _Kind, start: int, height: int) -> pd.DataFrame:
    """The likeliest `NEIGHBOURS` others of each row of a block, over all ways of a kind."""
    stop = min(start + height, len(kind.targets))
    rows = np.arange(stop - start)
    floor = np.full(len(rows), np.nextafter(np.float32(kind.least), np.float32(0)))
    best = pd.DataFrame({name: [] for name in _COLUMNS})
    for way, queries in kind.queries(start, stop):
        likeness = queries @ kind.targets.T
        likeness[rows, start + rows] = -1
        hits = likeness > floor[:, None]
        if np.count_nonzero(hits) > _CROWDED * len(
            rows
        ):  # many are alike: a table of all would take gigabytes
            least = np.partition(likeness, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS]
            hits &= likeness >= least[:, None]
        first, second = np.nonzero(hits)
        if not len(first):
            continue
        fresh = pd.DataFrame(
            {"first": first, "second": second, "way": way, "likeness": likeness[first, second]}
        )
        best = _likeliest(fresh if best.empty else pd.concat([best, fresh], ignore_index=True))
        full = best[best.groupby("first").cumcount() == NEIGHBOURS - 1]
        floor[full["first"].to_numpy()] = full["likeness"].to_numpy()  # what follows has to be likelier
    best["first"] += start
    return best.astype({"first": "int64", "second": "int64", "way": "int64", "likeness": "float32"})


def _likeliest(table: pd.DataFrame) -> pd.DataFrame:
    """The likeliest `NEIGHBOURS` pairs of each `first`, each pair once; ties by position."""
    first, second, way = (table[name].to_numpy() for name in _COLUMNS[:3])
    order = np.lexsort((way, second, -table["likeness"].to_numpy(), first))
    table = table.iloc[order].drop_duplicates(["first", "second"])
    return table[table.groupby("first").cumcount() < NEIGHBOURS]
