"""What a threshold per group would do: an oracle row beside the one threshold that everyone gets.

It has to be told the group of every patient, and it decides alike scores differently: nothing here is deployed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.analyses.level_table import level_table
from skintag.evaluation.decisions.thresholds import DEFAULT_OBJECTIVE, Objective, fit_threshold
from skintag.evaluation.metrics.groups import ALL_GROUPINGS, OVERALL, Grouping
from skintag.evaluation.predictions.predictions import (
    Predictions,
    TestPredictions,
    ValPredictions,
    require_val,
)
from skintag.evaluation.statistics.bootstrap import Resamples, replicate
from skintag.evaluation.statistics.gaps import gap_table

GROUPED: Final = tuple(g for g in ALL_GROUPINGS if g is not OVERALL)
METRICS_OF_DECISIONS: Final = ("sensitivity", "specificity")


@dataclass(frozen=True)
class GroupThresholds:
    """A threshold per group, fitted on the group's val rows where there are enough of them."""

    common: float
    """The threshold of all val rows, which groups get that have too few of their own."""
    own: dict[str, float]
    """Threshold by group, for the groups that have one of their own."""

    def of(self, group: str) -> float:
        """The threshold that the group gets."""
        return self.own.get(group, self.common)


@dataclass(frozen=True)
class Oracle:
    """Test results under group thresholds; tables as in `Assessment`, for sensitivity and specificity alone."""

    levels: pd.DataFrame
    """As `Assessment.levels`, with `threshold` and `own_threshold` (False: the common one, too few val rows)."""
    gaps: pd.DataFrame
    """As `Assessment.gaps`, without chance and p-value; `note` names the groups under the common threshold."""


def fit_group_thresholds(
    val: ValPredictions, grouping: Grouping, objective: Objective = DEFAULT_OBJECTIVE, *, minimum: int = 10
) -> GroupThresholds:
    """A threshold for each group that has at least `minimum` positives and negatives among the val rows.

    Raises:
        TypeError: the rows are not `ValPredictions`.
        DataError: val has rows of one class only.
    """
    require_val(val, "fit_group_thresholds")
    codes, names = grouping.codes(val.frame)
    own = {}
    for g, name in enumerate(names):
        inside = codes == g
        positives = int(val.target[inside].sum())
        if min(positives, int(inside.sum()) - positives) >= minimum:
            part = ValPredictions(val.frame[inside].reset_index(drop=True), val.model)
            own[name] = fit_threshold(part, objective).value
    return GroupThresholds(fit_threshold(val, objective).value, own)


def oracle(
    predictions: Predictions,
    objective: Objective = DEFAULT_OBJECTIVE,
    settings: AssessmentSettings = DEFAULTS,
    *,
    groupings: Sequence[Grouping] = GROUPED,
    models: Sequence[str] | None = None,
) -> Oracle:
    """Sensitivity, specificity and their gaps on test rows, each group decided at its own threshold from val.

    The resamples are those of `assess` under the same settings: gaps with and without are paired.
    """
    levels, gaps = [], []
    for model in predictions.models if models is None else models:
        test = predictions.test(model)
        resamples = Resamples.of(test, settings.resamples, settings.seed)
        for grouping in groupings:
            cuts = fit_group_thresholds(predictions.val(model), grouping, objective, minimum=settings.minimum)
            decided = _decided(test, grouping, cuts)
            drawn = replicate(decided, 0.5, resamples, groupings=[grouping], metrics=METRICS_OF_DECISIONS)
            level = level_table(drawn, minimum=settings.minimum, confidence=settings.confidence)
            level["threshold"] = [cuts.of(group) for group in level["group"]]
            level["own_threshold"] = [group in cuts.own for group in level["group"]]
            gap = gap_table(drawn, {}, minimum=settings.minimum, confidence=settings.confidence)
            gap["note"] = [
                _note(note, groups, cuts) for note, groups in zip(gap["note"], gap["groups"], strict=True)
            ]
            levels.append(level.assign(model=model))
            gaps.append(gap.assign(model=model))
    return Oracle(*(_put_together(tables) for tables in (levels, gaps)))


def _decided(test: TestPredictions, grouping: Grouping, cuts: GroupThresholds) -> TestPredictions:
    """The rows with their decisions, 0 or 1, for scores."""
    codes, names = grouping.codes(test.frame)
    cut = np.array([*(cuts.of(name) for name in names), cuts.common])[codes]
    return TestPredictions(test.frame.assign(p_malignant=(test.score >= cut).astype(np.float64)), test.model)


def _note(note: str, groups: str, cuts: GroupThresholds) -> str:
    """What is said of a gap, with the groups that have no threshold of their own."""
    common = [group for group in groups.split(", ") if group and group not in cuts.own]
    said = ["oracle: a threshold per group, fitted on val"]
    if common:
        said.append(f"too few val images, so the common threshold: {', '.join(common)}")
    return "; ".join([*said, *([note] if note else [])])


def _put_together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)
    return table[["model", *(c for c in table.columns if c != "model")]]
