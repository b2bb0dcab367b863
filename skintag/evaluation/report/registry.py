"""The sections of a report, registered where each is defined; the page shows them in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Final

from skintag.evaluation.registered import add
from skintag.evaluation.report.blocks import Block, Section
from skintag.evaluation.report.evidence import Evidence

Blocks = Callable[[Evidence], Sequence[Block] | None]
"""What a section shows of evidence; None where the evidence holds nothing for it, and it is left out."""


@dataclass(frozen=True)
class ReportSection:
    """A section that every report gets, where its evidence has something to show."""

    name: str
    """Its anchor in the page."""
    title: str
    """Its heading, and its entry in the navigation."""
    order: float
    """Sections stand in rising order; SkinTag's own are 10 apart, from `data` (10) to `provenance` (120)."""
    blocks: Blocks
    """What it shows."""

    def of(self, evidence: Evidence) -> Section | None:
        """The section for this evidence; None where it is left out."""
        blocks = self.blocks(evidence)
        return None if blocks is None else Section(self.name, self.title, blocks)


SECTIONS: Final[dict[str, ReportSection]] = {}
"""By name; only `report_section` writes it."""


def report_section(
    name: str, title: str, *, order: float
) -> Callable[[Blocks], Callable[[Evidence], Section | None]]:
    """Register a function from evidence to blocks as a section; in its place stands one to the whole section.

    Raises:
        ConfigError: another section has the name.
    """

    def register(blocks: Blocks) -> Callable[[Evidence], Section | None]:
        section = ReportSection(name, title, order, blocks)
        add(SECTIONS, name, section, "report section")

        @wraps(blocks)
        def whole(evidence: Evidence) -> Section | None:
            return section.of(evidence)

        return whole

    return register


def sections_of(evidence: Evidence) -> list[Section]:
    """All registered sections that have something to show, in their order."""
    ordered = sorted(SECTIONS.values(), key=lambda section: section.order)
    return [section for kind in ordered if (section := kind.of(evidence)) is not None]
