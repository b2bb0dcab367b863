"""Reliability diagrams: what a score promises against how often it is right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from skintag.evaluation.plots.style import MUTED, RULE, WIDTH, Plot, series_style, styled


@styled
def reliability_plot(bins: Mapping[str, pd.DataFrame], name: str, title: str, caption: str) -> Plot:
    """One line per entry over a histogram of the scores.

    Args:
        bins: per label the bins that have rows: `mean_score`, `observed`, `low`, `high`, `n`,
            `doubtful`.
        name, title, caption: as in `Plot`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=(4, 1), sharex=True)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)))
    for i, (label, table) in enumerate(bins.items()):
        look = series_style(i)
        shift = (i - (len(bins) - 1) / 2) * 0.008
        x = table["mean_score"].to_numpy(dtype=float)
        columns = (table[c] for c in ("low", "high", "doubtful"))
        for at, low, high, doubtful in zip(x + shift, *columns, strict=True):
            if np.isfinite(low):
                style = ":" if doubtful else "-"
                axes.plot([at, at], [low, high], style, color=look["color"], linewidth=1, alpha=0.6)
        axes.plot(x + shift, table["observed"], markersize=4, label=label, **look)
        below.step(x, table["n"], where="mid", color=look["color"], linewidth=1)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share that is malignant", title=title)
    axes.grid(True)
    axes.legend(loc="upper left")
    below.set(xlabel="score", ylabel="images")
    below.spines["left"].set_color(RULE)
    below.set_ylim(bottom=0)
    return Plot(name, title, caption, figure)
