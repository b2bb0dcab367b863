"""Forest plots: a value with its interval per group, or per model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skintag.evaluation.metrics.registry import metric_of
from skintag.evaluation.plots.style import (
    ACCENT,
    MUTED,
    PAPER,
    Plot,
    heading_rows,
    label_of,
    new_figure,
    series_style,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW = 0.205  # inches a row takes


@styled
def group_forest(levels: pd.DataFrame, metric: str, name: str, caption: str) -> Plot:
    """One metric of one model in every group, groups by grouping; the line marks all test images.

    Args:
        levels: rows of `Assessment.levels` of one model and one metric.
        metric: its name.
        name: stem of the files.
        caption: words below.
    """
    rows = _with_headings(levels)
    figure, axes = new_figure(_ROW * len(rows) + 0.75)
    overall = levels.loc[levels["grouping"] == "overall", "value"]
    if len(overall) and overall.notna().all():
        axes.axvline(float(overall.iloc[0]), color=ACCENT, linewidth=0.8, alpha=0.55, zorder=1)
    labels: list[tuple[float, str, bool]] = []
    for y, row in enumerate(rows):
        if isinstance(row, str):
            labels.append((y, row, True))
            continue
        draw_interval(axes, y, row, color=ACCENT, hollow=bool(row["too_few"]))
        group = "all test images" if row["group"] == "all" else row["group"]
        labels.append((y, f"{group}  ({_count(row, metric)})", False))
    _finish(axes, labels, len(rows), levels)
    title = label_of(metric)[:1].upper() + label_of(metric)[1:]
    axes.set(title=title, xlabel=label_of(metric))
    return Plot(name, f"{title} by group", caption, figure)


@styled
def model_forest(levels: pd.DataFrame, metrics: Sequence[str], name: str, title: str, caption: str) -> Plot:
    """The same metrics of several models, side by side: rows of `levels` of one group."""
    models = list(dict.fromkeys(levels["model"]))
    figure, axes = new_figure(_ROW * (len(models) + 1) * len(metrics) + 0.55)
    labels: list[tuple[float, str, bool]] = []
    y = 0.0
    for metric in metrics:
        labels.append((y, label_of(metric), True))
        for model in models:
            y += 1
            cells = levels[(levels["model"] == model) & (levels["metric"] == metric)]
            for _, row in cells.iterrows():
                draw_interval(axes, y, row, color=ACCENT, hollow=bool(row["too_few"]))
            labels.append((y, model, False))
        y += 1
    _finish(axes, labels, y, levels)
    axes.set(title=title)
    return Plot(name, title, caption, figure)


@styled
def dodged_forest(
    levels: pd.DataFrame, series: str, name: str, title: str, caption: str, xlabel: str
) -> Plot:
    """Groups as rows, several series (models, runs, before and after) beside each other in each.

    Args:
        levels: `group`, `value`, `low`, `high`, and the column `series`.
        series: the column whose values get a colour each.
        name, title, caption: as in `Plot`.
        xlabel: what the axis measures.
    """
    groups, kinds = (list(dict.fromkeys(levels[c])) for c in ("group", series))
    step = min(0.8 / len(kinds), 0.22)
    figure, axes = new_figure(max(0.3, 0.13 * len(kinds) + 0.1) * len(groups) + 1.0 + 0.14 * len(kinds))
    for i, kind in enumerate(kinds):
        look = series_style(i)
        for g, group in enumerate(groups):
            cells = levels[(levels["group"] == group) & (levels[series] == kind)]
            for _, row in cells.iterrows():
                y = g + (i - (len(kinds) - 1) / 2) * step
                hollow = bool(row.get("too_few", False))
                draw_interval(axes, y, row, color=look["color"], marker=look["marker"], hollow=hollow)
        axes.plot([], [], color=look["color"], marker=look["marker"], markersize=4, linewidth=1, label=kind)
    _finish(axes, [(g, group, False) for g, group in enumerate(groups)], len(groups), levels)
    axes.set(title=title, xlabel=xlabel)
    figure.legend(loc="outside lower left", ncols=2 if len(kinds) > 2 else len(kinds))
    return Plot(name, title, caption, figure)


def draw_interval(
    axes: Axes, y: float, row: pd.Series, *, color: str, hollow: bool = False, marker: str = "o"
) -> None:
    """A point with its interval; hollow where it stands on too little; nothing where it is undefined."""
    if not np.isfinite(row["value"]):
        axes.text(
            0.01, y, "undefined", transform=axes.get_yaxis_transform(), va="center", fontsize=7.5, color=MUTED
        )  # fmt: skip
        return
    if np.isfinite(row["low"]) and np.isfinite(row["high"]):
        axes.plot(
            [row["low"], row["high"]], [y, y], color=color, linewidth=1.1, alpha=0.75, solid_capstyle="butt"
        )
    axes.plot(
        row["value"], y, marker=marker, markersize=4.6, color=color, markerfacecolor=PAPER if hollow else color,
        markeredgewidth=1.1, zorder=3,
    )  # fmt: skip


def _with_headings(levels: pd.DataFrame) -> list[str | pd.Series]:
    """The rows of the frame, with each grouping's name before its groups (but not before `all`)."""
    rows: list[str | pd.Series] = []
    for grouping, part in levels.groupby("grouping", sort=False):
        if grouping != "overall":
            rows.append(label_of(str(grouping)))
        rows += [row for _, row in part.iterrows()]
    return rows


def _count(row: pd.Series, metric: str) -> str:
    """How many rows the metric is a share of; for others malignant / all rows."""
    share_of = metric_of(metric).share_of
    if share_of == "positive":
        return f"{int(row['n_positive']):,}"
    if share_of == "negative":
        return f"{int(row['n'] - row['n_positive']):,}"
    return f"{int(row['n_positive']):,}/{int(row['n']):,}"


def _finish(axes: Axes, labels: list[tuple[float, str, bool]], rows: float, levels: pd.DataFrame) -> None:
    """Rows from top to bottom, no line on the left, and an axis from 0 or 0.5 to 1."""
    heading_rows(axes, labels)
    axes.set_ylim(rows - 0.4, -0.6)
    shown = levels[["value", "low"]].to_numpy(dtype=float)
    least = float(np.nanmin(shown)) if np.isfinite(shown).any() else 0.0
    most = float(np.nanmax(levels[["value", "high"]].to_numpy(dtype=float), initial=0.0))
    if most > 0.5 and most <= 1:
        axes.set_xlim(0.48 if least >= 0.5 else -0.02, 1.02)
    else:
        axes.set_xlim(left=min(0.0, least))
