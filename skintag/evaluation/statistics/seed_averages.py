"""Replicates of several seeds as one: means in every resample, and limits that hold the seeds' noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from skintag.evaluation.metrics.registry import METRICS
from skintag.evaluation.statistics.bootstrap import Replicates
from skintag.evaluation.statistics.differences import paired_differences
from skintag.evaluation.statistics.gap_replicates import BETWEEN
from skintag.evaluation.statistics.level_limits import limits_by_kind

Floats = NDArray[np.float64]
CELL: Final = ("grouping", "group", "metric")


def over_parts(
    parts: Sequence[Replicates],
) -> tuple[pd.DataFrame, Floats, Floats]:
    """Cells of any part, their values [S, L] and the mean over parts of their replicates [B, L].

    Counts are the least over the parts; a cell that a part lacks is nan in it.
    """
    indexes = [part.index.set_index(list(CELL)) for part in parts]
    cells = indexes[0].index
    for other in indexes[1:]:
        cells = cells.append(other.index.difference(cells, sort=False))
    points = np.array([part["value"].reindex(cells).to_numpy() for part in indexes])
    total = np.zeros((len(parts[0].values), len(cells)))
    for part, own in zip(parts, indexes, strict=True):
        at = own.index.get_indexer(cells)
        total += np.where(at >= 0, part.values[:, at], np.nan)  # noqa: PD011 (no pandas object)
    names = ["n", "n_positive", "n_clusters", "n_units", "n_effective", "alone"]
    tables = [part[names].reindex(cells, fill_value=0) for part in indexes]
    least = {name: np.min([table[name].to_numpy() for table in tables], axis=0) for name in names}
    return pd.DataFrame(least, index=cells).reset_index(), points, total / len(parts)


def seed_variance(sd: Floats, seeds: int) -> tuple[Floats, Floats] | None:
    """The variance of a mean over seeds, and its degrees of freedom; None where one seed cannot tell."""
    return None if seeds < 2 else (sd**2 / seeds, np.full(len(sd), seeds - 1.0))


def level_limits(
    index: pd.DataFrame,
    mean: Floats,
    drawn: Floats,
    sd: Floats,
    seeds: int,
    confidence: float,
) -> tuple[Floats, Floats]:
    """Limits of the mean over seeds: the test set's reach and the seeds' added up square by square.

    That is how Zou & Donner (2008, doi:10.1002/sim.3095) put the limits of two independent parts together. Gaps have
    none: the limits of a gap do not come from its mean.
    """
    found = paired_differences(
        mean,
        drawn,
        n_units=index["n_units"],
        n_rows=np.full(len(index), np.nan),
        extra=seed_variance(sd, seeds),
    )
    reach = np.zeros(len(mean))
    if seeds > 1:
        reach = stats.t.ppf((1 + confidence) / 2, found.degrees) * sd / np.sqrt(seeds)
    level = (index["group"] != BETWEEN).to_numpy() & np.isfinite(mean)
    below, above = limits_by_kind(index, mean, drawn, level, confidence)
    low, high = mean - np.hypot(mean - below, reach), mean + np.hypot(above - mean, reach)
    bounded = np.array([m not in METRICS or METRICS[m].bounded for m in index["metric"]], dtype=bool)
    return np.where(bounded, np.clip(low, 0, 1), low), np.where(bounded, np.clip(high, 0, 1), high)
