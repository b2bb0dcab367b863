"""Intervals and p-values of paired differences, and p-values of families of them; pure array functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
ROUNDING: Final = 1e-10
"""Metrics lie in [0, 1]: what differs by less than this differs by rounding alone."""


@dataclass(frozen=True)
class Differences:
    """Estimated differences with what is uncertain about them; arrays [L], nan where it cannot be told."""

    se: Floats
    """Standard error."""
    degrees: Floats
    """Degrees of freedom of the t distribution."""
    low: Floats
    """Lower limit."""
    high: Floats
    """Upper limit."""
    p_value: Floats
    """Two-sided, of "no difference"; below 1 - confidence exactly where the interval leaves 0 out."""


def paired_differences(
    estimate: ArrayLike,
    replicates: ArrayLike,
    *,
    n_units: ArrayLike,
    n_rows: ArrayLike,
    confidence: float = 0.95,
    extra: tuple[ArrayLike, ArrayLike] | None = None,
) -> Differences:
    """Two-sided t intervals of differences between two models on the same images.

    The bootstrap gives the standard error (Efron & Tibshirani, 1993, ch. 12-13), with the small-sample factor
    G / (G - 1) and G - 1 degrees of freedom for G independent clusters (Cameron & Miller, 2015,
    doi:10.3368/jhr.50.2.317). Differences of proportions count one more discordant image of each kind, as
    Bonett & Price (2012, doi:10.3102/1076998611411915) do, in place of that factor: a few images on which two
    models agree do not prove that they always would. A percentile p-value could not fall below 2 / (B + 1),
    which is too coarse for a family of many.

    Args:
        estimate, replicates: [L] differences, and [B, L] in resamples of clusters; nan where a resample cannot tell.
        n_units: [L] independent clusters that the difference stands on.
        n_rows: [L] rows that it is a difference of proportions of; nan where it is none.
        confidence: of each interval.
        extra: a further variance [L] of the estimate with its degrees of freedom [L], e.g. that of seeds. The two
            are put together with Satterthwaite's degrees of freedom (1946, doi:10.2307/3002019).

    Returns:
        nan where the estimate is, or where there are fewer than two units. Where resamples do not differ at all, an
        interval of no width, unless it is a difference of proportions.
    """
    point = np.asarray(estimate, dtype=np.float64)
    units, rows = np.asarray(n_units, dtype=np.float64), np.asarray(n_rows, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        shrink = np.where(~np.isnan(rows), rows / (rows + 2), 1.0)
        variance, degrees = _uncertainty(np.asarray(replicates, dtype=np.float64), units, rows, shrink, extra)
        told = (units > 1) & np.isfinite(point)
        se, centre = np.where(told, np.sqrt(variance), np.nan), shrink * point
        reach = stats.t.ppf((1 + confidence) / 2, degrees) * se
        statistic = np.where((se == 0) & (np.abs(centre) < ROUNDING), 0.0, np.abs(centre) / se)
        p_value = np.where(np.isnan(se), np.nan, 2 * stats.t.sf(statistic, degrees))
    return Differences(se, degrees, centre - reach, centre + reach, p_value)


def _uncertainty(
    values: Floats, units: Floats, rows: Floats, shrink: Floats, extra: tuple[ArrayLike, ArrayLike] | None
) -> tuple[Floats, Floats]:
    """Variance [L] and degrees of freedom [L], the extra variance put together with that of the resamples."""
    share = ~np.isnan(rows)
    factor = np.where(share, shrink**2, units / (units - 1))
    variance = factor * _variance(values) + np.where(share, 2 / (rows + 2) ** 2, 0)
    degrees = units - 1
    if extra is None:
        return variance, degrees
    more, their = (np.asarray(x, dtype=np.float64) for x in extra)
    total = variance + more
    joint = total**2 / (variance**2 / degrees + more**2 / their)
    return total, np.where(total > 0, joint, degrees)


def seed_differences(
    values: ArrayLike, confidence: float = 0.95, overlap: float = 0.0
) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean [L], standard deviation [L] and t limits [L], [L] of the mean over the rows of [S, L], the seeds.

    One seed tells nothing of the spread: standard deviation and limits are nan. A nan in a column makes it nan.
    `overlap`: of repeated splits, test images for each training image: Nadeau & Bengio's corrected resampled t.
    """
    table = np.asarray(values, dtype=np.float64)
    seeds = len(table)
    mean = table.mean(axis=0)
    if seeds < 2:
        unknown = np.full(table.shape[1], np.nan)
        return mean, unknown, unknown, unknown
    sd = table.std(axis=0, ddof=1)
    reach = stats.t.ppf((1 + confidence) / 2, seeds - 1) * sd * np.sqrt(1 / seeds + overlap)
    return mean, sd, mean - reach, mean + reach


def holm(p_values: ArrayLike, families: ArrayLike | None = None) -> Floats:
    """P-values adjusted by Holm (1979) within each family; nan stays nan and counts in none.

    Args:
        p_values: [L].
        families: [L] name of each row's family; one family where None.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    names = np.zeros(len(p), dtype=np.int64) if families is None else pd.factorize(np.asarray(families))[0]
    out = np.full(len(p), np.nan)
    for family in np.unique(names):
        members = np.flatnonzero((names == family) & ~np.isnan(p))
        members = members[np.argsort(p[members], kind="stable")]
        steps = p[members] * np.arange(len(members), 0, -1)
        out[members] = np.minimum(np.maximum.accumulate(steps), 1)
    return out


def _variance(values: Floats) -> Floats:
    """Variance down the columns of [B, L] of what is not nan; nan below two values."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    mean = np.where(known, values, 0).sum(axis=0) / count
    found = (np.where(known, values - mean, 0) ** 2).sum(axis=0) / (count - 1)
    return np.where(found < ROUNDING**2, 0.0, found)
