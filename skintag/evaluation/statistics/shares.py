"""Shares of outcomes in many cells at once (bins, tiers, decisions), with intervals from resampled clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skintag.evaluation.metrics.levels import standing
from skintag.evaluation.metrics.registry import ENOUGH
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.intervals import level_intervals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """The share of each of T outcomes in each of K cells."""

    n: Ints
    """[K] rows in the cell."""
    units: Ints
    """[K] clusters that have a row in the cell."""
    hits: Ints
    """[K, T] rows with the outcome."""
    value: Floats
    """[K, T] hits / n; nan where the cell is empty."""
    low: Floats
    """[K, T] lower limits."""
    high: Floats
    """[K, T] upper limits."""
    doubtful: NDArray[np.bool_]
    """[K] whether the cell has too few effective clusters for its limits' confidence to be established."""


def clustered_shares(
    cell: Ints,
    outcome: Ints,
    shape: tuple[int, int],
    resamples: Resamples,
    *,
    row: Ints | None = None,
    confidence: float = 0.95,
) -> Shares:
    """Outcomes among the rows of each cell.

    Args:
        cell: [m] cell of each entry, -1 for an entry in none.
        outcome: [m] outcome of each entry, -1 for one that is not counted.
        shape: K cells and T outcomes.
        resamples: of the clusters of the n rows.
        row: [m] row of each entry, for rows that lie in several cells; entries are the rows where None (m = n).
        confidence: of each interval by itself (`level_intervals`, of proportions).
    """
    cells, kinds = shape
    cluster = resamples.cluster if row is None else resamples.cluster[row]
    inside = cell >= 0
    rows = _sums(cell, cells, inside, cluster, resamples.n_clusters)
    lines = cell * kinds + outcome
    hits = _sums(lines, cells * kinds, inside & (outcome >= 0), cluster, resamples.n_clusters)
    n, units = rows.sum(axis=1).astype(np.int64), np.diff(rows.indptr).astype(np.int64)
    counted = hits.sum(axis=1).astype(np.int64).reshape(cells, kinds)
    value, low, high = (np.full((cells, kinds), np.nan) for _ in range(3))
    doubtful = np.ones(cells, dtype=bool)
    some = np.flatnonzero(n)
    if len(some):
        parts = resamples.summed(hits).reshape(cells, kinds, -1)[some]
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = parts / resamples.summed(rows[some])[:, None]  # nan: the cell was not drawn
        value[some] = counted[some] / n[some, None]
        stands = [standing(rows.data[rows.indptr[i] : rows.indptr[i + 1]].astype(np.int64)) for i in some]
        doubtful[some] = [s.effective < ENOUGH for s in stands]
        limits = level_intervals(
            value[some].ravel(),
            drawn.reshape(len(some) * kinds, -1).T,
            n=np.repeat(units[some], kinds),
            kind="proportion",
            confidence=confidence,
            effective=np.repeat([s.effective for s in stands], kinds),
            alone=np.repeat([s.alone for s in stands], kinds),
        )
        low[some], high[some] = (limit.reshape(len(some), kinds) for limit in limits)
    return Shares(n, units, counted, value, low, high, doubtful)


def _sums(
    lines: Ints, number: int, chosen: NDArray[np.bool_], cluster: Ints, n_clusters: int
) -> sparse.csr_array:
    """A matrix [number, C] that counts the chosen entries of each line in each cluster."""
    ones = np.ones(int(chosen.sum()))
    place = (lines[chosen], cluster[chosen])
    return sparse.coo_array((ones, place), shape=(number, n_clusters)).tocsr()
