"""A value in every cell of two groupings, with the rows it stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skintag.evaluation.plots.style import MUTED, Plot, label_of, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@styled
def heatmap(
    cells: pd.DataFrame, rows: str, columns: str, name: str, title: str, caption: str, *, minimum: int = 10
) -> Plot:
    """Cells coloured by `value`, each with its interval and count; pale where fewer than `minimum` stand behind.

    Args:
        cells: the columns `rows` and `columns`, `value`, `low`, `high`, `count`; a pair of groups comes once.
        rows, columns: which columns give the two axes, in order of appearance.
        name, title, caption: as in `Plot`.
        minimum: of `count`.
    """
    down, across = (list(dict.fromkeys(cells[c])) for c in (rows, columns))
    figure, axes = new_figure(0.62 * len(down) + 0.9)
    for _, cell in cells.iterrows():
        _draw(axes, across.index(cell[columns]), down.index(cell[rows]), cell, minimum)
    axes.set_xticks(range(len(across)), across)
    axes.set_yticks(range(len(down)), down)
    axes.set(
        xlim=(-0.5, len(across) - 0.5), ylim=(len(down) - 0.5, -0.5), title=title, xlabel=label_of(columns)
    )
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    return Plot(name, title, caption, figure)


def _draw(axes: Axes, x: int, y: int, cell: pd.Series, minimum: int) -> None:
    """One cell: its shade, its value, and below it the interval and the count."""
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    defined = np.isfinite(cell["value"])
    enough = defined and cell["count"] >= minimum
    shade = colormaps["viridis"](0.12 + 0.8 * float(cell["value"])) if defined else (0.5, 0.5, 0.5, 0.12)
    box = Rectangle(
        (x - 0.48, y - 0.46), 0.96, 0.92, facecolor=shade, alpha=1 if enough else 0.25, linewidth=0
    )
    axes.add_patch(box)
    ink = ("#0b0d0f" if np.dot(shade[:3], (0.3, 0.59, 0.11)) > 0.5 else "#fdfdfd") if enough else None
    colour: dict[str, Any] = {"color": ink} if ink else {}
    text = f"{cell['value']:.2f}" if defined else "–"
    axes.text(x, y - 0.13, text, ha="center", va="center", fontsize=10, fontweight="bold", **colour)
    under = f"n = {int(cell['count']):,}"
    if defined and np.isfinite(cell["low"]):
        under = f"{cell['low']:.2f}–{cell['high']:.2f}, {under}"
    axes.text(x, y + 0.24, under, ha="center", va="center", fontsize=6.6, **(colour or {"color": MUTED}))
