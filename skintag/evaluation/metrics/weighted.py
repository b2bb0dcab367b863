"""Metrics of many weightings of the same rows at once, in all groups of a grouping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skintag.evaluation.metrics.registry import METRICS, Class, Metric
from skintag.evaluation.metrics.rows import Floats, Ints, Rows
from skintag.evaluation.metrics.weighing import Group, Weighing


class WeightedLevels:
    """Metrics in all groups of one grouping, as a function of the clusters' weights."""

    def __init__(self, rows: Rows, codes: Ints, names: Sequence[str], metrics: Sequence[str]) -> None:
        self.metrics = tuple(METRICS[m] for m in metrics)
        backgrounds = dict.fromkeys(metric.background for metric in self.metrics)
        self.groups = [
            {b: Group(rows, np.flatnonzero(members_of(codes, g, rows.target, b))) for b in backgrounds}
            for g in range(len(names))
        ]

    def __call__(self, weights: Floats) -> Floats:
        """Values [groups x metrics, b] for weights [C, b], groups first; nan where they cannot tell it."""
        out = np.empty((len(self.groups), len(self.metrics), weights.shape[1]))
        for g, by_background in enumerate(self.groups):
            weighed = {b: Weighing(group, weights) for b, group in by_background.items()}
            for m, metric in enumerate(self.metrics):
                out[g, m] = weighted_values(metric, weighed[metric.background])
        return out.reshape(-1, weights.shape[1])

    def cells(self) -> Iterator[tuple[Group, Metric]]:
        """The group and the metric of each value, in the values' order."""
        for by_background in self.groups:
            for metric in self.metrics:
                yield by_background[metric.background], metric


def members_of(codes: Ints, group: int, target: Ints, background: Class | None) -> np.ndarray:
    """[n] whether a metric of this background looks at a row, for group numbers [n], -1 for none."""
    inside = codes == group
    if background is None:
        return inside
    taken = target == (1 if background == "positive" else 0)
    return np.where(taken, (codes >= 0) & ~inside, inside)


def weighted_values(metric: Metric, group: Weighing) -> Floats:
    """The metric of one group, [b]: by its weighted form, by its ratio of counts, or by its function."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric.weighted is not None:
            return metric.weighted(group)
        if metric.ratio is not None:
            top, bottom = metric.ratio(group.tn, group.fp, group.fn, group.tp)
            return top / bottom
    return repeated(metric, group)


def repeated(metric: Metric, group: Weighing) -> Floats:
    """The metric's own function [b] on rows that are repeated as often as their clusters' weights say.

    For whole weights, as resamples and exchanges have them; nan where a class that it needs is not drawn.
    """
    rows = group.group
    second = rows.decision if metric.uses == "decision" else rows.score
    times = group.weights[rows.rows.cluster[rows.members]].astype(np.int64)
    told = (group.total > 0) & np.all(
        [{"positive": group.p, "negative": group.n}[c] > 0 for c in metric.needs], axis=0
    )
    out = np.full(len(told), np.nan)
    for b in np.flatnonzero(told):
        out[b] = metric.function(np.repeat(rows.target, times[:, b]), np.repeat(second, times[:, b]))
    return out
