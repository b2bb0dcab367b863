"""Figures of a grid as PNG, in the look of the reports."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skintag.core.io import write_bytes
from skintag.evaluation.plots.style import ACCENT, MUTED, PAPER, RC, heading_rows, new_figure, styled
from skintag.runs.grid.findings import CANNOT_TELL, FOUND

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_png(figure: Figure, path: Path, note: str = "") -> None:
    """Write a figure as PNG, with a note (what kind of data) under its axis."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        if note:
            axes = figure.axes[-1]
            axes.set_xlabel("\n".join([axes.get_xlabel(), *textwrap.wrap(note, 62)]))
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=160, bbox_inches="tight", pad_inches=0.08)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, stream.getvalue())


@styled
def findings_figure(judged: pd.DataFrame, title: str) -> Figure:
    """A row per question: the contrast with its interval; filled where found, grey where it cannot be told."""
    figure, axes = new_figure(0.24 * len(judged) + 0.8, width=7.2)
    for y, row in enumerate(judged.to_dict("records")):
        colour = MUTED if row["verdict"] == CANNOT_TELL else ACCENT
        if not np.isfinite(row["value"]):
            continue
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.2, solid_capstyle="butt")
        filled = colour if row["verdict"] == FOUND else PAPER
        axes.plot(row["value"], y, marker="o", markersize=4.8, color=colour, markerfacecolor=filled, zorder=3)
    heading_rows(axes, [(float(y), str(name), False) for y, name in enumerate(judged["question"])])
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_ylim(len(judged) - 0.4, -0.6)
    axes.set_xlabel("contrast, 95% interval\nfilled: found, hollow: not found, grey: cannot be told")
    axes.set_title(title)
    return figure


@styled
def differences_figure(differences: pd.DataFrame, title: str) -> Figure:
    """A row per name: its difference from the reference; filled where p < 0.05 after Holm, grey where unpaired."""
    figure, axes = new_figure(0.24 * len(differences) + 0.8, width=6.4)
    for y, row in enumerate(differences.to_dict("records")):
        colour = ACCENT if row["paired"] else MUTED
        filled = colour if row["p_holm"] < 0.05 else PAPER
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.2, solid_capstyle="butt")
        axes.plot(
            row["difference"], y, marker="o", markersize=4.8, color=colour, markerfacecolor=filled, zorder=3
        )
    names = [str(name).replace("_", " ") for name in differences["name"]]
    heading_rows(axes, [(float(y), name, False) for y, name in enumerate(names)])
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_ylim(len(differences) - 0.4, -0.6)
    axes.set_xlabel("difference, 95% interval\nfilled: p < 0.05 after Holm, grey: other test images")
    axes.set_title(title)
    return figure
