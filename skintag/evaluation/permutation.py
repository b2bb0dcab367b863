"""Permutation test of "all groups are equal": whole clusters exchange their groups."""

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
    labels: NDArray[np.int8]
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
        labels = np.tile(codes.astype(np.int8), (permutations, 1))
        for layer in np.unique(layers):
            members = np.flatnonzero(layers == layer)
            labels[:, members] = rng.permuted(labels[:, members], axis=1)
        return cls(codes, labels)

    def sums(self, columns: ArrayLike) -> Floats:
        """Sums of `columns` [U, M] in the groups: [1 + P, K, M], the data first."""
        values = np.asarray(columns, dtype=np.float32)
        number = int(self.groups.max()) + 1
        everything = np.concatenate([self.groups.astype(np.int8)[None], self.labels])
        out = [(everything == g).astype(np.float32) @ values for g in range(number)]
        return np.stack(out, axis=1).astype(np.float64)


def permutation_gap(
    numerator: ArrayLike, denominator: ArrayLike, permutations: Permutations
) -> PermutationResult:
    """Test of equal ratios, sum of numerators / sum of denominators, in all groups.

    Args:
        numerator, denominator: counts per unit, [U] (sensitivity: hits and positives; specificity: rightly
            spared and negatives; accuracy: right and rows; F1: 2 TP and 2 TP + FP + FN), or [U, M] where the gap
            is the largest of M ranges (equalized odds: (TP, FP) and (positives, negatives)).
        permutations: of the same units. Units of groups that are left out of the gap are not among them.
    """
    top, bottom = (
        np.asarray(x, dtype=np.float64).reshape(len(permutations.groups), -1)
        for x in (numerator, denominator)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = permutations.sums(top) / permutations.sums(bottom)
    gaps = (np.nanmax(ratio, axis=1) - np.nanmin(ratio, axis=1)).max(axis=1)
    extreme = (gaps[1:] >= gaps[0] - 1e-9).sum()
    return PermutationResult(float((1 + extreme) / len(gaps)), float(gaps[1:].mean()))
