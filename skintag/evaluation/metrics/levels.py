"""Every metric in every group on the data itself, with what each stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import near_matches
from skintag.evaluation.metrics.groups import Grouping, evaluate
from skintag.evaluation.metrics.registry import METRICS, Metric, metric_of
from skintag.evaluation.metrics.weighted import members_of
from skintag.evaluation.predictions.predictions import ModelPredictions

INDEX_COLUMNS: Final = (
    "grouping", "group", "metric", "n", "n_positive", "n_clusters", "n_units", "n_effective", "alone", "value",
)  # fmt: skip
UNEQUAL: Final = 0.6
"""Effective clusters of a cluster, below which unequal sizes make intervals of scores and curves miss."""


def level_values(
    rows: ModelPredictions,
    threshold: float,
    cluster: NDArray[np.int64],
    *,
    groupings: Sequence[Grouping],
    metrics: Sequence[str] | None = None,
) -> pd.DataFrame:
    """A row per grouping, group and metric (all of them where None): `INDEX_COLUMNS`, see `bootstrap.Replicates`.

    Raises:
        ValueError: a metric that is not registered.
    """
    for name in metrics or ():
        if name not in METRICS:
            raise ValueError(f"unknown metric {name!r}; {near_matches(name, METRICS)}")
    chosen = [METRICS[name] for name in (METRICS if metrics is None else metrics)]
    table = evaluate(
        rows, threshold, groupings=groupings, metrics=[m for m in chosen if m.background is None]
    )
    keys = zip(*(table[column].tolist() for column in ("grouping", "group", "metric")), strict=True)
    values = dict(zip(keys, table["value"].tolist(), strict=True))
    frame, target, score, out = rows.frame, rows.target, rows.score, []
    for grouping in groupings:
        codes, names = grouping.codes(frame)
        for g, name in enumerate(names):
            inside = codes == g
            head = (int(inside.sum()), int(target[inside].sum()), _clusters(cluster[inside]))
            for metric in chosen:
                members = members_of(codes, g, target, metric.background)
                stands = _standing(metric, cluster[members], target[members])
                value = values.get((grouping.name, name, metric.name))
                if value is None:
                    value = metric(target[members], score[members], threshold)
                out.append((grouping.name, name, metric.name, *head, *stands, value))
    return pd.DataFrame(out, columns=list(INDEX_COLUMNS))


def too_few(metric: str, n: int, n_positive: int, minimum: int) -> bool:
    """Whether a class that the metric needs of the group has fewer than `minimum` rows.

    Raises:
        ConfigError: no such metric is registered.
    """
    return metric_of(metric).too_few(n, n_positive, minimum)


class Standing(NamedTuple):
    """What a metric stands on in a group: the clusters of the class it needs that has the fewest, or all."""

    units: int
    """Clusters."""
    effective: float
    """Their effective number, (sum of sizes)^2 / sum of squared sizes: the fewer, the more one of them holds."""
    alone: bool
    """Whether each has one row."""


def standing(sizes: NDArray[np.int64]) -> Standing:
    """Of clusters with so many rows each; those without rows do not count.

    The effective number is Kish's for weights (1965, Survey Sampling), of clusters instead: what is left of them
    where all rows of a cluster say the same.
    """
    some = sizes[sizes > 0].astype(np.float64)
    if not len(some):
        return Standing(0, 0.0, True)
    return Standing(len(some), float(some.sum() ** 2 / (some**2).sum()), bool(some.max() == 1))


def _standing(metric: Metric, cluster: NDArray[np.int64], target: NDArray[np.int64]) -> Standing:
    """Clusters of the rows that the metric looks at: the fewest of a class that it needs, or all."""
    classes = {"positive": 1, "negative": 0}
    found = [standing(np.bincount(cluster[target == classes[c]])) for c in metric.needs]
    if not found:
        return standing(np.bincount(cluster))
    return Standing(min(s.units for s in found), min(s.effective for s in found), all(s.alone for s in found))


def _clusters(numbers: NDArray[np.int64]) -> int:
    """How many different numbers there are."""
    return int(np.count_nonzero(np.bincount(numbers)))
