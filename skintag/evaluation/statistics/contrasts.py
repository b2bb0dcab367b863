"""Contrasts that compare like with like: rates standardised over strata, AUROC over the same pairs of conditions.

Domains and groups of patients differ in what they are ill with, and a model errs more on some conditions than on
others. A difference of raw rates mixes the two; here both sides of a contrast have the same conditions, in the same
proportions. Every function works on many resamples at once (`RowDraws`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skintag.evaluation.statistics.sides import Contrast, RowDraws, Side, effective_clusters


def standardised_difference(
    outcome: NDArray[np.float64],
    side: NDArray[np.int64],
    strata: NDArray[np.int64],
    rows: RowDraws,
) -> Contrast:
    """Mantel-Haenszel difference of the mean outcome, side 1 minus side 0, over strata that have both.

    sum_k w_k (mean_1k - mean_0k) / sum_k w_k with w_k = n_1k n_0k / (n_1k + n_0k), the estimator of a common risk
    difference (Greenland and Robins 1985, Biometrics 41:55). The sides' own levels are the two sums.

    Args:
        outcome: in [0, 1], e.g. whether the decision was right; float [n].
        side: 1, 0, or -1 for rows that take no part; int [n].
        strata: number of each row's stratum, -1 for none; int [n].
        rows: how often each of the n rows counts.

    Returns:
        A contrast of [R] values; nan throughout where no stratum has rows of both sides.
    """
    both = np.intersect1d(strata[side == 1], strata[side == 0])
    both = both[both >= 0]
    taking = np.flatnonzero(np.isin(strata, both) & (side >= 0))
    if not len(taking):
        return _nothing(len(rows))
    at = np.searchsorted(both, strata[taking])
    k = len(both)
    ones = np.zeros((len(taking), 2, k), np.float32)
    ones[np.arange(len(taking)), side[taking], at] = 1.0
    cells = np.concatenate([ones, ones * outcome[taking, None, None].astype(np.float32)], axis=1)
    sums = (rows.weights[:, taking] @ cells.reshape(len(taking), -1)).reshape(len(rows), 4, k)
    n0, n1, y0, y1 = (sums[:, i].astype(np.float64) for i in range(4))  # each [R, k]
    # w y1 / n1 = y1 n0 / (n0 + n1): a stratum that lost a side in a resample drops out
    total = np.maximum(n0 + n1, 1.0)
    weight = (n0 * n1 / total).sum(axis=1)
    sides = []
    for i, levels in ((1, y1 * n0), (0, y0 * n1)):
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = np.where(weight > 0, (levels / total).sum(axis=1) / weight, np.nan)
        own = side[taking] == i
        row_weight = ((n0, n1)[1 - i] / total)[0][at[own]]  # in the data
        cluster = rows.cluster[taking][own]
        sides.append(Side(draws, effective_clusters(row_weight, cluster), np.unique(cluster)))
    counted = side[taking]
    return Contrast(tuple(sides), (1.0, -1.0), int((counted == 1).sum()), int((counted == 0).sum()))


def share_of(outcome: NDArray[np.float64], chosen: NDArray[np.bool_], rows: RowDraws) -> Contrast:
    """The mean outcome [n] of the chosen rows [n], a contrast of one side; nan where there is none."""
    at = np.flatnonzero(chosen)
    if not len(at):
        return _nothing(len(rows))
    weights, cluster = rows.weights[:, at], rows.cluster[at]
    total = weights.sum(axis=1, dtype=np.float64)
    hits = (weights @ outcome[at].astype(np.float32)).astype(np.float64)
    draws = np.divide(hits, total, out=np.full(len(rows), np.nan), where=total > 0)
    side = Side(draws, effective_clusters(np.ones(len(at)), cluster), np.unique(cluster))
    return Contrast((side,), (1.0,), len(at), len(at))


def auroc_of_pairs(
    score: NDArray[np.float64],
    positive: Sequence[NDArray[np.int64]],
    negative: Sequence[NDArray[np.int64]],
    weights: NDArray[np.float32],
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
    score: NDArray[np.float64], target: NDArray[np.int64], chosen: NDArray[np.bool_], rows: RowDraws
) -> Contrast:
    """AUROC among the chosen rows [n] as they are; nan where a class is absent."""
    ups, downs = (np.flatnonzero(chosen & (target == t)) for t in (1, 0))
    draws = auroc_of_pairs(score, [ups], [downs], rows.weights)[:, 0]
    return _auroc_contrast(draws, [ups], [downs], np.ones(1), rows)


def _auroc_contrast(
    draws: NDArray[np.float64],
    positive: Sequence[NDArray[np.int64]],
    negative: Sequence[NDArray[np.int64]],
    weights: NDArray[np.float64],
    rows: RowDraws,
) -> Contrast:
    """A contrast of one side: a mean, so weighted, of the AUROC of pairs of sets of rows."""
    effective, numbers = [], []
    for sets in (positive, negative):
        weight = np.zeros(len(rows.cluster))
        for chosen, share in zip(sets, weights, strict=True):
            weight[chosen] += share / max(len(chosen), 1)
        at = np.flatnonzero(weight)
        effective.append(effective_clusters(weight[at], rows.cluster[at]))
        numbers.append(len(at))
    units = np.unique(rows.cluster[np.concatenate([*positive, *negative])])
    return Contrast((Side(draws, min(effective), units, share=False),), (1.0,), *numbers)


def _nothing(resamples: int) -> Contrast:
    """A contrast that no row says anything of."""
    side = Side(np.full(resamples, np.nan), 0.0, np.zeros(0, dtype=np.int64))
    return Contrast((side,), (1.0,), 0, 0)


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
        within: int | None = None,
    ) -> ConditionPairs:
        """The pairs of `conditions` with at least `minimum` rows of each kind on both sides.

        Args:
            condition, target: [n]
            a, b: the rows [n] of either side.
            conditions: numbers that pairs are made of.
            minimum: rows of each of a pair's two conditions that each side must have.
            within: where conditions are numbered dataset by dataset, so many numbers for each: pairs lie in one.
        """
        counts = {
            (c, t): [int(((condition == c) & (target == t) & side).sum()) for side in (a, b)]
            for c in conditions
            for t in (0, 1)
        }
        pairs, weights = [], []
        for up in conditions:
            for down in conditions:
                four = np.array([*counts[up, 1], *counts[down, 0]])
                same = within is None or up // within == down // within
                if same and four.min() >= minimum:
                    pairs.append((up, down))
                    weights.append(1.0 / (1.0 / four).sum())
        total = np.array(weights, dtype=np.float64)
        return cls(tuple(pairs), total / total.sum() if len(total) else total)

    def auroc(
        self,
        score: NDArray[np.float64],
        condition: NDArray[np.int64],
        target: NDArray[np.int64],
        chosen: NDArray[np.bool_],
        rows: RowDraws,
    ) -> Contrast:
        """Weighted mean AUROC of the pairs among the chosen rows [n]; nan where there is no pair."""
        if not self.pairs:
            return _nothing(len(rows))
        ups = [np.flatnonzero(chosen & (condition == up) & (target == 1)) for up, _ in self.pairs]
        downs = [np.flatnonzero(chosen & (condition == down) & (target == 0)) for _, down in self.pairs]
        each = auroc_of_pairs(score, ups, downs, rows.weights)
        share = self.weights * ~np.isnan(each)  # a pair that lost a side in a resample drops out
        values = np.nansum(each * share, axis=1) / np.maximum(share.sum(axis=1), 1e-12)
        values = np.where(share.sum(axis=1) > 0, values, np.nan)
        return _auroc_contrast(values, ups, downs, self.weights, rows)
