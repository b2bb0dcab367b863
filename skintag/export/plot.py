"""Accuracy against latency of every export, with its size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skintag.evaluation.plots.style import MUTED, Plot, new_figure, series_style, styled
from skintag.export.row import Row


@styled
def pareto_plot(rows: Sequence[Row]) -> Plot:
    """A marker for each row that has both, its area the file's size; the line joins what nothing else beats."""
    shown = [
        row for row in rows if row.auroc == row.auroc and row.latency_ms_1_thread == row.latency_ms_1_thread
    ]
    figure, axes = new_figure(3.2)
    largest = max((row.bytes or 0 for row in shown), default=0) or 1
    for i, row in enumerate(shown):
        x, y = row.latency_ms_1_thread, row.auroc
        area = 30 + 420 * (row.bytes or 0) / largest
        label = row.format if row.bytes is None else f"{row.format}, {row.bytes / 1e6:.1f} MB"
        axes.scatter(x, y, s=area, color=series_style(i)["color"], alpha=0.65, linewidths=0, zorder=3)
        axes.plot([], [], "o", color=series_style(i)["color"], markersize=5, label=label)
    best = front([(row.latency_ms_1_thread, row.auroc) for row in shown])
    axes.plot(*zip(*best, strict=True), color=MUTED, linewidth=0.8, zorder=2)
    axes.set_xscale("log")
    axes.margins(0.15)
    axes.grid(True)
    title = "Accuracy against latency"
    axes.set(title=title, xlabel="milliseconds for one image on one core", ylabel="AUROC, test images")
    figure.legend(loc="outside lower left", ncols=2)
    caption = "The marker's area is the file's size. The line joins what no other row beats in both."
    return Plot("pareto", title, caption, figure)


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, worth) points those that no other beats in both, by rising cost."""
    best, kept = -np.inf, []
    for cost, worth in sorted(points, key=lambda point: (point[0], -point[1])):
        if worth > best:
            kept.append((cost, worth))
            best = worth
    return kept
