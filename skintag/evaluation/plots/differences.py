"""Forest plots of differences: a line at none, and a difference with its interval per group."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skintag.evaluation.plots.forest import draw_interval
from skintag.evaluation.plots.style import (
    ACCENT,
    MUTED,
    WARN,
    Plot,
    heading_rows,
    label_of,
    new_figure,
    styled,
)

_ROW = 0.215


@styled
def difference_forest(rows: pd.DataFrame, name: str, title: str, caption: str, xlabel: str) -> Plot:
    """One difference per group, groups below their grouping's name.

    Args:
        rows: `grouping`, `group`, `value`, `low`, `high`, `too_few` (drawn hollow), `told` (drawn in red), and `count`,
            words that stand in brackets after the group.
        name, title, caption: as in `Plot`.
        xlabel: what is subtracted from what.
    """
    lines: list[str | pd.Series] = []
    for grouping, part in rows.groupby("grouping", sort=False):
        if grouping != "overall":
            lines.append(label_of(str(grouping)))
        lines += [row for _, row in part.iterrows()]
    figure, axes = new_figure(_ROW * len(lines) + 0.85)
    axes.axvline(0, color=MUTED, linewidth=0.9, zorder=1)
    labels: list[tuple[float, str, bool]] = []
    for y, line in enumerate(lines):
        if isinstance(line, str):
            labels.append((y, line, True))
            continue
        draw_interval(axes, y, line, color=WARN if line["told"] else ACCENT, hollow=bool(line["too_few"]))
        group = "all test images" if line["group"] == "all" else str(line["group"])
        labels.append((y, f"{group}  ({line['count']})", False))
    heading_rows(axes, labels)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    _reach(axes, rows)
    axes.set(title=title, xlabel=xlabel)
    return Plot(name, title, caption, figure)


def _reach(axes, rows: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    """An axis about 0 that groups too small to tell anything do not stretch."""
    firm = rows[~rows["too_few"].astype(bool)]
    shown = (firm if len(firm) else rows)[["value", "low", "high"]].to_numpy(dtype=float)
    most = float(np.nanmax(np.abs(shown), initial=0.02)) if np.isfinite(shown).any() else 0.1
    axes.set_xlim(-1.1 * most, 1.1 * most)
