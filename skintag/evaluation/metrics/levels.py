"""Every metric in every group on the data itself, with what each stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.metrics.groups import Grouping, evaluate
from skintag.evaluation.metrics.metrics import METRICS, NAN
from skintag.evaluation.predictions.predictions import ModelPredictions

# A group's scores against those of the other groups of its grouping, the background (Borkan et al., 2019,
# doi:10.1145/3308560.3317593): AUROC of background positives over subgroup negatives, and the reverse. The
# subgroup AUC is the group's own AUROC.
BACKGROUND_METRICS: Final = ("bpsn_auc", "bnsp_auc")
LEVEL_METRICS: Final = (*METRICS, *BACKGROUND_METRICS)
INDEX_COLUMNS: Final = ("grouping", "group", "metric", "n", "n_positive", "n_clusters", "n_units", "value")


def level_values(
    rows: ModelPredictions,
    threshold: float,
    cluster: NDArray[np.int64],
    *,
    groupings: Sequence[Grouping],
    metrics: Sequence[str] = LEVEL_METRICS,
) -> pd.DataFrame:
    """A row per grouping, group and metric: `INDEX_COLUMNS`, as `bootstrap.Replicates` explains them.

    `value` is nan for `BACKGROUND_METRICS`: they need more than the group's rows.

    Raises:
        ValueError: a metric that is not among `LEVEL_METRICS`.
    """
    unknown = [m for m in metrics if m not in LEVEL_METRICS]
    if unknown:
        raise ValueError(f"unknown metric(s) {', '.join(unknown)}; known: {', '.join(LEVEL_METRICS)}")
    plain = [METRICS[m] for m in metrics if m in METRICS]
    table = evaluate(rows, threshold, groupings=groupings, metrics=plain)
    keys = zip(*(table[column].tolist() for column in ("grouping", "group", "metric")), strict=True)
    values = dict(zip(keys, table["value"].tolist(), strict=True))
    frame, target, out = rows.frame, rows.target, []
    for grouping in groupings:
        codes, names = grouping.codes(frame)
        for g, name in enumerate(names):
            inside, outside = codes == g, (codes >= 0) & (codes != g)
            n_clusters = _clusters(cluster[inside])
            own, others = (
                {
                    "negative": _clusters(cluster[part & (target == 0)]),
                    "positive": _clusters(cluster[part & (target == 1)]),
                }
                for part in (inside, outside)
            )
            units = {
                "bpsn_auc": min(others["positive"], own["negative"]),
                "bnsp_auc": min(others["negative"], own["positive"]),
                **{m.name: min((own[c] for c in m.needs), default=n_clusters) for m in plain},
            }
            head = (int(inside.sum()), int(target[inside].sum()), n_clusters)
            out += [
                (grouping.name, name, m, *head, units[m], values.get((grouping.name, name, m), NAN))
                for m in metrics
            ]
    return pd.DataFrame(out, columns=list(INDEX_COLUMNS))


def too_few(metric: str, n: int, n_positive: int, minimum: int) -> bool:
    """Whether a class that the metric needs of the group has fewer than `minimum` rows."""
    if metric in METRICS:
        return METRICS[metric].too_few(n, n_positive, minimum)
    return (n - n_positive if metric == "bpsn_auc" else n_positive) < minimum


def _clusters(numbers: NDArray[np.int64]) -> int:
    """How many different numbers there are."""
    return int(np.count_nonzero(np.bincount(numbers)))
