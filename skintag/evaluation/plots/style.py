"""One look for all figures, and how a figure becomes files and a picture inside a page.

A page shows figures on light and on dark ground. So every colour of `INKS` and `SERIES` is written into the
page as a CSS variable, which the page's style sheet gives a value for both; the files keep the colours as they
are, on white.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from skintag.core.io import write_bytes
from skintag.evaluation.metrics.registry import title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPER: Final = "#fefefe"
INK: Final = "#1c2126"
MUTED: Final = "#69727c"
RULE: Final = "#d8dce1"
ACCENT: Final = "#1a5e92"
WARN: Final = "#b3402a"
INKS: Final = {"paper": PAPER, "ink": INK, "muted": MUTED, "rule": RULE, "accent": ACCENT, "warn": WARN}
# Okabe and Ito (2008), without the yellow, which vanishes on white; told apart by the colour-blind too.
SERIES: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a7f86", "#5b4a9c")
DASHES: Final = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)))
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "*")
RC: Final[Any] = {
    "font.family": "sans-serif", "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.titlepad": 7, "axes.labelsize": 9, "axes.labelcolor": INK,
    "axes.edgecolor": MUTED, "axes.linewidth": 0.6, "axes.spines.top": False, "axes.spines.right": False,
    "axes.facecolor": "none", "axes.axisbelow": True, "figure.facecolor": PAPER, "savefig.facecolor": PAPER,
    "text.color": INK, "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "xtick.labelsize": 8.6, "ytick.labelsize": 8.8, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "xtick.major.size": 3, "ytick.major.size": 3, "grid.color": RULE,
    "grid.linewidth": 0.5, "legend.frameon": False, "legend.fontsize": 8.6, "legend.handlelength": 1.8,
    "lines.linewidth": 1.4, "svg.fonttype": "none", "svg.hashsalt": "skintag", "path.simplify": True,
}  # fmt: skip
WIDTH: Final = 4.5  # inches: one figure is as wide as a phone, and two stand side by side on a desk
NOTE_ID: Final = "data-note"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Plot:
    """A drawn figure and the words below it."""

    name: str
    """Stem of its files."""
    title: str
    """What it shows, in a few words."""
    caption: str
    """Counts, intervals, and what to read from it."""
    figure: Figure
    """The drawing."""
    wide: bool = False
    """Whether it takes the page's whole width."""


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Draw with this module's look, whatever matplotlib is set to."""

    @functools.wraps(draw)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        import matplotlib as mpl

        with mpl.rc_context(RC):
            return draw(*args, **kwargs)

    return wrapped


def new_figure(height: float, *, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure of `width` x `height` inches with one pair of axes; no window system is ever asked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def series_style(position: int) -> dict[str, Any]:
    """Colour, dash and marker of the n-th of several things in one figure."""
    turn = position // len(SERIES)
    return {
        "color": SERIES[position % len(SERIES)],
        "linestyle": DASHES[turn % len(DASHES)],
        "marker": MARKERS[position % len(MARKERS)],
    }


def save(plot: Plot, folder: Path, note: str = "") -> str:
    """Write `<name>.svg` and `<name>.png` into `folder`; return the SVG for a page.

    `note` (what kind of data) is written into the files' corner, so that it stays with a copied picture.
    """
    import matplotlib as mpl

    figure = plot.figure
    with mpl.rc_context(RC):
        engine = figure.get_layout_engine()
        if note:
            height = figure.get_size_inches()[1]
            if engine is not None:
                engine.set(rect=(0, 0.17 / height, 1, 1 - 0.17 / height))  # type: ignore[call-arg]
            figure.text(0.01, 0.05 / height, note, fontsize=6.5, color=MUTED, va="bottom", gid=NOTE_ID)
        if engine is not None:
            engine.execute(figure)
            figure.set_layout_engine(
                "none"
            )  # laid out once: each format would do it again, and it takes longest
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        svg = stream.getvalue()
        write_bytes(folder / f"{plot.name}.svg", svg)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=180)
        write_bytes(folder / f"{plot.name}.png", stream.getvalue())
    return inline_svg(svg.decode(), plot.name, plot.title)


def inline_svg(svg: str, name: str, title: str) -> str:
    """An SVG file's text as an element of a page: own ids, colours as CSS variables, no fixed size.

    Args:
        svg: the file's text.
        name: unique within the page; put before every id.
        title: what a screen reader says.
    """
    from html import escape

    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(href="|url\()#', rf"\1#{name}-", body)
    for key, colour in (*INKS.items(), *((f"s{i}", c) for i, c in enumerate(SERIES))):
        body = body.replace(colour, f"var(--{key})")
    match = re.match(r'<svg[^>]*?width="([\d.]+)pt"', body, flags=re.S)
    width = f"{float(match[1]) / 0.75 * 1.1:.0f}px" if match else "100%"  # points to CSS pixels
    head = re.search(r'viewBox="[^"]+"', body)
    inner = body[body.index(">") + 1 :]
    box = head[0] if head else ""
    return (
        f'<svg class="plot" role="img" aria-label="{escape(title, quote=True)}" {box} '
        f'style="max-width:{width}" xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">{_smaller(inner)}'
    )


def _smaller(svg: str) -> str:
    """Without comments and with short decimals: a tenth of a point is not seen."""
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0]), svg)
    return re.sub(r"\n\s*", "\n", svg)


def heading_rows(axes: Axes, rows: Sequence[tuple[float, str, bool]]) -> None:
    """Labels of rows from top to bottom: (position, text, whether it is a heading over the rows below)."""
    axes.set_yticks([y for y, _, _ in rows], [text for _, text, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.grid(True, axis="x")
    for label, (_, _, heading) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(MUTED if heading else INK)
        label.set_fontstyle("italic" if heading else "normal")


def label_of(name: str) -> str:
    """A column's, metric's or gap's name as words."""
    return _LABELS.get(name) or title_of(name) or name.replace("_", " ")


_LABELS: Final = {
    "overall": "all test images", "all": "all", "domain": "domain", "dataset": "dataset",
    "fst_group": "skin type", "fitzpatrick": "Fitzpatrick type", "sex": "sex", "age_group": "age",
    "fst_group_common_cancers": "skin type (common cancers)",
}  # fmt: skip
