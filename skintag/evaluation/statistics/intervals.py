"""Confidence intervals of group levels, of their pairwise differences and of the gap between groups.

Chosen by the simulations in experiments/calibrated_intervals, which has what was tried and how often each covers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, studentized_range, t

from skintag.evaluation.metrics.registry import Kind
from skintag.evaluation.statistics.inversion import Levels, lower_limit, upper_limit
from skintag.evaluation.statistics.noise import (
    BORROWED,
    correlation_of,
    effective_size,
    jeffreys_limits,
    logit_limits,
    normal_limits,
    variance_of,
    wilson_limits,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEW_UNITS = 10
ERROR_SHARES = (
    0.6,
    0.4,
)  # of a gap's lower and upper limit: the upper is often safe by including the estimate


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

    a: Ints
    """Position of the first group."""
    b: Ints
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
    estimate: ArrayLike,
    replicates: ArrayLike,
    *,
    n: ArrayLike,
    kind: Kind,
    confidence: float = 0.95,
    effective: ArrayLike | None = None,
    alone: ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    """Limits [K], [K] of the levels of K groups.

    Wilson's score limits with the effective number of units p (1 - p) / variance, the variance being that of the
    resamples times m / (m - 1) for m effective clusters, and Student's quantile with m - 1 degrees of freedom in
    place of the normal one (Korn & Graubard, 1998, Survey Methodology 24, 193-201; Dean & Pagano, 2015,
    doi:10.1093/jssam/smv024). Shares of rows that are clusters by themselves are binomial: their effective number is
    that of the rows. Rankings (AUROC) get the limits on the logit scale, which near 1 and with few positives covers
    best (Pepe, 2003, The Statistical Evaluation of Medical Tests, chapter 5). Where no resample varies (all right, or
    all wrong) m itself is taken.

    Args:
        estimate: [K] point values; nan gives nan limits.
        replicates: [B, K] values in resamples of whole clusters; nan where a resample cannot tell: left out.
        n: [K] independent units that each value stands on: clusters with a positive for sensitivity, with a
            negative for specificity, the smaller of both for a metric that needs both, else all clusters.
        kind: `proportion` (a share of rows), `score` (another value in [0, 1]: treated alike, cf. Kottas et al.,
            2014, doi:10.1186/1471-2288-14-26), `ranking` (a share of pairs in order) or `unbounded` (Student's).
        confidence: of each limit pair by itself.
        effective: [K] effective number of these units, `levels.standing`; n where None.
        alone: [K] whether each unit is one row; where None, shares of rows get the normal quantile all the same.
    """
    point, values, units = _arrays(estimate, replicates, n)
    clusters = units if effective is None else np.asarray(effective, dtype=np.float64)
    quantile = t.isf((1 - confidence) / 2, np.maximum(clusters - 1, 1))
    variance = variance_of(values) * clusters / np.maximum(clusters - 1, 1)
    size = effective_size(point, variance, clusters, kind)
    if kind == "proportion":
        single = np.ones(len(point), dtype=bool) if alone is None else np.asarray(alone, dtype=bool)
        quantile = np.where(single, norm.isf((1 - confidence) / 2), quantile)
        if alone is not None:
            size = np.where(single & np.isfinite(size), units, size)
    if kind == "unbounded":
        return normal_limits(point, size, quantile)
    return (logit_limits if kind == "ranking" else wilson_limits)(point, size, quantile)


def pairwise_intervals(
    estimate: ArrayLike, replicates: ArrayLike, *, n: ArrayLike, kind: Kind, confidence: float = 0.95
) -> PairwiseIntervals:
    """Limits of all pairwise differences, single and simultaneous; arguments as in `level_intervals`.

    The variance in each direction is recovered from the limits of the levels (Newcombe, 1998,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I; with the correlation of the resamples: Zou &
    Donner, 2008, doi:10.1002/sim.3095). These are Jeffreys' limits, which give differences nearer to the nominal
    coverage than Wilson's (Laud, 2017, doi:10.1002/pst.1813). Simultaneous limits take Tukey's and Kramer's critical
    value in place of the normal one.
    """
    point, values, units = _arrays(estimate, replicates, n)
    size = effective_size(point, variance_of(values), units, kind, borrow=True)
    a, b = np.triu_indices(len(point), k=1)
    correlation = correlation_of(values)[a, b]

    def differences(z: float) -> tuple[Floats, Floats]:
        low, high = jeffreys_limits(point, size, z) if kind != "unbounded" else normal_limits(point, size, z)
        down, up = point - low, high - point
        below = down[a] ** 2 + up[b] ** 2 - 2 * correlation * down[a] * up[b]
        above = up[a] ** 2 + down[b] ** 2 - 2 * correlation * up[a] * down[b]
        middle = point[a] - point[b]
        return middle - np.sqrt(np.maximum(below, 0)), middle + np.sqrt(np.maximum(above, 0))

    single = differences(float(norm.ppf((1 + confidence) / 2)))
    groups = int((~np.isnan(point)).sum())
    joint = differences(_tukey(groups, confidence)) if groups > 1 else single
    return PairwiseIntervals(a, b, point[a] - point[b], *joint, *single)


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

    By `inversion`. The gap as estimated always lies inside, though it is biased upwards: the limits are not, and
    may lie mostly below it. Two small groups come out exactly equal more often than normal noise has it: their upper
    limit is at least that of the difference with four times the error (80%).

    Args:
        estimate, replicates, n, kind, confidence: see `level_intervals`. Groups whose estimate is nan are left out.
        family: [K] numbers where the gap is the largest of several ranges: for equalized odds, K holds the
            groups' true positive rates (family 0) and then their false positive rates (family 1).
    """
    point, values, units = _arrays(estimate, replicates, n)
    codes = np.zeros(len(point), dtype=np.int64) if family is None else np.asarray(family, dtype=np.int64)
    known = ~np.isnan(point)
    point, values, units, codes = point[known], values[:, known], units[known], codes[known]
    if len(point) == 0 or np.bincount(codes).max() < 2:
        return GapInterval(*(float("nan"),) * 5)
    drawn = _gaps(values, codes)
    tail = (1 - confidence) / 2
    told = drawn[~np.isnan(drawn)]
    naive = np.quantile(told, (tail, 1 - tail)) if len(told) else (np.nan, np.nan)
    value = float(_gaps(point[None], codes)[0])
    low, high = _inverted(point, values, units, codes, kind, confidence)
    if len(point) == 2:
        pair = pairwise_intervals(point, values, n=units, kind=kind, confidence=max(1 - 8 * tail, 0.5))
        high = max(high, abs(float(pair.single_low[0])), abs(float(pair.single_high[0])))
    return GapInterval(value, low, high, float(naive[0]), float(naive[1]))


def _inverted(
    point: Floats, values: Floats, units: Floats, codes: Ints, kind: Kind, confidence: float
) -> tuple[float, float]:
    """Limits of the gap of [K] levels by inverting a test."""
    size = effective_size(point, variance_of(values), units, kind, borrow=True)
    correlation = correlation_of(values)

    def levels(freedom: Floats, error: float) -> Levels:
        """With noise of variances known from so many degrees of freedom, for one limit with this error."""
        less = (norm.isf(error) / t.isf(error, freedom)) ** 2
        return Levels(point, size * less, codes, correlation, kind != "unbounded")

    below, above = (share * (1 - confidence) for share in ERROR_SHARES)
    own = np.maximum(units - 1, 1)
    low = lower_limit(levels(own + np.minimum(BORROWED, own.sum() - own), below), below)
    return low, upper_limit(levels(own, above), above)


def interval_warnings(
    n: ArrayLike, *, kind: Kind = "proportion", of_gap: bool = False, estimate: ArrayLike | None = None
) -> list[str]:
    """What the report says where simulations have these intervals miss their 95%; empty where they keep it.

    Args:
        n: [K] independent units, as for `level_intervals`.
        kind: of the levels.
        of_gap: whether it is about the gap of K levels, or about one level.
        estimate: [K] point values, where they are known.
    """
    units = np.asarray(n, dtype=np.float64)
    if not len(units):
        return []
    out = []
    if units.min() < FEW_UNITS:
        whose = "the smallest group stands" if of_gap and len(units) > 1 else "it stands"
        out.append(
            f"{whose} on {int(units.min())} independent images, lesions or patients: with fewer than {FEW_UNITS} the "
            "interval is rather too wide, and its 95% is not established"
        )
    if of_gap and len(units) == 2 and estimate is not None and kind != "unbounded":
        level = np.asarray(estimate, dtype=np.float64)
        if (units * np.minimum(level, 1 - level)).min() < 1:
            out.append(
                "of two groups one is nearly all right or all wrong: the interval is rather too wide (99%)"
            )
    return out


def _arrays(estimate: ArrayLike, replicates: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats, Floats]:
    point, values = np.asarray(estimate, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    units = np.asarray(n, dtype=np.float64)
    if values.ndim != 2 or point.shape != (values.shape[1],) or units.shape != point.shape:
        raise ValueError(
            f"expected K values, [B, K] replicates and K unit counts; found shapes {point.shape}, {values.shape} "
            f"and {units.shape}"
        )
    return point, values, units


def _gaps(values: Floats, family: Ints) -> Floats:
    """Largest of the families' ranges, [B]; nan where none can be told."""
    spans = []
    for f in np.unique(family):
        part = values[:, family == f]
        spans.append(np.fmax.reduce(part, axis=1) - np.fmin.reduce(part, axis=1))
    return np.fmax.reduce(np.stack(spans), axis=0)


@lru_cache(maxsize=256)
def _tukey(groups: int, confidence: float) -> float:
    """Critical value of all pairwise differences of normal estimates (exact for equal variances, else conservative:
    Hayter, 1984, doi:10.1214/aos/1176346392)."""
    return float(studentized_range.ppf(confidence, groups, np.inf) / np.sqrt(2))
