"""Confidence intervals of group levels, of their pairwise differences and of the gap between groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Kind = Literal["proportion", "score", "unbounded"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GapInterval:
    """The largest difference between groups, with its interval."""

    value: float
    """Largest minus smallest level (with families: the largest of the families' ranges)."""
    low: float
    """Lower limit; 0 where the groups may all be equal."""
    high: float
    """Upper limit."""
    naive_low: float
    """Lower percentile of the resampled gaps, for comparison: never 0, and biased upwards."""
    naive_high: float
    """Upper percentile of the resampled gaps."""


@dataclass(frozen=True)
class PairwiseIntervals:
    """Differences of all pairs of groups, level of `a` minus level of `b`; arrays of K(K-1)/2."""

    a: NDArray[np.int64]
    """Position of the first group."""
    b: NDArray[np.int64]
    """Position of the second group."""
    difference: Floats
    """Estimated difference."""
    low: Floats
    """Lower simultaneous limits: all pairs hold together with the confidence."""
    high: Floats
    """Upper simultaneous limits."""
    single_low: Floats
    """Lower limits of each pair by itself."""
    single_high: Floats
    """Upper limits of each pair by itself."""


def level_intervals(
    estimate: ArrayLike, replicates: ArrayLike, *, n: ArrayLike, kind: Kind, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Limits [K], [K] of the levels of K groups.

    Args:
        estimate: [K] point values; nan gives nan limits.
        replicates: [B, K] values in resamples of whole clusters; nan where a resample cannot tell.
        n: [K] independent units that each value stands on: clusters with a positive for sensitivity, with a
            negative for specificity, the smaller of both for a metric that needs both, else all clusters.
        kind: `proportion` (a share of rows), `score` (another value in [0, 1]) or `unbounded`.
        confidence: of each limit pair by itself.
    """
    point, values = np.asarray(estimate, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail), axis=0)
    return np.where(np.isnan(point), np.nan, low), np.where(np.isnan(point), np.nan, high)


def gap_interval(
    estimate: ArrayLike,
    replicates: ArrayLike,
    *,
    n: ArrayLike,
    kind: Kind,
    confidence: float = 0.95,
    family: ArrayLike | None = None,
) -> GapInterval:
    """Interval of the gap, the largest minus the smallest of K levels.

    Args:
        estimate, replicates, n, kind, confidence: see `level_intervals`. Groups whose estimate is nan are left out.
        family: [K] numbers where the gap is the largest of several ranges: for equalized odds, K holds the
            groups' true positive rates (family 0) and then their false positive rates (family 1).
    """
    point, values = np.asarray(estimate, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    codes = np.zeros(len(point), dtype=np.int64) if family is None else np.asarray(family)
    tail = (1 - confidence) / 2
    gaps = _ranges(values, codes)
    low, high = np.nanquantile(gaps, (tail, 1 - tail))
    value = float(_ranges(point[None], codes)[0])
    return GapInterval(value, float(low), float(high), float(low), float(high))


def pairwise_intervals(
    estimate: ArrayLike, replicates: ArrayLike, *, n: ArrayLike, kind: Kind, confidence: float = 0.95
) -> PairwiseIntervals:
    """Limits of all pairwise differences, single and simultaneous; arguments as in `level_intervals`."""
    point, values = np.asarray(estimate, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    a, b = np.triu_indices(len(point), k=1)
    difference, drawn = point[a] - point[b], values[:, a] - values[:, b]
    tail = (1 - confidence) / 2
    single = np.nanquantile(drawn, (tail, 1 - tail), axis=0)
    joint = np.nanquantile(drawn, (tail / len(a), 1 - tail / len(a)), axis=0)
    return PairwiseIntervals(a, b, difference, joint[0], joint[1], single[0], single[1])


def interval_warnings(n: ArrayLike, *, kind: Kind = "proportion", of_gap: bool = False) -> list[str]:
    """What the report says where these intervals are not to be trusted fully; empty where they are."""
    units = np.asarray(n, dtype=np.float64)
    if (units < 30).any():
        return [
            f"The smallest group has {int(units.min())} independent units: below 30, intervals are approximate."
        ]
    return []


def _ranges(values: Floats, family: NDArray[np.int64]) -> Floats:
    """Largest of the families' ranges, [B]."""
    spans = [
        np.nanmax(values[:, family == f], axis=1) - np.nanmin(values[:, family == f], axis=1)
        for f in np.unique(family)
    ]
    return np.max(spans, axis=0)
