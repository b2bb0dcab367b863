"""Limits of a table of levels, each metric by its own kind of value."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skintag.evaluation.metrics.registry import metric_of
from skintag.evaluation.statistics.intervals import level_intervals

Floats = NDArray[np.float64]


def kinds_of(metrics: pd.Series) -> NDArray[np.str_]:
    """What the intervals take each of [L] metrics for. Raises ConfigError for one that is not registered."""
    return np.array([metric_of(metric).kind for metric in metrics], dtype=str)


def limits_by_kind(
    index: pd.DataFrame, point: ArrayLike, drawn: Floats, chosen: NDArray[np.bool_] | None, confidence: float
) -> tuple[Floats, Floats]:
    """Lower and upper limits [L] of the chosen rows of an index, nan for the others.

    Args:
        index: `metric` and `n_units` of L rows.
        point: [L] values.
        drawn: [B, L] the same in resamples.
        chosen: [L] which rows are levels of a registered metric; all where None.
        confidence: of each interval by itself.
    """
    value = np.asarray(point, dtype=np.float64)
    low, high = np.full(len(index), np.nan), np.full(len(index), np.nan)
    rows = np.arange(len(index)) if chosen is None else np.flatnonzero(chosen)
    kinds, units = kinds_of(index["metric"].iloc[rows]), index["n_units"].to_numpy()
    for kind in ("proportion", "score", "unbounded"):
        at = rows[kinds == kind]
        if len(at):
            # the last bits of a variance hang on how the array lies in memory: whole ones are not copied
            values = drawn if chosen is None and len(at) == len(index) else drawn[:, at]
            low[at], high[at] = level_intervals(
                value[at], values, n=units[at], kind=kind, confidence=confidence
            )
    return low, high
