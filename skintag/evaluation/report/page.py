"""A page from its parts: one HTML file that asks for nothing from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skintag.core.io import write_bytes
from skintag.core.progress import track
from skintag.evaluation.plots.style import save
from skintag.evaluation.report.blocks import Block, Section
from skintag.evaluation.report.cautions import Caution
from skintag.evaluation.report.cells import Table
from skintag.evaluation.report.writers import write_table

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Fact:
    """One of the facts at the top."""

    name: str
    value: str
    more: str = ""
    """In smaller letters below."""
    tone: str = ""
    """`bad` for what a reader must not miss."""


@dataclass(frozen=True)
class FindingGroup:
    """Findings of one kind, under their heading."""

    verdict: str
    title: str
    texts: Sequence[tuple[str, str]]
    """Claims, each with the numbers behind it."""

    @property
    def shown(self) -> int:
        """How many stand open; what is distinguishable from chance, or at it, is never folded away."""
        return len(self.texts) if self.verdict in ("chance", "clear") or len(self.texts) <= 5 else 4


@dataclass(frozen=True)
class Page:
    """Everything that one HTML file shows."""

    title: str
    kicker: str
    """The line over the title."""
    lead: str
    """The result in a sentence or two."""
    note: str = ""
    """What kind of data; stands in a banner and beside every figure."""
    facts: Sequence[Fact] = ()
    top: Sequence[Block] = ()
    """Tables that stand above everything else."""
    cautions: Sequence[Caution] = ()
    findings: Sequence[FindingGroup] = ()
    sections: Sequence[Section] = field(default_factory=tuple)
    footer: str = ""

    @property
    def tables(self) -> list[Table]:
        """All tables of the page."""
        top = [block for block in self.top if isinstance(block, Table)]
        return [*top, *(table for section in self.sections for table in section.tables)]

    @property
    def note_title(self) -> str:
        """What the banner says first."""
        if "synthetic" in self.note:
            return "Synthetic data: nothing here is evidence about skin."
        return "Low-resolution data." if "low-resolution" in self.note else "Mind the data."


def write_page(page: Page, folder: Path, name: str = "report.html", *, quiet: bool = False) -> list[Path]:
    """Write the page, its tables below `tables` and its figures below `plots`; return what was written, page first."""
    written = []
    for table in page.tables:
        written += write_table(folder / "tables", table, page.note)
    plots = [plot for section in page.sections for plot in section.plots]
    pictures: dict[str, str] = {}
    for plot in plots if quiet else track(plots, "figures"):
        pictures[plot.name] = save(plot, folder / "plots", page.note)
        written += [folder / "plots" / f"{plot.name}.{kind}" for kind in ("svg", "png")]
    write_bytes(folder / name, render(page, pictures).encode())
    return [folder / name, *written]


def render(page: Page, pictures: Mapping[str, str]) -> str:
    """The page as HTML; `pictures` holds an inline SVG for the name of each of its plots."""
    environment = _environment()
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(page=page, pictures=pictures, style=style)


@cache
def _environment() -> Environment:
    import jinja2

    # whatever a table of somebody else's holds is text on the page, never markup
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=False, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["breakable"] = _breakable
    environment.filters["jpeg"] = lambda data: "data:image/jpeg;base64," + base64.b64encode(data).decode()
    return environment


def _breakable(text: str) -> str:
    """A name that may be broken after an underscore, on a narrow screen."""
    from markupsafe import Markup, escape

    return Markup(str(escape(text)).replace("_", "_<wbr>"))
