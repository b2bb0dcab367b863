"""Groups of rows, and every metric in every group.

A grouping is an object, a metric a function, and `evaluate` is their product. A missing value is not a group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.vocabulary import AGE_BANDS, DOMAINS, FST_GROUPS, Condition
from skintag.evaluation.metrics.registry import Metric, own_metrics
from skintag.evaluation.predictions.predictions import ModelPredictions

RESULT_COLUMNS: Final = ("model", "grouping", "group", "n", "n_positive", "metric", "value")


@dataclass(frozen=True)
class Grouping:
    """How rows fall into groups: by the values of one column, or all together."""

    name: str
    """Name in tables and JSON."""
    column: str | None
    """Column of the predictions table; None puts all rows into one group, `all`."""
    order: tuple[str, ...] = ()
    """Groups in the order of showing; others follow by name."""
    conditions: tuple[int, ...] = ()
    """Positives of other conditions than these belong to no group; () takes all. Negatives all stay."""

    def codes(self, frame: pd.DataFrame) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Group numbers of the rows, int64 [n] with -1 for a missing value, and the groups' names.

        Only groups that have rows are named.
        """
        if self.column is None:
            return np.zeros(len(frame), dtype=np.int64), ("all",)
        values = frame[self.column]
        if self.conditions:
            other = (frame["target"] == 1) & ~frame["condition"].isin(self.conditions)
            values = values.mask(other.to_numpy(dtype=bool))
        present = {str(v) for v in values.dropna().unique()}
        names = tuple(g for g in self.order if g in present) + tuple(sorted(present - set(self.order)))
        position = {name: i for i, name in enumerate(names)}
        known = values.notna().to_numpy()
        codes = np.full(len(frame), -1, dtype=np.int64)
        codes[known] = values[known].astype("str").map(position).to_numpy(dtype=np.int64)
        return codes, names


OVERALL: Final = Grouping("overall", None)
DOMAIN: Final = Grouping("domain", "domain", DOMAINS)
DATASET: Final = Grouping("dataset", "dataset")
FST_GROUP: Final = Grouping("fst_group", "fst_group", FST_GROUPS)
FITZPATRICK: Final = Grouping("fitzpatrick", "fitzpatrick")
SEX: Final = Grouping("sex", "sex")
AGE_GROUP: Final = Grouping("age_group", "age_group", tuple(AGE_BANDS))
GROUPINGS: Final = (OVERALL, DOMAIN, DATASET, FST_GROUP, FITZPATRICK, SEX, AGE_GROUP)
# Skin type goes with diagnosis in some datasets (DDI's dark skin has mycosis fungoides where light skin has
# melanoma), so gaps also stand on the cancers that all skin types have: melanoma, basal and squamous cell carcinoma.
COMMON_CANCERS: Final = (
    Condition.MELANOMA,
    Condition.BASAL_CELL_CARCINOMA,
    Condition.SQUAMOUS_CELL_CARCINOMA,
)
FST_GROUP_COMMON_CANCERS: Final = Grouping(
    "fst_group_common_cancers", "fst_group", FST_GROUP.order, COMMON_CANCERS
)
ALL_GROUPINGS: Final = (*GROUPINGS, FST_GROUP_COMMON_CANCERS)


def evaluate(
    rows: ModelPredictions,
    threshold: float,
    *,
    groupings: Iterable[Grouping] = GROUPINGS,
    metrics: Iterable[Metric] | None = None,
) -> pd.DataFrame:
    """Every metric in every group of one model's rows; decisions are `score >= threshold`.

    Args:
        rows: one model's rows, n.
        threshold: of decisions.
        groupings: how the rows fall into groups.
        metrics: which ones; all that look at a group's own rows alone where None.

    Returns:
        A frame with `RESULT_COLUMNS`, a row per group and metric, groups in the groupings' order. `value` is
        nan where the group's rows cannot tell it; `n` and `n_positive` count the rows it stands on. Rows
        without a value in the grouping's column count in none of its groups.
    """
    target, score = rows.target, rows.score
    metrics = own_metrics() if metrics is None else tuple(metrics)
    out = []
    for grouping in groupings:
        codes, names = grouping.codes(rows.frame)
        order = np.argsort(codes, kind="stable")  # rows of one group lie together, found by two bounds
        bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
        for i, name in enumerate(names):
            members = order[bounds[i] : bounds[i + 1]]
            t, s = target[members], score[members]
            head = (rows.model, grouping.name, name, len(t), int(t.sum()))
            out += [(*head, metric.name, metric(t, s, threshold)) for metric in metrics]
    return pd.DataFrame(out, columns=list(RESULT_COLUMNS)).astype({"n": "int64", "n_positive": "int64"})
