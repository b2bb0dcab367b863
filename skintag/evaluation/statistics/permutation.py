"""Permutation test of "all groups are equal": whole clusters exchange their groups.

experiments/calibrated_intervals has how often it rejects equal groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import studentized_range

Floats = NDArray[np.float64]
_CELLS: Final = 2**26  # labels worked on at a time; tables of 33,000 units and 2,000 exchanges are one block


@dataclass(frozen=True)
class PermutationResult:
    """What the gap would be if all groups were equal."""

    p_value: float
    """(1 + permutations at least as extreme as the data) / (1 + permutations); nan with fewer than two groups."""
    chance: float
    """Mean gap over permutations: what to expect of equal groups of these sizes."""


@dataclass(frozen=True)
class Permutations:
    """Group labels exchanged among units; drawn once, used for all metrics and models on the same units.

    A unit is a cluster's rows of one group: a cluster that spans groups gives a unit to each.
    """

    groups: NDArray[np.int64]
    """[U] group number 0..K-1 of each unit in the data."""
    labels: NDArray[np.int32] | NDArray[np.int8]
    """[P, U] group numbers after each exchange; int8 where there are very many cells."""

    @classmethod
    def draw(
        cls, groups: ArrayLike, *, strata: ArrayLike | None = None, permutations: int = 2000, seed: int = 0
    ) -> Permutations:
        """Exchange the labels of `groups` [U], numbers from 0, within `strata` [U] (default: all together).

        Strata are which classes a unit has rows of (positives only, negatives only, both), so that every
        group keeps its number of positive units.
        """
        codes = np.asarray(groups, dtype=np.int64)
        layers = np.zeros(len(codes), dtype=np.int64) if strata is None else np.asarray(strata)
        rng = np.random.default_rng(seed)
        narrow = permutations * len(codes) > _CELLS and codes.max(initial=0) < 128
        labels = np.tile(codes.astype(np.int8 if narrow else np.int32), (permutations, 1))
        for layer in np.unique(layers):
            members = np.flatnonzero(layers == layer)
            for block in _blocks(permutations, len(codes)):
                labels[block, members] = rng.permuted(labels[block, members], axis=1)
        return cls(codes, labels)

    def sums(self, columns: ArrayLike) -> Floats:
        """Sums of `columns` [U, M] in the groups: [1 + P, K, M], the data first."""
        number = int(self.groups.max()) + 1
        whole = len(self.labels) * len(self.groups) <= _CELLS
        # float32 holds whole numbers up to 2 ** 24: sums over many units need more
        values = np.asarray(columns, dtype=np.float32 if whole else np.float64)
        out = np.empty((1 + len(self.labels), number, values.shape[1]))
        for block in _blocks(len(out), len(self.groups)):
            labels = self.with_data(block)
            for g in range(number):
                out[block, g] = (labels == g).astype(values.dtype) @ values
        return out

    def with_data(self, block: slice) -> NDArray[np.integer[Any]]:
        """[b, U] groups of the units in a block of the data (first) and the exchanges."""
        if block.start > 0:
            return self.labels[block.start - 1 : block.stop - 1]
        return np.concatenate([self.groups[None].astype(self.labels.dtype), self.labels[: block.stop - 1]])


def _blocks(number: int, units: int) -> list[slice]:
    """`number` exchanges of so many units in blocks of at most `_CELLS` labels."""
    size = max(1, _CELLS // max(units, 1))
    return [slice(start, min(start + size, number)) for start in range(0, number, size)]


def ratio_levels(
    numerator: ArrayLike, denominator: ArrayLike, permutations: Permutations
) -> tuple[Floats, Floats, Floats]:
    """Levels, sum of numerators / sum of denominators, their variances if all groups were equal, and effective units.

    Args:
        numerator, denominator: counts per unit, [U] or [U, M] for M ratios; one denominator serves all numerators.
        permutations: of the same units.

    Returns:
        [1 + P, K, M] each, the data first. The variance is that of a ratio over clusters, around the ratio r of all
        units: sum (numerator - r denominator)^2 / (sum of denominators)^2 (Cochran, 1977, Sampling Techniques, 6.3).
        nan where a group has nothing in the denominator.
    """
    units = len(permutations.groups)
    top, bottom = (np.asarray(x, dtype=np.float64).reshape(units, -1) for x in (numerator, denominator))
    # whole numbers, so that float32 sums are exact and equal exchanges tie
    columns = [top, top**2, top * bottom, bottom, bottom**2]
    ends = np.cumsum([c.shape[1] for c in columns])[:-1]
    hits, hits2, cross, count, count2 = np.split(
        permutations.sums(np.concatenate(columns, axis=1)), ends, axis=2
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = top.sum(axis=0) / bottom.sum(axis=0)
        variance = (hits2 - 2 * ratio * cross + ratio**2 * count2) / count**2
        return hits / count, variance, np.broadcast_to(count**2 / count2, hits.shape)


def auroc_variances(
    positive: ArrayLike,
    negative: ArrayLike,
    excess_positive: ArrayLike,
    excess_negative: ArrayLike,
    permutations: Permutations,
) -> tuple[Floats, Floats]:
    """Variances of the groups' AUROC if all groups were equal, and what it stands on: [1 + P, K, M], the data first.

    DeLong et al. (1988, doi:10.2307/2531595), for clusters as Obuchowski (1997, doi:10.2307/2533958) has it, with
    placements among the rows of all groups. It stands on the effective number of units of the rarer class.

    Args:
        positive, negative: [U] rows of each class.
        excess_positive: [U], or [U, M] for M scores: sum over the unit's positives of the share of all negatives
            below each, less the AUROC of all rows.
        excess_negative: the same of its negatives and the share of all positives above.
        permutations: of the same units.
    """
    units = len(permutations.groups)
    p, n, a, b = (
        np.asarray(x, dtype=np.float64).reshape(units, -1)
        for x in (positive, negative, excess_positive, excess_negative)
    )
    m = a.shape[1]
    sums = permutations.sums(np.concatenate([p, n, p**2, n**2, a * a, a * b, b * b], axis=1))
    p, n, p2, n2, aa, ab, bb = np.split(sums, [1, 2, 3, 4, 4 + m, 4 + 2 * m], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = aa / p**2 + 2 * ab / (p * n) + bb / n**2
        return variance, np.broadcast_to(np.minimum(p**2 / p2, n**2 / n2), variance.shape)


def equality_test(
    levels: ArrayLike, variances: ArrayLike, units: ArrayLike, common: ArrayLike
) -> PermutationResult:
    """Test that all groups have equal levels, and the gap to expect of such.

    The statistic is the largest difference of two groups in units of its own standard error: groups whose clusters
    are larger or more alike than others' are not exchangeable, and a test of the plain gap rejects up to twice as
    often as it should (Chung & Romano, 2013, doi:10.1214/13-AOS1090). Their few large clusters tell that error badly,
    and not at all where all are right. So each group counts two pseudo-clusters, one right and one wrong (Agresti &
    Caffo, 2000), and each quotient stands for the normal one of the same probability under Welch's degrees of freedom,
    a group having one less than its effective number of clusters. Where clusters differ in size, what exchanges say is
    only the lower bound of the p-value: it is no less than that of the studentised range (Tukey) of this statistic.
    `chance` is in units of the gap itself.

    Args:
        levels, variances: [1 + P, K, M], the data first. The gap is the largest of M ranges.
        units: [1 + P, K, M] effective number of clusters of each level.
        common: [M] levels of all groups together, in [0, 1].
    """
    value, variance = np.asarray(levels, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if value.shape[1] < 2 or np.isnan(value[0]).all():
        return PermutationResult(float("nan"), float("nan"))
    size, middle = np.asarray(units, dtype=np.float64), np.asarray(common, dtype=np.float64)
    a, b = np.triu_indices(value.shape[1], k=1)
    gaps, largest = np.full(len(value), np.nan), np.full(len(value), np.nan)
    excess = (value - middle) * size / (size + 2)
    noise = (size**2 * variance + middle**2 + (1 - middle) ** 2) / (size + 2) ** 2
    for i, j in zip(a, b, strict=True):
        difference = np.abs(value[:, i] - value[:, j])
        gaps = np.fmax(gaps, np.fmax.reduce(difference, axis=1))
        both = noise[:, i] + noise[:, j]
        freedom = both**2 / sum(noise[:, g] ** 2 / np.maximum(size[:, g] - 1, 0.5) for g in (i, j))
        studentised = np.abs(excess[:, i] - excess[:, j]) / np.sqrt(both)
        largest = np.fmax(largest, np.fmax.reduce(_as_normal(studentised, freedom), axis=1))
    extreme = (largest[1:] >= largest[0] * (1 - 1e-6)).sum()
    p_value = float((1 + extreme) / len(gaps))
    if np.ptp(np.nan_to_num(size), axis=0).max() > 1e-6:  # exchanged clusters are not alike
        alone = float(studentized_range.sf(np.sqrt(2) * largest[0], value.shape[1], np.inf))
        p_value = max(p_value, 1 - (1 - min(alone, 1.0)) ** value.shape[2])
    return PermutationResult(p_value, float(np.nanmean(gaps[1:])))


def _as_normal(t: Floats, freedom: Floats) -> Floats:
    """The normal deviate that is as improbable as |t| (Wallace, 1959, doi:10.1214/aoms/1177706073)."""
    shrink = (8 * freedom + 1) / (8 * freedom + 3)
    return shrink * np.sqrt(freedom * np.log1p(t**2 / freedom))


def permutation_gap(
    numerator: ArrayLike, denominator: ArrayLike, permutations: Permutations
) -> PermutationResult:
    """Test of equal ratios, sum of numerators / sum of denominators, in all groups.

    Args:
        numerator, denominator: counts per unit, [U] (sensitivity: hits and positives; specificity: rightly
            spared and negatives; accuracy: right and rows; F1: 2 TP and 2 TP + FP + FN), or [U, M] where the gap
            is the largest of M ranges (equalized odds: (TP, TN) and (positives, negatives)).
        permutations: of the same units. Units of groups that are left out of the gap are not among them.
    """
    top, bottom = (np.asarray(x, dtype=np.float64) for x in (numerator, denominator))
    with np.errstate(invalid="ignore", divide="ignore"):
        common = np.atleast_1d(top.sum(axis=0) / bottom.sum(axis=0))
    return equality_test(*ratio_levels(numerator, denominator, permutations), common)
