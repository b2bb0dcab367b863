"""Levels in every cell of two groupings, e.g. domain by skin type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.level_table import level_table
from skintag.evaluation.metrics.groups import Grouping
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples, replicate

_JOINT: Final = "_cell"
_BETWEEN: Final = "\x1f"  # in no group's name


def crossed_levels(
    rows: TestPredictions,
    threshold: float,
    down: Grouping,
    across: Grouping,
    *,
    metrics: Sequence[str],
    settings: AssessmentSettings,
) -> pd.DataFrame:
    """`level_table.LEVEL_COLUMNS` without model, grouping and group, and a column per grouping, its groups in order.

    Rows without a value in either grouping count in no cell.
    """
    frame = rows.frame
    labels, orders = [], []
    for grouping in (down, across):
        codes, names = grouping.codes(frame)
        labels.append([names[code] if code >= 0 else None for code in codes])
        orders.append(names)
    both = [f"{a}{_BETWEEN}{b}" if a and b else None for a, b in zip(*labels, strict=True)]
    joint = TestPredictions(
        frame.assign(**{_JOINT: pd.Series(both, index=frame.index, dtype="str")}), rows.model
    )
    drawn = replicate(
        joint, threshold, Resamples.of(rows, settings.resamples, settings.seed),
        groupings=(Grouping(_JOINT, _JOINT),), metrics=metrics,
    )  # fmt: skip
    table = level_table(drawn, minimum=settings.minimum, confidence=settings.confidence)
    cells = table["group"].str.split(_BETWEEN, expand=True).reindex(columns=[0, 1])
    for i, grouping in enumerate((down, across)):
        table[grouping.name] = pd.Categorical(cells[i], categories=list(orders[i]), ordered=True)
    table = table.sort_values([down.name, across.name, "metric"], kind="stable")
    table = table.astype({down.name: "str", across.name: "str"})
    return table.drop(columns=["grouping", "group"]).reset_index(drop=True)
