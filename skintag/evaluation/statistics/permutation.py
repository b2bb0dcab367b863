"""Permutation test of "all groups are equal": whole clusters exchange their groups.

experiments/calibrated_intervals has how often it rejects equal groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


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
    labels: NDArray[np.int32]
    """[P, U] group numbers after each exchange."""

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
        labels = np.tile(codes.astype(np.int32), (permutations, 1))
        for layer in np.unique(layers):
            members = np.flatnonzero(layers == layer)
            labels[:, members] = rng.permuted(labels[:, members], axis=1)
        return cls(codes, labels)

    def sums(self, columns: ArrayLike) -> Floats:
        """Sums of `columns` [U, M] in the groups: [1 + P, K, M], the data first."""
        values = np.asarray(columns, dtype=np.float32)
        number = int(self.groups.max()) + 1
        everything = np.concatenate([self.groups.astype(np.int32)[None], self.labels])
        out = [(everything == g).astype(np.float32) @ values for g in range(number)]
        return np.stack(out, axis=1).astype(np.float64)


def ratio_levels(
    numerator: ArrayLike, denominator: ArrayLike, permutations: Permutations
) -> tuple[Floats, Floats]:
    """Levels, sum of numerators / sum of denominators, and their variances if all groups were equal.

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
        return hits / count, (hits2 - 2 * ratio * cross + ratio**2 * count2) / count**2


def auroc_variances(
    positive: ArrayLike,
    negative: ArrayLike,
    excess_positive: ArrayLike,
    excess_negative: ArrayLike,
    permutations: Permutations,
) -> Floats:
    """Variances of the groups' AUROC if all groups were equal: [1 + P, K, M], the data first.

    DeLong et al. (1988, doi:10.2307/2531595), for clusters as Obuchowski (1997, doi:10.2307/2533958) has it, with
    placements among the rows of all groups.

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
    sums = permutations.sums(np.concatenate([p, n, a * a, a * b, b * b], axis=1))
    p, n, aa, ab, bb = np.split(sums, [1, 2, 2 + m, 2 + 2 * m], axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return aa / p**2 + 2 * ab / (p * n) + bb / n**2


def equality_test(levels: ArrayLike, variances: ArrayLike) -> PermutationResult:
    """Test that all groups have equal levels, and the gap to expect of such.

    The statistic is the largest difference of two groups in units of its own standard error: groups whose clusters
    are larger or more alike than others' are not exchangeable, and a test of the plain gap rejects up to twice as
    often as it should (Chung & Romano, 2013, doi:10.1214/13-AOS1090). `chance` is in units of the gap itself.

    Args:
        levels, variances: [1 + P, K, M], the data first. The gap is the largest of M ranges.
    """
    value, variance = np.asarray(levels, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if value.shape[1] < 2 or np.isnan(value[0]).all():
        return PermutationResult(float("nan"), float("nan"))
    a, b = np.triu_indices(value.shape[1], k=1)
    gaps, largest = np.full(len(value), np.nan), np.full(len(value), np.nan)
    for i, j in zip(a, b, strict=True):
        difference = np.abs(value[:, i] - value[:, j])
        with np.errstate(invalid="ignore", divide="ignore"):
            studentised = np.where(difference > 0, difference / np.sqrt(variance[:, i] + variance[:, j]), 0.0)
        studentised = np.where(np.isnan(difference), np.nan, studentised)
        gaps = np.fmax(gaps, np.fmax.reduce(difference, axis=1))
        largest = np.fmax(largest, np.fmax.reduce(studentised, axis=1))
    extreme = (largest[1:] >= largest[0] * (1 - 1e-6)).sum()
    return PermutationResult(float((1 + extreme) / len(gaps)), float(np.nanmean(gaps[1:])))


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
    return equality_test(*ratio_levels(numerator, denominator, permutations))
