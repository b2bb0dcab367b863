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
from skintag.evaluation.statistics.differences import ROUNDING, paired_differences
from skintag.evaluation.statistics.gap_replicates import BETWEEN
from skintag.evaluation.statistics.level_limits import limits_by_kind

Floats = NDArray[np.float64]
CELL: Final = ("grouping", "group", "metric")
Limits = tuple[Floats, Floats, Floats]
Repeat = int | tuple[int, ...]
"""A seed; or, of a repeated split, what tells the splits apart, and last the seed."""


def run_weights(seeds: Sequence[Repeat], overlap: float | None) -> Floats | None:
    """[S] what each run counts in the mean: splits alike, and seeds within a split alike; None: all alike.

    `overlap` is None where no split is repeated.
    """
    if overlap is None:
        return None
    split, names = _splits(seeds)
    return np.asarray(1 / np.bincount(split)[split] / len(names), dtype=np.float64)


def repeats_of(points: Floats, seeds: Sequence[Repeat], overlap: float | None) -> Floats:
    """[J, L] what is repeated, out of the runs [S, L]: the runs themselves, or the means of the splits' runs."""
    if overlap is None:
        return points
    split, names = _splits(seeds)
    return np.array([points[split == i].mean(axis=0) for i in range(len(names))])


def _splits(seeds: Sequence[Repeat]) -> tuple[NDArray[np.int64], list[tuple[int, ...]]]:
    """The number of each run's split [S], and the splits."""
    splits = [seed[:-1] if isinstance(seed, tuple) else (seed,) for seed in seeds]
    names = list(dict.fromkeys(splits))
    return np.array([names.index(split) for split in splits], dtype=np.int64), names


def over_parts(
    parts: Sequence[Replicates],
    weights: Floats | None = None,
) -> tuple[pd.DataFrame, Floats, Floats]:
    """Cells of any part, their values [S, L] and the mean over parts of their replicates [B, L].

    Counts are the least over the parts; a cell that a part lacks is nan in it. `weights` [S] add up to 1; all
    alike where None.
    """
    indexes = [part.index.set_index(list(CELL)) for part in parts]
    cells = indexes[0].index
    for other in indexes[1:]:
        cells = cells.append(other.index.difference(cells, sort=False))
    points = np.array([part["value"].reindex(cells).to_numpy() for part in indexes])
    total = np.zeros((len(parts[0].values), len(cells)))
    shares = np.ones(len(parts)) if weights is None else weights * len(parts)
    for part, own, share in zip(parts, indexes, shares, strict=True):
        at = own.index.get_indexer(cells)
        total += share * np.where(at >= 0, part.values[:, at], np.nan)  # noqa: PD011 (no pandas object)
    names = ["n", "n_positive", "n_clusters", "n_units", "n_effective", "alone"]
    tables = [part[names].reindex(cells, fill_value=0) for part in indexes]
    least = {name: np.min([table[name].to_numpy() for table in tables], axis=0) for name in names}
    return pd.DataFrame(least, index=cells).reset_index(), points, total / len(parts)


def seed_variance(sd: Floats, seeds: int) -> tuple[Floats, Floats] | None:
    """The variance of a mean over seeds, and its degrees of freedom; None where one seed cannot tell."""
    return None if seeds < 2 else (sd**2 / seeds, np.full(len(sd), seeds - 1.0))


def seed_p_value(mean: Floats, sd: Floats, repeats: int, overlap: float) -> Floats:
    """Two-sided, of a mean of 0 over repeated splits; nan for one. `overlap` as in `seed_differences`."""
    if repeats < 2:
        return np.full(len(mean), np.nan)
    se = sd * np.sqrt(1 / repeats + overlap)
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = np.where((se == 0) & (np.abs(mean) < ROUNDING), 0.0, np.abs(mean) / se)
    return np.asarray(2 * stats.t.sf(statistic, repeats - 1), dtype=np.float64)


def wider(first: Limits, second: Limits) -> Limits:
    """Of two intervals, lower and upper limits with p-values, what each of them holds; nan only where both are."""
    return (
        np.fmin(first[0], second[0]),
        np.fmax(first[1], second[1]),
        np.fmax(first[2], second[2]),
    )


def level_limits(
    index: pd.DataFrame,
    mean: Floats,
    drawn: Floats,
    sd: Floats,
    seeds: int,
    confidence: float,
    overlap: float | None = None,
) -> tuple[Floats, Floats]:
    """Limits of the mean over seeds: the test set's reach and the seeds' added up square by square.

    That is how Zou & Donner (2008, doi:10.1002/sim.3095) put the limits of two independent parts together. Of repeated
    splits, whose spread holds the test sets' noise, it is the wider of the two. Gaps have none: the limits of a gap do
    not come from its mean.
    """
    found = paired_differences(
        mean,
        drawn,
        n_units=index["n_units"],
        n_rows=np.full(len(index), np.nan),
        extra=seed_variance(sd, seeds) if overlap is None else None,
    )
    reach = np.zeros(len(mean))
    if seeds > 1:
        degrees = found.degrees if overlap is None else float(seeds - 1)
        reach = stats.t.ppf((1 + confidence) / 2, degrees) * sd * np.sqrt(1 / seeds + (overlap or 0.0))
    level = (index["group"] != BETWEEN).to_numpy() & np.isfinite(mean)
    below, above = limits_by_kind(index, mean, drawn, level, confidence)
    together = np.hypot if overlap is None else np.fmax
    low, high = mean - together(mean - below, reach), mean + together(above - mean, reach)
    bounded = np.array([m not in METRICS or METRICS[m].bounded for m in index["metric"]], dtype=bool)
    return np.where(bounded, np.clip(low, 0, 1), low), np.where(bounded, np.clip(high, 0, 1), high)
