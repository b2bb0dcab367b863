"""The gaps to expect if all groups were equal, by exchanging groups among whole clusters; all models at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.bootstrap import in_threads
from skintag.evaluation.gaps import GAPS, members
from skintag.evaluation.groups import Grouping
from skintag.evaluation.metrics import NAN
from skintag.evaluation.permutation import PermutationResult, Permutations
from skintag.evaluation.weighted import Order, Rows

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
    for gap, metrics in GAPS.items():
        groups = members(index, grouping.name, metrics, minimum).groups
        if len(groups) < 2:
            continue
        if groups not in drawn:
            renumbered = np.array([*(groups.index(n) if n in groups else -1 for n in names), -1])[codes]
            drawn[groups] = Exchange(rows, renumbered, permutations, seed)
        for results, levels in zip(out, drawn[groups].levels(metrics), strict=True):
            results[gap] = _result(levels)
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
        self._counts: Floats | None = None

    def levels(self, metrics: Sequence[str]) -> Floats:
        """The metrics in all groups, in the data (first) and after each exchange: [models, 1 + P, K, metrics]."""
        return np.stack([self._level(metric) for metric in metrics], axis=-1)

    def _level(self, metric: str) -> Floats:
        if metric == "auroc":
            return self._auroc()
        n, p, fp, tp = self._sums()
        with np.errstate(invalid="ignore", divide="ignore"):
            if metric == "sensitivity":
                return tp / p
            if metric == "specificity":
                return (n - fp) / n
            if metric == "f1_malignant":
                return 2 * tp / (tp + fp + p)
        raise ValueError(f"no permutation test for {metric!r}")

    def _sums(self) -> tuple[Floats, ...]:
        """Negatives, positives [1, 1 + P, K], false and true positives [models, 1 + P, K] of the groups."""
        if self._counts is None:
            decided = self.rows.decision[:, self.known]
            columns = [self._per_unit(d & (self.target == c)) for c in (0, 1) for d in decided]
            self._counts = np.moveaxis(
                self.permutations.sums(np.column_stack([self.classes, *columns])), 2, 0
            )
        models = len(self.rows.score)
        counts = self._counts
        return counts[:1], counts[1:2], counts[2 : 2 + models], counts[2 + models :]

    def _auroc(self) -> Floats:
        labels = np.concatenate([self.permutations.groups[None].astype(np.int8), self.permutations.labels])
        n, p, *_ = self._sums()
        positive, negative = np.flatnonzero(self.target == 1), np.flatnonzero(self.target == 0)
        wins = np.empty((len(self.rows.score), *n.shape[1:]))
        orders = []
        for score in self.rows.score:
            row = Rows(self.target, score[self.known], self.target > 0, self.unit, len(self.classes))
            orders.append(Order(row, positive, negative))
        block = 256

        def work(task: tuple[int, int]) -> None:
            g, start = task
            weights = np.ascontiguousarray((labels[start : start + block] == g).T, dtype=np.float64)
            for m, order in enumerate(orders):
                wins[m, start : start + block, g] = order(weights)

        in_threads(work, [(g, s) for g in range(n.shape[2]) for s in range(0, len(labels), block)])
        with np.errstate(invalid="ignore", divide="ignore"):
            return wins / (p * n)

    def _per_unit(self, values: NDArray[np.generic]) -> Floats:
        return np.bincount(self.unit, weights=values.astype(np.float64)).astype(np.float64)


def _result(levels: Floats) -> PermutationResult:
    """From levels [1 + P, K, metrics], the data first; the gap is the largest of the metrics' ranges."""
    ranges = np.fmax.reduce(levels, axis=1) - np.fmin.reduce(levels, axis=1)
    gaps = ranges.max(axis=1)
    if np.isnan(gaps[0]):
        return PermutationResult(NAN, NAN)
    extreme = (gaps[1:] >= gaps[0] - 1e-9).sum()
    return PermutationResult(float((1 + extreme) / len(gaps)), float(np.nanmean(gaps[1:])))
