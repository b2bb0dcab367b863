"""The gaps to expect if all groups were equal, by exchanging groups among whole clusters; all models at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.metrics.groups import Grouping
from skintag.evaluation.metrics.ranks import Order
from skintag.evaluation.metrics.registry import Metric, gaps, metric_of
from skintag.evaluation.metrics.rows import Rows
from skintag.evaluation.metrics.weighing import Group, Weighing
from skintag.evaluation.metrics.weighted import weighted_values
from skintag.evaluation.statistics.bootstrap import blocks, in_threads
from skintag.evaluation.statistics.gaps import members
from skintag.evaluation.statistics.noise import variance_of
from skintag.evaluation.statistics.permutation import (
    PermutationResult,
    Permutations,
    auroc_variances,
    equality_test,
    ratio_levels,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """The same n rows as several models score them."""

    frame: pd.DataFrame
    """The rows, with the columns that groupings need."""
    target: NDArray[np.int64]
    """[n]"""
    score: Floats
    """[models, n]"""
    decision: NDArray[np.bool_]
    """[models, n]"""
    cluster: NDArray[np.int64]
    """[n] cluster numbers."""


def chances(
    rows: Scored,
    index: pd.DataFrame,
    grouping: Grouping,
    *,
    minimum: int,
    permutations: int,
    seed: int,
) -> list[dict[str, PermutationResult]]:
    """Permutation results by gap, a dict per model, for the gaps over one grouping.

    Args:
        rows: the models' rows.
        index: which groups there are, with their numbers of rows: `Replicates.index` of any of the models.
        grouping: whose groups are exchanged.
        minimum: groups with fewer positives or negatives, where a gap needs them, take no part in it.
        permutations: how many exchanges.
        seed: of the exchanges.
    """
    codes, names = grouping.codes(rows.frame)
    out: list[dict[str, PermutationResult]] = [{} for _ in rows.score]
    drawn: dict[tuple[str, ...], Exchange] = {}
    for gap in gaps().values():
        groups = members(index, grouping.name, gap.metrics, minimum).groups
        if len(groups) < 2:
            continue
        if groups not in drawn:
            renumbered = np.array([*(groups.index(n) if n in groups else -1 for n in names), -1])[codes]
            drawn[groups] = Exchange(rows, renumbered, permutations, seed)
        for results, result in zip(out, drawn[groups].tests(gap.metrics), strict=True):
            results[gap.name] = result
    return out


class Exchange:
    """Rows of some groups, whose clusters exchange their groups."""

    def __init__(self, rows: Scored, codes: NDArray[np.int64], permutations: int, seed: int) -> None:
        self.rows, self.known = rows, np.flatnonzero(codes >= 0)
        self.target = rows.target[self.known]
        # a unit is a cluster's rows of one group
        n_groups = int(codes.max()) + 1
        pieces, self.unit = np.unique(
            rows.cluster[self.known] * n_groups + codes[self.known], return_inverse=True
        )
        self.classes = np.stack([self._per_unit(1 - self.target), self._per_unit(self.target)], axis=1)
        strata = (self.classes > 0) @ np.array([1, 2])
        self.permutations = Permutations.draw(
            pieces % n_groups, strata=strata, permutations=permutations, seed=seed
        )
        self._told: dict[str, tuple[Floats, Floats, Floats, Floats]] = {}

    def tests(self, metrics: Sequence[str]) -> list[PermutationResult]:
        """The test of the largest of the metrics' ranges, a result per model."""
        told = [self._tell(metric) for metric in metrics]
        levels, variances, units, common = (np.stack(part, axis=-1) for part in zip(*told, strict=True))
        return [
            equality_test(levels[:, :, m], variances[:, :, m], units[:, :, m], common[m])
            for m in range(len(self.rows.score))
        ]

    def levels(self, metrics: Sequence[str]) -> Floats:
        """The metrics in all groups, in the data (first) and after each exchange: [models, 1 + P, K, metrics]."""
        return np.moveaxis(np.stack([self._tell(metric)[0] for metric in metrics], axis=-1), 2, 0)

    def _tell(self, metric: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Levels of a metric, their variances if all groups were equal and the effective numbers of clusters.

        They are [1 + P, K, models] each; the last of the four, [models], is the level of all groups together.
        """
        if metric not in self._told:
            known = metric_of(metric)
            tell = self._pairs if known.of_pairs else self._ratio if known.ratio else self._any
            self._told[metric] = tell(known)
        return self._told[metric]

    def _ratio(self, metric: Metric) -> tuple[Floats, Floats, Floats, Floats]:
        """Of a ratio of counts, with the variance of a ratio over clusters."""
        decided = self.rows.decision[:, self.known]
        tp = self._per_unit_and_model(decided & (self.target == 1))
        fp = self._per_unit_and_model(decided & (self.target == 0))
        assert metric.ratio is not None
        top, bottom = metric.ratio(self.classes[:, :1] - fp, fp, self.classes[:, 1:] - tp, tp)
        if (bottom == bottom[:, :1]).all():  # one denominator serves all models
            bottom = bottom[:, :1]
        with np.errstate(invalid="ignore", divide="ignore"):
            common = np.broadcast_to(top.sum(axis=0) / bottom.sum(axis=0), (top.shape[1],))
        return *ratio_levels(top, bottom, self.permutations), common

    def _any(self, metric: Metric) -> tuple[Floats, Floats, Floats, Floats]:
        """Of any metric, by its weighted form or its function; the variance is that over the exchanges.

        The data are one of the exchanges if all groups are equal, so a statistic with this variance is a fair one;
        only for groups whose clusters are much larger or more alike than others' is it no remedy.
        """
        number, n_groups = self._number, int(self.permutations.groups.max()) + 1
        levels = np.empty((number, n_groups, len(self.rows.score)))
        pairs = zip(self.rows.score, self.rows.decision, strict=True)
        everything = np.arange(len(self.known))
        for m, (score, decision) in enumerate(pairs):
            own = Rows(self.target, score[self.known], decision[self.known], self.unit, len(self.classes))
            group = Group(own, everything)
            for g in range(n_groups):
                for block in blocks(number, len(self.known)):
                    weights = self._weights(block, g)
                    levels[block, g, m] = weighted_values(metric, Weighing(group, weights))
        with np.errstate(invalid="ignore"):
            variance = np.stack([variance_of(part) for part in np.moveaxis(levels, 1, 0)])
        rows = self.classes.sum(axis=1, keepdims=True)
        count, square = np.moveaxis(self.permutations.sums(np.concatenate([rows, rows**2], axis=1)), 2, 0)
        units = np.broadcast_to((count**2 / square)[:, :, None], levels.shape)
        with np.errstate(invalid="ignore", divide="ignore"):
            common = np.clip(np.nanmean(levels[0], axis=0), 0, 1)
        return levels, np.broadcast_to(variance, levels.shape), units, common

    @property
    def _number(self) -> int:
        """The data and the exchanges."""
        return 1 + len(self.permutations.labels)

    def _weights(self, block: slice, group: int) -> Floats:
        """[U, b] whether a unit is in the group: in the data (first), and after each exchange."""
        return np.ascontiguousarray((self.permutations.with_data(block) == group).T, dtype=np.float64)

    def _pairs(self, metric: Metric) -> tuple[Floats, Floats, Floats, Floats]:
        """Of the share of pairs in order, with DeLong's variance."""
        n, p = np.moveaxis(self.permutations.sums(self.classes), 2, 0)
        positive, negative = np.flatnonzero(self.target == 1), np.flatnonzero(self.target == 0)
        wins = np.empty((len(self.rows.score), *n.shape))
        orders = []
        for score in self.rows.score:
            row = Rows(self.target, score[self.known], self.target > 0, self.unit, len(self.classes))
            orders.append(Order(row, positive, negative))

        def work(task: tuple[int, slice]) -> None:
            g, block = task
            weights = self._weights(block, g)
            for m, order in enumerate(orders):
                wins[m, block, g] = order(weights)

        in_threads(work, [(g, b) for g in range(n.shape[1]) for b in blocks(self._number, len(self.known))])
        with np.errstate(invalid="ignore", divide="ignore"):
            levels = np.moveaxis(wins / (p * n), 0, 2)
        return levels, *self._auroc_variances()

    def _auroc_variances(self) -> tuple[Floats, Floats, Floats]:
        """Variances and effective numbers of clusters, [1 + P, K, models], and the AUROC of all rows, [models]."""
        positive = self.target == 1
        excess = np.zeros((len(self.rows.score), len(positive)))
        common = np.full(len(self.rows.score), np.nan)
        if positive.any() and not positive.all():
            for m, (found, score) in enumerate(zip(excess, self.rows.score[:, self.known], strict=True)):
                below = _share_below(score[positive], score[~positive])
                above = 1 - _share_below(score[~positive], score[positive])
                found[positive], found[~positive] = below - below.mean(), above - above.mean()
                common[m] = below.mean()
        p, n = (self._per_unit_and_model(np.where(c, excess, 0)) for c in (positive, ~positive))
        return *auroc_variances(self.classes[:, 1], self.classes[:, 0], p, n, self.permutations), common

    def _per_unit_and_model(self, values: NDArray[np.generic]) -> Floats:
        """Sums of [models, n] in units: [U, models]."""
        return np.stack([self._per_unit(v) for v in values], axis=1)

    def _per_unit(self, values: NDArray[np.generic]) -> Floats:
        return np.bincount(self.unit, weights=values.astype(np.float64)).astype(np.float64)


def _share_below(scores: Floats, others: Floats) -> Floats:
    """The share of `others` below each score, ties counted half."""
    ordered = np.sort(others)
    left, right = (
        np.searchsorted(ordered, scores, side="left"),
        np.searchsorted(ordered, scores, side="right"),
    )
    return (left + right) / (2 * len(others))
