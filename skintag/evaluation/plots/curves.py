"""ROC and precision-recall curves with bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from skintag.evaluation.plots.style import MUTED, Plot, new_figure, series_style, styled
from skintag.evaluation.statistics.curves import Curve

BAND_NOTE: Final = "† its band stands on few independent patients and may miss its confidence."
_BANDS = 3  # more bands than this hide one another


@styled
def roc_plot(
    curves: Mapping[str, Curve], name: str, title: str, caption: str, *, main: str | None = None
) -> Plot:
    """One curve per entry; bands where there are few, or of `main` alone."""
    figure, axes = new_figure(3.9 + 0.17 * -(-len(curves) // 2))
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)))
    _draw(axes, curves, main)
    axes.set(xlabel="false positive rate (1 − specificity)", ylabel="sensitivity", title=title)
    if any(curve.defined for curve in curves.values()):
        figure.legend(loc="outside lower left", ncols=2)
    return Plot(name, title, caption, figure)


@styled
def precision_recall_plot(
    curves: Mapping[str, Curve], name: str, title: str, caption: str, *, main: str | None = None
) -> Plot:
    """As `roc_plot`; a dotted line marks the prevalence, which is what guessing gets."""
    figure, axes = new_figure(3.9 + 0.17 * -(-len(curves) // 2))
    first = next((c for c in curves.values() if c.defined), None)
    shared = first is not None and len({(c.n, c.n_positive) for c in curves.values()}) == 1
    if first is not None and shared:
        axes.axhline(first.n_positive / first.n, color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)))
    _draw(axes, curves, main)
    axes.set(xlabel="recall (sensitivity)", ylabel="precision (share of alarms that are right)", title=title)
    if any(curve.defined for curve in curves.values()):
        figure.legend(loc="outside lower left", ncols=2)
    return Plot(name, title, caption, figure)


def _draw(axes, curves: Mapping[str, Curve], main: str | None) -> None:  # type: ignore[no-untyped-def]
    defined = {label: curve for label, curve in curves.items() if curve.defined}
    banded = {main} if main in defined else set(defined) if len(defined) <= _BANDS else set()
    for i, (label, curve) in enumerate(defined.items()):
        look = series_style(i)
        look.pop("marker")
        first = label == main or main is None
        if label in banded:
            axes.fill_between(curve.x, curve.low, curve.high, color=look["color"], alpha=0.16, linewidth=0)
        name = f"{label} †" if curve.doubtful and label in banded else label
        axes.plot(
            curve.x, curve.y, label=name, linewidth=1.8 if first else 1.0, zorder=3 if first else 2, **look
        )
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.grid(True)
