"""Every metric in every group on the data itself, with what each stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.groups import Grouping, evaluate
from skintag.evaluation.metrics import METRICS, NAN, auroc
from skintag.evaluation.predictions import ModelPredictions

# Borkan et al. (2019), doi:10.1145/3308560.3317593: a group's AUC against the others (the background)
BACKGROUND_METRICS: Final = ("bpsn_auc", "bnsp_auc")
LEVEL_METRICS: Final = (*METRICS, *BACKGROUND_METRICS)


def level_values(
    rows: ModelPredictions,
    threshold: float,
    cluster: NDArray[np.int64],
    *,
    groupings: Sequence[Grouping],
    metrics: Sequence[str] = LEVEL_METRICS,
) -> pd.DataFrame:
    """A row per grouping, group and metric: `bootstrap.INDEX_COLUMNS`.

    Raises:
        ValueError: a metric that is not among `LEVEL_METRICS`.
    """
    unknown = [m for m in metrics if m not in LEVEL_METRICS]
    if unknown:
        raise ValueError(f"unknown metric(s) {', '.join(unknown)}; known: {', '.join(LEVEL_METRICS)}")
    plain = [METRICS[m] for m in metrics if m in METRICS]
    table = evaluate(rows, threshold, groupings=groupings, metrics=plain)
    found = table.set_index(["grouping", "group", "metric"])["value"].to_dict()
    target, score, out = rows.target, rows.score, []
    for grouping in groupings:
        codes, names = grouping.codes(rows.frame)
        for g, name in enumerate(names):
            inside, others = codes == g, (codes >= 0) & (codes != g)
            units = {c: _clusters(cluster, inside & (target == c)) for c in (0, 1)}
            n_clusters = _clusters(cluster, inside)
            for metric in metrics:
                if metric in METRICS:
                    needs, value = METRICS[metric].needs, found[grouping.name, name, metric]
                    n_units = min((units[int(c == "positive")] for c in needs), default=n_clusters)
                else:
                    own = 0 if metric == "bpsn_auc" else 1  # the class that comes from the group itself
                    chosen = (inside & (target == own)) | (others & (target == 1 - own))
                    value = auroc(target[chosen], score[chosen]) if chosen.any() else NAN
                    n_units = min(units[own], _clusters(cluster, others & (target == 1 - own)))
                counts = (int(inside.sum()), int(target[inside].sum()), n_clusters, n_units)
                out.append((grouping.name, name, metric, *counts, value))
    columns = ["grouping", "group", "metric", "n", "n_positive", "n_clusters", "n_units", "value"]
    return pd.DataFrame(out, columns=columns)


def too_few(metric: str, n: int, n_positive: int, minimum: int) -> bool:
    """Whether a class that the metric needs of the group has fewer than `minimum` rows."""
    if metric in METRICS:
        return METRICS[metric].too_few(n, n_positive, minimum)
    return (n - n_positive if metric == "bpsn_auc" else n_positive) < minimum


def _clusters(cluster: NDArray[np.int64], chosen: NDArray[np.bool_]) -> int:
    """How many clusters have a chosen row."""
    return len(np.unique(cluster[chosen]))
