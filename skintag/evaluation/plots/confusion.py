"""Confusion matrices, one per group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from skintag.evaluation.plots.style import ACCENT, MUTED, WIDTH, Plot, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def confusion_plot(counts: pd.DataFrame, name: str, title: str, caption: str) -> Plot:
    """Two by two counts per group; a cell's shade is its share of the true class (its row).

    Args:
        counts: `group`, `tn`, `fp`, `fn`, `tp`.
        name, title, caption: as in `Plot`.
    """
    from matplotlib.figure import Figure

    across = min(2, len(counts))
    down = -(-len(counts) // across)
    figure = Figure(figsize=(WIDTH, 1.95 * down + 0.35 if across > 1 else 3.2), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for axes, (_, row) in zip(grid.flat, counts.iterrows(), strict=False):
        _draw(axes, row)
    for axes in list(grid.flat)[len(counts) :]:
        axes.set_axis_off()
    return Plot(name, title, caption, figure)


def _draw(axes: Axes, row: pd.Series) -> None:
    """One group's counts, shaded by their share of a row."""
    from matplotlib.patches import Rectangle

    table = ((row["tn"], row["fp"]), (row["fn"], row["tp"]))
    for y, line in enumerate(table):
        for x, count in enumerate(line):
            share = count / sum(line) if sum(line) else 0.0
            axes.add_patch(
                Rectangle(
                    (x - 0.48, y - 0.48),
                    0.96,
                    0.96,
                    facecolor=ACCENT,
                    alpha=0.06 + 0.5 * share,
                    linewidth=0,
                )
            )
            axes.text(
                x, y - 0.08, f"{int(count):,}", ha="center", va="center", fontsize=10, fontweight="bold"
            )
            of = f"{share:.0%} of {int(sum(line)):,}" if sum(line) else "none"
            axes.text(x, y + 0.24, of, ha="center", va="center", fontsize=6.8, color=MUTED)
    axes.set_xticks((0, 1), ("called benign", "called malignant"), fontsize=7)
    axes.set_yticks((0, 1), ("benign", "malignant"), fontsize=7, rotation=90, va="center")
    axes.set(xlim=(-0.5, 1.5), ylim=(1.5, -0.5))
    axes.set_title(str(row["group"]), fontsize=8.5)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
