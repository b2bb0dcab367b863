"""What distorted pictures do to a model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skintag.evaluation.plots.forest import draw_interval
from skintag.evaluation.plots.style import (
    ACCENT,
    MUTED,
    Plot,
    heading_rows,
    label_of,
    new_figure,
    series_style,
    styled,
)


@styled
def robustness_plot(table: pd.DataFrame, metric: str, name: str, title: str, caption: str) -> Plot:
    """One metric under each distortion (rows), one series per model; the line marks the clean pictures.

    Args:
        table: `model`, `distortion` (`clean` among them), `value`, `low`, `high`, of one metric.
        metric: its name.
        name, title, caption: as in `Plot`.
    """
    models, distortions = (list(dict.fromkeys(table[c])) for c in ("model", "distortion"))
    one = len(models) == 1
    figure, axes = new_figure(
        (0.24 if one else 0.2 + 0.06 * len(models)) * len(distortions) + 0.85 + 0.1 * len(models)
    )
    step = min(0.75 / len(models), 0.2)
    for i, model in enumerate(models):
        look = series_style(i)
        colour = ACCENT if one else look["color"]
        part = table[table["model"] == model].set_index("distortion")
        y = np.arange(len(distortions)) + (i - (len(models) - 1) / 2) * step
        if "clean" in part.index:
            axes.axvline(float(part.loc["clean", "value"]), color=colour, linewidth=0.8, alpha=0.45, zorder=1)
        for at, distortion in zip(y, distortions, strict=True):
            if distortion in part.index:
                draw_interval(axes, float(at), part.loc[distortion], color=colour, marker=look["marker"])
        axes.plot([], [], color=colour, marker=look["marker"], markersize=4, linewidth=1, label=model)
    heading_rows(axes, [(y, d.replace("_", " "), False) for y, d in enumerate(distortions)])
    axes.set_ylim(len(distortions) - 0.4, -0.6)
    axes.set(title=title, xlabel=label_of(metric))
    axes.xaxis.label.set_color(MUTED)
    if not one:
        figure.legend(loc="outside lower left", ncols=2)
    return Plot(name, title, caption, figure)
