"""How noisy levels are, as resamples of whole clusters tell it, and the limits that follow for one level."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expit, logit
from scipy.stats import norm

from skintag.evaluation.metrics.registry import Kind

Floats = NDArray[np.float64]

BORROWED: Final = 10.0
"""Errors' worth of information on its variance that a group takes from the others."""


def variance_of(values: Floats) -> Floats:
    """Variance of each estimate [K]: that of its resamples; nan if none tells.

    Too small by (n - 1) / n as bootstraps are, and too large by about as much because the number of a group's
    clusters varies from resample to resample.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values.var(axis=0)
    told = (~missing).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(missing, 0, values).sum(axis=0) / told
        return (np.where(missing, 0, values - mean) ** 2).sum(axis=0) / np.where(told > 0, told, np.nan)


def effective_size(
    point: Floats, variance: Floats, units: Floats, kind: Kind, *, borrow: bool = False
) -> Floats:
    """Effective number of units [K], p (1 - p) / variance; for `unbounded` the reciprocal of the variance.

    `units` where no resample varies and at 0 and 1, nan without a variance. With `borrow`, groups inform each other.
    """
    top = np.ones_like(point) if kind == "unbounded" else point * (1 - point)
    # a level of 0 or 1 says nothing of its noise, even where resamples move it
    tiny = (variance <= 1e-12) | (top <= 0)
    with np.errstate(invalid="ignore"):
        size = top / np.where(tiny, 1, variance)
    size = np.where(np.isnan(point) | np.isnan(variance), np.nan, np.where(tiny, np.maximum(units, 1), size))
    return _borrowed(point, size, units) if borrow and kind != "unbounded" else size


def wilson_limits(point: Floats, size: Floats, z: Floats | float) -> tuple[Floats, Floats]:
    """Score limits (Wilson, 1927, doi:10.1080/01621459.1927.10502953) at the quantile z, a number or [K]."""
    with np.errstate(invalid="ignore"):
        middle = (point + z**2 / (2 * size)) / (1 + z**2 / size)
        half = z / (1 + z**2 / size) * np.sqrt(point * (1 - point) / size + z**2 / (4 * size**2))
    # rounding never leaves the estimate outside
    return np.clip(np.minimum(middle - half, point), 0, 1), np.clip(np.maximum(middle + half, point), 0, 1)


def logit_limits(point: Floats, size: Floats, z: Floats | float) -> tuple[Floats, Floats]:
    """Limits on the logit scale at the quantile z; at 0 and 1, which have no logit, Wilson's."""
    low, high = wilson_limits(point, size, z)
    inside = (point > 0) & (point < 1)
    p = np.where(inside, point, 0.5)
    with np.errstate(invalid="ignore"):
        reach = z / np.sqrt(
            p * (1 - p) * size
        )  # the delta method: variance p (1 - p) / size over (p (1 - p))^2
    middle = logit(p)
    return np.where(inside, expit(middle - reach), low), np.where(inside, expit(middle + reach), high)


def jeffreys_limits(point: Floats, size: Floats, z: float) -> tuple[Floats, Floats]:
    """Quantiles under Jeffreys' prior; 0 and 1 where all are wrong, or right (Brown et al., 2001,
    doi:10.1214/ss/1009213286)."""
    hits, misses, tail = point * size + 0.5, (1 - point) * size + 0.5, float(norm.sf(z))
    low = np.where(point <= 0, 0.0, betaincinv(hits, misses, tail))
    return low, np.where(point >= 1, 1.0, betaincinv(hits, misses, 1 - tail))


def normal_limits(point: Floats, size: Floats, z: Floats | float) -> tuple[Floats, Floats]:
    """Limits of unbounded levels; `size` is the reciprocal of the variance."""
    return point - z / np.sqrt(size), point + z / np.sqrt(size)


def _borrowed(point: Floats, size: Floats, units: Floats) -> Floats:
    """Effective sizes drawn towards the groups' common ratio of size to units.

    A group with few errors hardly tells how much they cluster: its variance counts as known from about as many errors
    as it has, and that of all groups together as known from `BORROWED`.
    """
    known = np.nan_to_num(2 * units * point * (1 - point))
    spread = np.where(np.isnan(size), 1.0, units / size)
    if known.sum() == 0:
        return size
    common = (known * spread).sum() / known.sum()
    return np.where(np.isnan(size), np.nan, units * (known + BORROWED) / (known * spread + BORROWED * common))


def correlation_of(values: Floats) -> Floats:
    """Correlation [K, K] of the resampled levels: 0 but where clusters lie in several groups; positive definite."""
    identity = np.eye(values.shape[1])
    told = values[~np.isnan(values).any(axis=1)]
    if len(told) < 100:
        return identity
    centred = told - told.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0))
    centred = centred / np.where(scale > 1e-9, scale, 1)
    found = centred.T @ centred / len(told)
    found[np.abs(found) < 4 / np.sqrt(len(told))] = 0  # what independent groups show by chance
    np.fill_diagonal(found, 1)
    lowest = float(np.linalg.eigvalsh(found).min())
    return found if lowest > 0.01 else (found + (0.01 - lowest) * identity) / (1.01 - lowest)
