"""Gaps between groups: how they are defined, their intervals, and what to expect of them by chance.

With equal groups of a few dozen positives each, the largest minus the smallest sensitivity is typically 0.1: a gap
says something only beside its interval and its level by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.metrics.levels import too_few
from skintag.evaluation.metrics.metrics import NAN
from skintag.evaluation.metrics.registry import WORST, Gap, Kind, listed, measures, metric_of
from skintag.evaluation.statistics.bootstrap import Replicates
from skintag.evaluation.statistics.intervals import (
    gap_interval,
    interval_warnings,
    level_intervals,
    pairwise_intervals,
)
from skintag.evaluation.statistics.permutation import PermutationResult

GAP_COLUMNS: Final = (
    "grouping", "gap", "value", "low", "high", "naive_low", "naive_high", "chance", "p_value", "n_groups",
    "groups", "left_out", "note",
)  # fmt: skip
CONSTANT: Final = "the model scores all images alike: no interval"
PAIR_COLUMNS: Final = (
    "grouping", "metric", "group_a", "group_b", "difference", "low", "high", "single_low", "single_high",
)  # fmt: skip


@dataclass(frozen=True)
class Members:
    """Which groups of a grouping a gap is taken over."""

    groups: tuple[str, ...]
    """Groups that are large enough, in order of showing."""
    left_out: tuple[str, ...]
    """The others: fewer positives or negatives than the minimum, of a class that a metric of the gap needs."""


def kind_of(metric: str) -> Kind:
    """What kind of value the intervals take a metric for. Raises ConfigError where it is not registered."""
    return metric_of(metric).kind


def members(index: pd.DataFrame, grouping: str, metrics: Sequence[str], minimum: int) -> Members:
    """The groups of a grouping with at least `minimum` rows of each class that the metrics need.

    `index` is that of `Replicates`, of any model on the rows.
    """
    rows = index[index["grouping"] == grouping].drop_duplicates("group")
    groups, n, n_positive = (rows[column].tolist() for column in ("group", "n", "n_positive"))
    return _members(groups, n, n_positive, metrics, minimum)


def _members(
    groups: Sequence[str], n: Iterable[int], n_positive: Iterable[int], metrics: Sequence[str], minimum: int
) -> Members:
    small = [
        any(too_few(metric, rows, positives, minimum) for metric in metrics)
        for rows, positives in zip(n, n_positive, strict=True)
    ]
    named = list(zip(groups, small, strict=True))
    return Members(tuple(g for g, s in named if not s), tuple(g for g, s in named if s))


def gap_table(
    replicates: Replicates,
    chances: Mapping[tuple[str, str], PermutationResult],
    *,
    minimum: int = 10,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """All `gaps` and the worst group's sensitivity, in every grouping of more than one group: `GAP_COLUMNS`.

    Args:
        replicates: with sensitivity; gaps of metrics that it does not have are not in the table.
        chances: permutation results by (grouping, gap); a gap without one has nan.
        minimum: groups with fewer positives (negatives, for specificity) are left out, and named.
        confidence: of each interval.
    """
    out = []
    for grouping in replicates.groupings:
        all_groups = replicates.levels(grouping, "sensitivity")
        if len(all_groups.groups) < 2:
            continue
        for gap in measures():
            if not all(replicates.has(grouping, metric) for metric in gap.metrics):
                continue
            chosen = _members(all_groups.groups, all_groups.n, all_groups.n_positive, gap.metrics, minimum)
            interval, note = _interval(replicates, grouping, gap, chosen, confidence)
            chance = chances.get((grouping, gap.name), PermutationResult(NAN, NAN))
            names = (len(chosen.groups), ", ".join(chosen.groups), ", ".join(chosen.left_out))
            out.append((grouping, gap.name, *interval, chance.chance, chance.p_value, *names, note))
    return pd.DataFrame(out, columns=list(GAP_COLUMNS))


def pair_table(replicates: Replicates, *, minimum: int = 10, confidence: float = 0.95) -> pd.DataFrame:
    """`PAIR_COLUMNS`: differences of all pairs of groups that are large enough, for the metrics of the table `gaps`."""
    out: list[tuple[object, ...]] = []
    for grouping in replicates.groupings:
        for metric in listed("gaps"):
            levels = replicates.levels(grouping, metric)
            chosen = _members(levels.groups, levels.n, levels.n_positive, (metric,), minimum).groups
            if len(chosen) < 2:
                continue
            *_, n, value, values = levels.of(chosen)
            pairs = pairwise_intervals(value, values, n=n, kind=kind_of(metric), confidence=confidence)
            limits = (pairs.difference, pairs.low, pairs.high, pairs.single_low, pairs.single_high)
            if constant(value, values, metric).all():
                limits = (pairs.difference, *(np.full(len(pairs.a), NAN),) * 4)
            for a, b, *figures in zip(pairs.a, pairs.b, *limits, strict=True):
                out.append((grouping, metric, chosen[a], chosen[b], *figures))
    return pd.DataFrame(out, columns=list(PAIR_COLUMNS))


def _interval(
    replicates: Replicates,
    grouping: str,
    gap: Gap,
    chosen: Members,
    confidence: float,
) -> tuple[tuple[float, ...], str]:
    """(value, low, high, naive_low, naive_high) of one gap, and what has to be said of it."""
    if len(chosen.groups) < 2:
        return (NAN,) * 5, "fewer than two groups are large enough"
    parts = [replicates.levels(grouping, metric).of(chosen.groups)[3:] for metric in gap.metrics]
    n, value, values = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    if gap.name == WORST:
        return _worst(value, values, n, confidence), "; ".join(interval_warnings(n, of_gap=True))
    kind = kind_of(gap.metrics[0])
    if all(constant(*part[1:], metric).all() for part, metric in zip(parts, gap.metrics, strict=True)):
        return (float(np.ptp(value)), *(NAN,) * 4), CONSTANT
    family = np.repeat(np.arange(len(gap.metrics)), len(chosen.groups))
    found = gap_interval(value, values, n=n, kind=kind, confidence=confidence, family=family)
    high = max(found.high, *(_largest(*part, kind, confidence, len(parts) > 1) for part in parts))
    limits = (
        found.value,
        found.low,
        min(high, 1.0) if kind != "unbounded" else high,
        found.naive_low,
        found.naive_high,
    )
    notes = [gap.note] if gap.note else []
    return limits, "; ".join([*notes, *interval_warnings(n, kind=kind, of_gap=True, estimate=value)])


def _largest(
    n: NDArray[np.int64],
    value: NDArray[np.float64],
    values: NDArray[np.float64],
    kind: Kind,
    confidence: float,
    of_several: bool,
) -> float:
    """The largest gap of one metric that a reader must reckon with.

    That is the largest difference of two groups within simultaneous limits and, where this metric is one `of_several`,
    the upper limit of its own gap: a page must not call small what another of its tables does not exclude.
    """
    pairs = pairwise_intervals(value, values, n=n, kind=kind, confidence=confidence)
    limits = [*np.abs(pairs.low), *np.abs(pairs.high)]
    if of_several:
        limits.append(gap_interval(value, values, n=n, kind=kind, confidence=confidence).high)
    return float(np.nanmax(limits))


def constant(value: NDArray[np.float64], values: NDArray[np.float64], metric: str) -> NDArray[np.bool_]:
    """[K] whether a level is the same whatever is drawn, such as the AUROC of a model that scores all images alike.

    Args:
        value: [K].
        values: [B, K].
        metric: a share of rows never is: on few rows all may be right.
    """
    if metric_of(metric).share_of is not None:
        return np.zeros(len(value), dtype=bool)
    same = (np.isnan(values) | (np.abs(values - value) < 1e-12)).all(axis=0)
    return same & (value > 0) & (value < 1)


def _worst(
    value: NDArray[np.float64], values: NDArray[np.float64], n: NDArray[np.int64], confidence: float
) -> tuple[float, ...]:
    """The smallest of K sensitivities with its limits, and the naive percentile limits of the resampled smallest.

    The smallest lower limit is too high only where that of the truly worst group is, so each group's own limit
    will do. The smallest upper limit is too low where any group's is: those share their part of the error
    (intersection and union of tests; Berger, 1982, doi:10.1080/00401706.1982.10487790).
    """
    tail = (1 - confidence) / 2
    low, _ = level_intervals(value, values, n=n, kind="proportion", confidence=confidence)
    shared = 1 - 2 * tail / len(value)
    _, high = level_intervals(value, values, n=n, kind="proportion", confidence=shared)
    smallest = np.fmin.reduce(values, axis=1)
    naive = np.nanquantile(smallest, (tail, 1 - tail)) if np.isfinite(smallest).any() else (NAN, NAN)
    return float(value.min()), float(low.min()), float(high.min()), float(naive[0]), float(naive[1])
