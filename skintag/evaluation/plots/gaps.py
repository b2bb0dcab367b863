"""Gaps between groups, with their intervals, beside the gap that chance alone would give."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skintag.evaluation.plots.style import (
    ACCENT,
    MUTED,
    PAPER,
    Plot,
    heading_rows,
    label_of,
    new_figure,
    styled,
)

_ROW = 0.215


@styled
def gap_plot(gaps: pd.DataFrame, heading: str, row: str, name: str, title: str, caption: str) -> Plot:
    """One row per gap: a dot with its interval, a grey bar up to the gap expected by chance, and p.

    Args:
        gaps: rows of `Assessment.gaps` that have a value; at most a few dozen.
        heading: column whose values stand as headings (`grouping`, `gap`, ...).
        row: column that names the rows below a heading (`gap`, `model`, ...).
        name, title, caption: as in `Plot`.
    """
    lines: list[str | pd.Series] = []
    for group, part in gaps.groupby(heading, sort=False):
        lines += [label_of(str(group)), *(line for _, line in part.iterrows())]
    figure, axes = new_figure(_ROW * len(lines) + 0.95)
    labels: list[tuple[float, str, bool]] = []
    for y, line in enumerate(lines):
        if isinstance(line, str):
            labels.append((y, line, True))
            continue
        _draw(axes, y, line)
        labels.append((y, str(line[row]) if row == "model" else label_of(str(line[row])), False))
    heading_rows(axes, labels)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    most = np.nanmax(gaps[["value", "high", "chance"]].to_numpy(dtype=float), initial=0.05)
    axes.set_xlim(-0.004, min(1.0, most * 1.04) + 0.004)
    axes.set(title=title, xlabel="largest minus smallest value among groups")
    axes.plot([], [], color=ACCENT, marker="o", markersize=4, label="gap and 95% interval")
    axes.barh([-10], [0], color=MUTED, alpha=0.28, height=0.5, label="expected by chance")
    figure.legend(loc="outside lower left", ncols=2)
    return Plot(name, title, caption, figure)


def _draw(axes, y: float, line: pd.Series) -> None:  # type: ignore[no-untyped-def]
    clear = np.isfinite(line["p_value"]) and line.get("p_holm", line["p_value"]) < 0.05
    if np.isfinite(line["chance"]):
        axes.barh(y, line["chance"], color=MUTED, alpha=0.28, height=0.62, linewidth=0, zorder=1)
    axes.plot(
        [line["low"], line["high"]], [y, y], color=ACCENT, linewidth=1.2, alpha=0.8, solid_capstyle="butt"
    )
    axes.plot(
        line["value"], y, marker="o", markersize=4.8, color=ACCENT, markerfacecolor=ACCENT if clear else PAPER,
        markeredgewidth=1.1, zorder=3,
    )  # fmt: skip
    if np.isfinite(line["p_value"]):
        axes.text(
            1.02, y, p_text(float(line.get("p_holm", line["p_value"]))), transform=axes.get_yaxis_transform(),
            va="center", ha="left", fontsize=7, color=MUTED,
        )  # fmt: skip


def p_text(p: float) -> str:
    """`p 0.03`, or a bound where resampling cannot tell smaller."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
