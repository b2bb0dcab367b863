"""Levels with their intervals, and what each stands on too little for."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.evaluation.metrics.levels import too_few
from skintag.evaluation.statistics.bootstrap import Replicates
from skintag.evaluation.statistics.intervals import interval_warnings
from skintag.evaluation.statistics.level_limits import kinds_of, limits_by_kind

LEVEL_COLUMNS: Final = (
    "model", "grouping", "group", "metric", "n", "n_positive", "n_clusters", "value", "low", "high", "too_few",
    "note",
)  # fmt: skip


def level_table(replicates: Replicates, *, minimum: int = 10, confidence: float = 0.95) -> pd.DataFrame:
    """Every level with its interval: `LEVEL_COLUMNS` without the model."""
    index, drawn = replicates.index, replicates.values  # noqa: PD011 (no pandas object)
    low, high = limits_by_kind(index, index["value"], drawn, index["value"].notna().to_numpy(), confidence)
    kinds = kinds_of(index["metric"])
    small = [
        too_few(*row, minimum) for row in zip(index["metric"], index["n"], index["n_positive"], strict=True)
    ]
    notes = [
        "; ".join(interval_warnings([n], kind=kind)) if value == value else "undefined"
        for n, kind, value in zip(index["n_units"], kinds, index["value"], strict=True)
    ]
    return index.drop(columns="n_units").assign(low=low, high=high, too_few=small, note=notes)
