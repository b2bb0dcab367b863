"""Gaps between groups in every resample, and what each figure of a comparison stands on."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.metrics.levels import too_few
from skintag.evaluation.metrics.registry import METRICS, WORST, measures
from skintag.evaluation.statistics.bootstrap import Replicates
from skintag.evaluation.statistics.gaps import members

BETWEEN: Final = "between groups"
"""The group of a row that holds a gap."""
NO_INTERVAL: Final = (
    "a gap lies above the true one, the more the noisier its groups: no interval of a difference of gaps holds; "
    "compare the groups one by one"
)
"""Why a difference of gaps stands without interval and p-value.

Simulated with both true gaps 0 and six groups of 40 at sensitivities .50 and .97, a t interval of the difference
covered 0 in 75% instead of 95%: the bias of the wider gap looks like a difference.
"""


def with_gaps(replicates: Replicates, minimum: int) -> Replicates:
    """The replicates and, for each grouping of several groups, its gaps and the worst group's sensitivity.

    A gap's `group` is `BETWEEN`; its rows and clusters are those of the groups that are large enough to take part,
    its `n_units` and `n_effective` those of the smallest of them. With fewer than two such groups it is nan.
    """
    index, drawn = replicates.index, replicates.values  # noqa: PD011 (no pandas object)
    cells = zip(index["grouping"], index["metric"], index["group"], strict=True)
    position = {cell: i for i, cell in enumerate(cells)}
    metrics_there = set(index["metric"])
    value, units = index["value"].to_numpy(), index["n_units"].to_numpy()
    effective = index["n_effective"].to_numpy()
    counts = index[["n", "n_positive", "n_clusters"]].to_numpy()
    rows, columns = [], []
    several = index.groupby("grouping", sort=False)["group"].nunique()
    for grouping in several.index[several > 1]:
        for gap in measures():
            if not metrics_there.issuperset(gap.metrics):
                continue
            groups = members(index, str(grouping), gap.metrics, minimum).groups
            at = [np.array([position[grouping, m, g] for g in groups], dtype=np.int64) for m in gap.metrics]
            take = _smallest if gap.name == WORST else _range
            if len(groups) > 1:
                all_of = np.concatenate(at)
                smallest = (int(units[all_of].min()), float(effective[all_of].min()), False)
                figures = (*smallest, np.max([take(value[None, i]) for i in at]))
                columns.append(np.max([take(drawn[:, i]) for i in at], axis=0))
            else:
                figures = (0, 0.0, False, np.nan)
                columns.append(np.full(len(drawn), np.nan))
            rows.append((grouping, BETWEEN, gap.name, *(int(n) for n in counts[at[0]].sum(axis=0)), *figures))
    if not rows:
        return replicates
    more = pd.DataFrame(rows, columns=list(index.columns))
    return Replicates(pd.concat([index, more], ignore_index=True), np.column_stack([drawn, *columns]))


def is_gap(index: pd.DataFrame) -> NDArray[np.bool_]:
    """[L] whether a row holds a gap, or the worst of several groups, and not a level."""
    return (index["group"] == BETWEEN).to_numpy()


def n_rows(index: pd.DataFrame) -> NDArray[np.float64]:
    """[L] rows that a metric is a share of; nan where it is not a share of rows."""
    n, positive = index["n"].to_numpy(), index["n_positive"].to_numpy()
    counts = {"all": n, "positive": positive, "negative": n - positive}
    out = np.full(len(index), np.nan)
    for name in index["metric"].unique():  # gaps, which are no metrics, among them
        share_of = METRICS[name].share_of if name in METRICS else None
        if share_of is not None:
            chosen = (index["metric"] == name).to_numpy()
            out[chosen] = counts[share_of][chosen]
    return out


def small_rows(index: pd.DataFrame, minimum: int) -> NDArray[np.bool_]:
    """[L] whether a level stands on too few rows of a class that it needs; never a gap, which leaves those out."""
    columns = (index[c] for c in ("group", "metric", "n", "n_positive"))
    return np.array([g != BETWEEN and too_few(m, n, p, minimum) for g, m, n, p in zip(*columns, strict=True)])


def notes(
    estimate: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    small: NDArray[np.bool_],
    minimum: int,
    gap: NDArray[np.bool_],
) -> list[str]:
    """What has to be said with each difference; empty where nothing has."""
    words = [
        (np.isnan(estimate), "undefined"),
        (~np.isnan(estimate) & gap, NO_INTERVAL),
        (~np.isnan(estimate) & np.isnan(low) & ~gap, "one independent cluster: no interval"),
        (small & ~np.isnan(estimate), f"fewer than {minimum} images of a class it needs"),
        (low == high, "no resample tells a difference: the interval has no width"),
    ]
    return ["; ".join(text for holds, text in words if holds[i]) for i in range(len(estimate))]


def _range(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.fmax.reduce(values, axis=1) - np.fmin.reduce(values, axis=1)


def _smallest(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.fmin.reduce(values, axis=1)
