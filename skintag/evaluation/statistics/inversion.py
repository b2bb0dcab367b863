"""Limits of a gap by inverting a test: which gaps could have given levels like these?

For each gap g the levels are moved, as little as the likelihood allows, to a configuration whose gap is g; noise as
large as the bootstrap found is put on it; and g is kept unless the observed statistic lies in the outer tails of what
comes out (hybrid resampling: Chuang & Lai, 2000, Statistica Sinica 10, 1-50). The statistic is the largest studentised
excess of a difference over g, max (|d_ij| - g) / se_ij: a noisy small group does not drown a clear difference between
large ones (Chernozhukov, Lee & Rosen, 2013, doi:10.3982/ECTA8718).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 2000
STEPS = 8  # halvings: limits are found to a few thousandths of a standard error
NEARLY_EXTREME = 1.0  # standard errors within which a group may truly be the highest or lowest


@dataclass(frozen=True)
class Levels:
    """K estimated levels and their noise; the gap is the largest of the ranges of the families."""

    value: Floats
    """[K]"""
    size: Floats
    """[K] effective number of units, where `bounded`; else the reciprocal of the variance."""
    family: Ints
    """[K] numbers of the families: a difference is between levels of one family."""
    correlation: Floats
    """[K, K] of the estimates."""
    bounded: bool
    """Whether levels are shares in [0, 1] with variance p (1 - p) / size, or any number."""

    def error(self, level: Floats) -> Floats:
        """Standard errors [K] of estimates of `level` [K]; never 0, by two added hits and misses."""
        if not self.bounded:
            return 1 / np.sqrt(self.size)
        safe = (level * self.size + 2) / (self.size + 4)
        return np.sqrt(safe * (1 - safe) / self.size)

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """Positions of the pairs within families."""
        a, b = np.triu_indices(len(self.value), k=1)
        same = self.family[a] == self.family[b]
        return a[same], b[same]

    @cached_property
    def gap(self) -> float:
        """The largest difference of a pair."""
        a, b = self.pairs
        return float(np.abs(self.value[a] - self.value[b]).max())


def lower_limit(levels: Levels, tail: float) -> float:
    """The smallest gap that gives as much as was observed with more than this probability; 0 to the estimate."""
    noise = _noise(levels)
    if _share_above(levels, noise, 0.0) > tail:
        return 0.0
    return _boundary(lambda g: _share_above(levels, noise, g) > tail, levels.gap, 0.0)


def upper_limit(levels: Levels, tail: float) -> float:
    """The largest gap that gives as little as was observed with more than this probability; at least the estimate."""
    noise = _noise(levels)
    most = levels.gap + 8 * float(levels.error(levels.value).max())  # 5.6 errors of the widest difference
    most = min(most, 1.0) if levels.bounded else most
    return _boundary(lambda g: _share_below(levels, noise, g) > tail, levels.gap, most)


def _noise(levels: Levels) -> Floats:
    return standard_noise(len(levels.value)) @ np.linalg.cholesky(levels.correlation).T


@lru_cache(maxsize=64)
def standard_noise(columns: int) -> Floats:
    """Standard normal numbers [DRAWS, columns], the same at each call, each with its mirror image."""
    half = np.random.default_rng(20130621).standard_normal((DRAWS // 2, columns))
    return np.concatenate([half, -half])


def nearest(levels: Levels, gap: float) -> Floats:
    """The most likely levels [K] whose gap is `gap`, given the estimates."""
    weight = levels.error(levels.value) ** -2
    out = levels.value.copy()
    for family in np.unique(levels.family):
        inside = levels.family == family
        if np.ptp(out[inside]) > gap:
            out[inside] = _clip_to_range(out[inside], weight[inside], gap)
    if levels.gap < gap:
        out = _push_apart(levels, weight, gap)
    return _into_unit(out, levels.family) if levels.bounded else out


def _share_above(levels: Levels, noise: Floats, gap: float) -> float:
    """How often levels with this gap would show at least as much as was observed.

    Groups that may well be the highest or lowest are put there: the more of them, the larger the gap that noise
    alone makes (generalised moment selection: Andrews & Soares, 2010, doi:10.3982/ECTA7502). Shares near 1 scatter
    further down than up, as the arcsine transformation has it.
    """
    level = nearest(levels, gap)
    error = levels.error(level)
    if gap > 0:
        level = _to_the_edges(level, NEARLY_EXTREME * error, levels.family)
    if levels.bounded:
        angle = np.arcsin(np.sqrt(level)) + noise / (2 * np.sqrt(levels.size))
        drawn = np.sin(np.clip(angle, 0, np.pi / 2)) ** 2
    else:
        drawn = level + noise * error
    simulated, observed = _excess(levels, drawn, gap, error)
    return float((simulated >= observed).mean())


def _share_below(levels: Levels, noise: Floats, gap: float) -> float:
    """How often levels with this gap would show at most what was observed.

    With few units shares come close to 1 more often than the arcsine transformation has it: noise is normal here.
    """
    level = nearest(levels, gap)
    error = levels.error(level)
    drawn = level + noise * (np.sqrt(level * (1 - level) / levels.size) if levels.bounded else error)
    simulated, observed = _excess(levels, drawn, gap, error)
    return float((simulated <= observed).mean())


def _excess(levels: Levels, drawn: Floats, gap: float, error: Floats) -> tuple[Floats, float]:
    """The statistic of `drawn` [N, K], and the observed one: [N] and a number."""
    a, b = levels.pairs
    scale = np.sqrt(error[a] ** 2 + error[b] ** 2 - 2 * levels.correlation[a, b] * error[a] * error[b])
    observed = float(((np.abs(levels.value[a] - levels.value[b]) - gap) / scale).max())
    columns = np.ascontiguousarray(drawn.T)
    out = np.full(len(drawn), -np.inf)
    for i, j, s in zip(a, b, scale, strict=True):
        np.maximum(out, (np.abs(columns[i] - columns[j]) - gap) / s, out=out)
    return out, observed


def _clip_to_range(values: Floats, weight: Floats, gap: float) -> Floats:
    """Weighted least squares under max - min <= gap: values clipped to [a, a + gap] at the best a."""
    knots = np.sort(np.concatenate([values, values - gap]))

    def slope(a: Floats) -> Floats:
        below, above = np.maximum(a[:, None] - values, 0), np.maximum(values - a[:, None] - gap, 0)
        return (weight * below).sum(axis=1) - (weight * above).sum(axis=1)

    slopes = slope(knots)  # increasing and piecewise linear: the root is found exactly
    a = float(np.interp(0.0, slopes, knots))
    return np.clip(values, a, a + gap)


def _push_apart(levels: Levels, weight: Floats, gap: float) -> Floats:
    """A pair of a family moved to a distance of `gap`, the others kept between them: the likeliest such pair."""
    a, b = levels.pairs
    upper, lower = np.concatenate([a, b]), np.concatenate([b, a])
    value, rows = levels.value, np.arange(len(upper))
    missing = gap - (value[upper] - value[lower])
    step = missing / (1 / weight[upper] + 1 / weight[lower])
    moved = np.tile(value, (len(upper), 1))  # [pairs, K]
    moved[rows, upper] += step / weight[upper]
    moved[rows, lower] -= step / weight[lower]
    top, bottom = moved[rows, upper][:, None], moved[rows, lower][:, None]
    same = levels.family[None] == levels.family[upper][:, None]
    moved = np.where(same, np.clip(moved, bottom, top), moved)
    if levels.bounded:
        shift = np.maximum(-bottom, 0) - np.maximum(top - 1, 0)
        moved = np.where(same, np.clip(moved + shift, 0, 1), moved)
        cost = (levels.size * _divergence(value, moved)).sum(axis=1)
    else:
        cost = (weight * (value - moved) ** 2).sum(axis=1)
    return moved[int(np.argmin(cost))]


def _divergence(share: Floats, other: Floats) -> Floats:
    """Kullback-Leibler divergence of Bernoulli variables with these probabilities, [..., K]."""
    return rel_entr(share, other) + rel_entr(1 - share, 1 - other)


def _into_unit(values: Floats, family: Ints) -> Floats:
    """Each family shifted into [0, 1], its range kept where that can be."""
    out = values.copy()
    for f in np.unique(family):
        inside = family == f
        over, under = max(out[inside].max() - 1, 0.0), max(-out[inside].min(), 0.0)
        out[inside] += under - over
    return np.clip(out, 0, 1)


def _to_the_edges(values: Floats, reach: Floats, family: Ints) -> Floats:
    """Values moved by up to `reach` towards the nearer end of their family's range."""
    out = values.copy()
    for f in np.unique(family):
        inside = family == f
        v, r = values[inside], reach[inside]
        low, high = v.min(), v.max()
        out[inside] = np.where(high - v < v - low, np.minimum(high, v + r), np.maximum(low, v - r))
    return out


def _boundary(kept: Callable[[float], bool], inside: float, outside: float) -> float:
    """The gap between `inside`, which is kept, and `outside`, which need not be, where keeping ends."""
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        if kept(middle):
            inside = middle
        else:
            outside = middle
    return inside
