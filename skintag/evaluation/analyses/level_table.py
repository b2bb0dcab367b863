"""Levels with their intervals, and what each stands on too little for."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from skintag.evaluation.metrics.levels import UNEQUAL, too_few
from skintag.evaluation.metrics.registry import METRICS, metric_of
from skintag.evaluation.statistics.bootstrap import Replicates
from skintag.evaluation.statistics.level_limits import limits_by_kind

LEVEL_COLUMNS: Final = (
    "model", "grouping", "group", "metric", "n", "n_positive", "n_clusters", "value", "low", "high", "too_few",
    "note",
)  # fmt: skip


def level_table(replicates: Replicates, *, minimum: int = 10, confidence: float = 0.95) -> pd.DataFrame:
    """Every level with its interval: `LEVEL_COLUMNS` without the model."""
    index, drawn = replicates.index, replicates.values  # noqa: PD011 (no pandas object)
    low, high = limits_by_kind(
        index, index["value"], drawn, index["value"].notna().to_numpy(), confidence, replicates.folded
    )
    small = [
        too_few(*row, minimum) for row in zip(index["metric"], index["n"], index["n_positive"], strict=True)
    ]
    notes = level_notes(index)
    return index.drop(columns=["n_units", "n_effective", "alone"]).assign(
        low=low, high=high, too_few=small, note=notes
    )


def level_notes(index: pd.DataFrame) -> list[str]:
    """What has to be said of each row of an index (`levels.INDEX_COLUMNS`); empty where nothing has, and for gaps."""
    rarer = np.minimum(index["n_positive"], index["n"] - index["n_positive"])
    columns = (index["metric"], index["n_units"], index["n_effective"], rarer, index["value"])
    return [
        "undefined"
        if value != value
        else "; ".join(level_warnings(metric, units, effective, few))
        if metric in METRICS
        else ""
        for metric, units, effective, few, value in zip(*columns, strict=True)
    ]


def level_warnings(metric: str, units: int, effective: float, rarer: int | None = None) -> list[str]:
    """What has to be said of a level's interval where simulations have it miss its 95%; empty where they keep it.

    experiments/calibrated_intervals/levels.py has the simulations.

    Args:
        metric: its name.
        units: clusters that it stands on.
        effective: their effective number.
        rarer: images of the rarer class, where they are known.
    """
    known, out = metric_of(metric), []
    if effective < known.enough:
        out.append(
            f"it stands on {effective:.0f} independent images, lesions or patients (effective number): with fewer than "
            f"{known.enough} its 95% is not established"
        )
    elif effective < UNEQUAL * units and known.share_of is None and not known.mean_of:
        out.append(
            f"a few patients hold many of its images ({units} patients or lesions weigh like {effective:.0f}): its "
            "interval may miss its 95% (92% in simulations)"
        )
    if rarer is not None and rarer < known.enough_rarer:
        out.append(
            f"it stands on {rarer} images of the rarer class: with fewer than {known.enough_rarer} its interval may "
            "miss its 95% (91-100% in simulations)"
        )
    return out
