"""Contrasts that compare like with like: rates standardised over strata, AUROC over the same pairs of conditions.

Domains and groups of patients differ in what they are ill with, and a model errs more on some conditions than on
others. A difference of raw rates mixes the two; here both sides of a contrast have the same conditions, in the same
proportions. Every function works on many resamples at once: `weights` [R, n] says how often each row counts, its
first row being the table as it is (all ones).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.statistics.bootstrap import Resamples

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Contrast:
    """A number, its value in every resample, and how many rows it stands on."""

    draws: NDArray[np.float64]
    """[R]: the estimate, then its resamples; nan where they cannot tell it."""
    n_a: int
    """Rows of the first side that count (of the rarer class, for an AUROC)."""
    n_b: int
    """Rows of the second side."""

    @property
    def value(self) -> float:
        """The estimate on the images as they are."""
        return float(self.draws[0])

    def __sub__(self, other: Contrast) -> Contrast:
        """The paired difference: both have to stand on the same resamples."""
        return Contrast(self.draws - other.draws, min(self.n_a, other.n_a), min(self.n_b, other.n_b))


def mean_of(contrasts: Sequence[Contrast]) -> Contrast:
    """The mean of contrasts on the same resamples, such as those of several seeds."""
    values = np.mean([c.draws for c in contrasts], axis=0)
    return Contrast(values, min(c.n_a for c in contrasts), min(c.n_b for c in contrasts))


def row_weights(clusters: pd.Series, resamples: int, seed: int) -> Weights:
    """How often each of [n] rows counts, float32 [1 + resamples, n]: ones, then resamples of whole clusters."""
    drawn = Resamples.draw(clusters, resamples, seed)
    counts = drawn.counts.astype(np.float32)[:, drawn.cluster]
    return np.concatenate([np.ones((1, counts.shape[1]), np.float32), counts])


def standardised_difference(
    outcome: NDArray[np.float64],
    side: NDArray[np.int64],
    strata: NDArray[np.int64],
    weights: Weights,
) -> Contrast:
    """Mantel-Haenszel difference of the mean outcome, side 1 minus side 0, over strata that have both.

    sum_k w_k (mean_1k - mean_0k) / sum_k w_k with w_k = n_1k n_0k / (n_1k + n_0k), the estimator of a common risk
    difference (Greenland and Robins 1985, Biometrics 41:55). Its interval comes from the resamples.

    Args:
        outcome: in [0, 1], e.g. whether the decision was right; float [n].
        side: 1, 0, or -1 for rows that take no part; int [n].
        strata: number of each row's stratum, -1 for none; int [n].
        weights: [R, n], see the module.

    Returns:
        A contrast of [R] values; nan throughout where no stratum has rows of both sides.
    """
    both = np.intersect1d(strata[side == 1], strata[side == 0])
    both = both[both >= 0]
    taking = np.flatnonzero(np.isin(strata, both) & (side >= 0))
    if not len(taking):
        return Contrast(np.full(len(weights), np.nan), 0, 0)
    at = np.searchsorted(both, strata[taking])
    k = len(both)
    ones = np.zeros((len(taking), 2, k), np.float32)
    ones[np.arange(len(taking)), side[taking], at] = 1.0
    cells = np.concatenate([ones, ones * outcome[taking, None, None].astype(np.float32)], axis=1)
    sums = (
        (weights[:, taking] @ cells.reshape(len(taking), -1)).reshape(len(weights), 4, k).astype(np.float64)
    )
    n0, n1, y0, y1 = (sums[:, i] for i in range(4))  # each [R, k]
    # w (y1/n1 - y0/n0) = (y1 n0 - y0 n1) / (n0 + n1): a stratum that lost a side in a resample drops out
    total = np.maximum(n0 + n1, 1.0)
    weight = (n0 * n1 / total).sum(axis=1)
    difference = ((y1 * n0 - y0 * n1) / total).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(weight > 0, difference / weight, np.nan)
    counted = side[taking]
    return Contrast(values, int((counted == 1).sum()), int((counted == 0).sum()))


def auroc_of_pairs(
    score: NDArray[np.float64],
    positive: Sequence[NDArray[np.int64]],
    negative: Sequence[NDArray[np.int64]],
    weights: Weights,
) -> NDArray[np.float64]:
    """AUROC of each pair of a set of positive rows and one of negative rows, float64 [R, pairs]; ties count half.

    Args:
        score: float [n].
        positive: row numbers of the positives of each pair.
        negative: row numbers of its negatives.
        weights: [R, n].
    """
    out = np.full((len(weights), len(positive)), np.nan)
    for i, (ups, downs) in enumerate(zip(positive, negative, strict=True)):
        order = downs[np.argsort(score[downs], kind="stable")]
        below = np.zeros((len(weights), len(order) + 1), np.float32)
        np.cumsum(weights[:, order], axis=1, out=below[:, 1:])
        left = np.searchsorted(score[order], score[ups], side="left")
        right = np.searchsorted(score[order], score[ups], side="right")
        w = weights[:, ups]
        won = np.einsum("ru,ru->r", w, (below[:, left] + below[:, right]) / 2, dtype=np.float64)
        pairs = w.sum(axis=1, dtype=np.float64) * below[:, -1]
        out[:, i] = np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)
    return out


def auroc_of(
    score: NDArray[np.float64], target: NDArray[np.int64], rows: NDArray[np.bool_], weights: Weights
) -> Contrast:
    """AUROC among the chosen rows [n] as they are; nan where a class is absent."""
    ups, downs = (np.flatnonzero(rows & (target == t)) for t in (1, 0))
    return Contrast(auroc_of_pairs(score, [ups], [downs], weights)[:, 0], len(ups), len(downs))


@dataclass(frozen=True)
class ConditionPairs:
    """Pairs of a malignant and a benign condition that two sets of rows both have, with a weight for each."""

    pairs: tuple[tuple[int, int], ...]
    """(malignant condition, benign condition)."""
    weights: NDArray[np.float64]
    """[pairs], sum 1: the harmonic number of the four counts that a pair stands on."""

    @classmethod
    def shared(
        cls,
        condition: NDArray[np.int64],
        target: NDArray[np.int64],
        a: NDArray[np.bool_],
        b: NDArray[np.bool_],
        *,
        conditions: Sequence[int],
        minimum: int,
    ) -> ConditionPairs:
        """The pairs of `conditions` with at least `minimum` rows of each kind on both sides."""
        counts = {
            (c, t): [int(((condition == c) & (target == t) & side).sum()) for side in (a, b)]
            for c in conditions
            for t in (0, 1)
        }
        pairs, weights = [], []
        for up in conditions:
            for down in conditions:
                four = np.array([*counts[up, 1], *counts[down, 0]])
                if four.min() >= minimum:
                    pairs.append((up, down))
                    weights.append(1.0 / (1.0 / four).sum())
        total = np.array(weights, dtype=np.float64)
        return cls(tuple(pairs), total / total.sum() if len(total) else total)

    def auroc(
        self,
        score: NDArray[np.float64],
        condition: NDArray[np.int64],
        target: NDArray[np.int64],
        rows: NDArray[np.bool_],
        weights: Weights,
    ) -> Contrast:
        """Weighted mean AUROC of the pairs among the chosen rows [n]; nan where there is no pair."""
        if not self.pairs:
            return Contrast(np.full(len(weights), np.nan), 0, 0)
        ups = [np.flatnonzero(rows & (condition == up) & (target == 1)) for up, _ in self.pairs]
        downs = [np.flatnonzero(rows & (condition == down) & (target == 0)) for _, down in self.pairs]
        each = auroc_of_pairs(score, ups, downs, weights)
        share = self.weights * ~np.isnan(each)  # a pair that lost a side in a resample drops out
        values = np.nansum(each * share, axis=1) / np.maximum(share.sum(axis=1), 1e-12)
        n_up, n_down = (len(np.unique(np.concatenate(part))) for part in (ups, downs))
        return Contrast(np.where(share.sum(axis=1) > 0, values, np.nan), n_up, n_down)
