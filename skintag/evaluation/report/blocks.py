"""What a page is made of: sections of paragraphs, tables, figures and cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from skintag.evaluation.plots.style import Plot
from skintag.evaluation.report.cells import Table
from skintag.evaluation.report.evidence import ErrorCase


@dataclass(frozen=True)
class Text:
    """A paragraph, or a list of short statements."""

    text: str = ""
    """The paragraph."""
    items: Sequence[str] = ()
    """The statements."""
    title: str = ""
    """A small heading over it."""
    tone: Literal["", "bad", "good", "muted"] = ""
    """How it is shown."""


@dataclass(frozen=True)
class Figures:
    """Figures that stand side by side where there is room."""

    plots: Sequence[Plot]


@dataclass(frozen=True)
class Cases:
    """Wrong decisions with their pictures and what is known of each."""

    title: str
    cases: Sequence[ErrorCase]
    note: str = ""


Block = Text | Figures | Cases | Table


@dataclass(frozen=True)
class Section:
    """A part of the page that the navigation names."""

    id: str
    """Its anchor."""
    title: str
    """Its heading."""
    blocks: Sequence[Block] = field(default_factory=tuple)

    @property
    def tables(self) -> list[Table]:
        """The tables among its blocks, in order."""
        return [block for block in self.blocks if isinstance(block, Table)]

    @property
    def plots(self) -> list[Plot]:
        """All figures of its blocks, in order."""
        return [plot for block in self.blocks if isinstance(block, Figures) for plot in block.plots]
