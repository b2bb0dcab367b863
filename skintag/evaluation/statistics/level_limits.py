"""Limits of a table of levels, each metric by its own kind of value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skintag.evaluation.metrics.registry import METRICS, metric_of
from skintag.evaluation.statistics.folded import Folded, folded_limits
from skintag.evaluation.statistics.gaps import constant
from skintag.evaluation.statistics.intervals import level_intervals
from skintag.evaluation.statistics.noise import correlation_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def kinds_of(metrics: pd.Series) -> NDArray[np.str_]:
    """What the intervals take each of [L] metrics for. Raises ConfigError for one that is not registered."""
    return np.array([metric_of(metric).kind for metric in metrics], dtype=str)


def limits_by_kind(
    index: pd.DataFrame,
    point: ArrayLike,
    drawn: Floats,
    chosen: NDArray[np.bool_] | None,
    confidence: float,
    folded: Mapping[int, Folded] | None = None,
) -> tuple[Floats, Floats]:
    """Lower and upper limits [L] of the chosen rows of an index, nan for the others.

    Args:
        index: `metric`, `n_units` and, where they are known, `n_effective` and `alone` of L rows; with `grouping` and
            `group` a mean of metrics (balanced accuracy) finds the limits of its parts.
        point: [L] values.
        drawn: [B, L] the same in resamples.
        chosen: [L] which rows are levels of a registered metric; all where None.
        confidence: of each interval by itself.
        folded: what stands behind the rows of a sum of absolute values, by position; without it they have no limits.
    """
    value = np.asarray(point, dtype=np.float64)
    low, high = np.full(len(index), np.nan), np.full(len(index), np.nan)
    rows = np.arange(len(index)) if chosen is None else np.flatnonzero(chosen)
    kinds = kinds_of(index["metric"].iloc[rows])
    for kind in ("proportion", "score", "ranking", "unbounded"):
        at = rows[kinds == kind]
        if len(at):
            low[at], high[at] = level_intervals(
                value[at], drawn[:, at], kind=kind, confidence=confidence, **_standing(index, at)
            )
    for row, part in (folded or {}).items():
        if row in rows:
            low[row], high[row] = folded_limits(part, confidence)
    for row, parts in _means(index, rows):
        if np.isfinite(low[parts]).all():
            low[row], high[row] = _mean_limits(value[parts], low[parts], high[parts], drawn[:, parts])
    # a model that scores all alike has the same AUROC in every sample: nothing is uncertain, so nothing has limits
    for metric in index["metric"].iloc[rows].unique():
        at = rows[(index["metric"].iloc[rows] == metric).to_numpy()]
        still = at[constant(value[at], drawn[:, at], metric)]
        low[still] = high[still] = np.nan
    return low, high


def _standing(index: pd.DataFrame, at: Ints) -> dict[str, Any]:
    """What `level_intervals` has to know of some rows' clusters."""
    columns = {"n": "n_units", "effective": "n_effective", "alone": "alone"}
    return {
        name: index[column].to_numpy()[at] if column in index else None for name, column in columns.items()
    }


def _means(index: pd.DataFrame, rows: Ints) -> list[tuple[int, Ints]]:
    """Rows of metrics that are means of others, with the positions of these in the same group."""
    metrics = index["metric"].to_numpy()
    means = [int(row) for row in rows if METRICS[metrics[row]].mean_of]
    if not means or "group" not in index:
        return []
    cells = zip(index["grouping"], index["group"], metrics, strict=True)
    position = {cell: i for i, cell in enumerate(cells)}
    found = []
    for row in means:
        where = (index["grouping"].iloc[row], index["group"].iloc[row])
        parts = [position.get((*where, name)) for name in METRICS[metrics[row]].mean_of]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            found.append((row, np.array(known)))
    return found


def _mean_limits(value: Floats, low: Floats, high: Floats, drawn: Floats) -> tuple[float, float]:
    """Limits of the mean of [k] levels from theirs, the variance in each direction being recovered from them.

    A part that is right on all its rows shows no variance in resamples, but its limits have some (Zou & Donner, 2008,
    doi:10.1002/sim.3095); `drawn` [B, k] tells how far the parts go together.
    """
    correlation, middle = correlation_of(drawn), float(value.mean())
    below, above = value - low, high - value
    reach = [
        float(np.sqrt(max(float(side @ (correlation @ side)), 0.0))) / len(value) for side in (below, above)
    ]
    return max(middle - reach[0], 0.0), min(middle + reach[1], 1.0)
