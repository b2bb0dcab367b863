"""Where malignancies end up: tiers as stacked bars."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skintag.evaluation.plots.style import MUTED, Plot, new_figure, styled

# from harmless to urgent, of one hue: the order is read without a legend
_SHADES = {"LOW": "#b3402a", "MODERATE": "#e69f00", "HIGH": "#0072b2"}


@styled
def triage_plot(shares: pd.DataFrame, name: str, title: str, caption: str) -> Plot:
    """Share of each group's malignancies per tier.

    Args:
        shares: `row` (a label), `tier` (LOW, MODERATE, HIGH), `share` 0..1, `n`.
        name, title, caption: as in `Plot`.
    """
    rows = list(dict.fromkeys(shares["row"]))
    figure, axes = new_figure(0.3 * len(rows) + 0.95)
    for y, row in enumerate(rows):
        left = 0.0
        for tier, shade in _SHADES.items():
            cell = shares[(shares["row"] == row) & (shares["tier"] == tier)]
            share = float(cell["share"].iloc[0]) if len(cell) else np.nan
            if not np.isfinite(share):
                continue
            axes.barh(y, share, left=left, color=shade, height=0.66, alpha=0.85, linewidth=0)
            if share >= 0.07:
                axes.text(
                    left + share / 2,
                    y,
                    f"{share:.0%}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="#fdfdfd",
                )
            left += share
    for tier, shade in _SHADES.items():
        axes.barh([-10], [0], color=shade, alpha=0.85, label=tier)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.6), title=title, xlabel="share of malignant lesions")
    axes.xaxis.label.set_color(MUTED)
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside lower left", ncols=3)
    return Plot(name, title, caption, figure)
