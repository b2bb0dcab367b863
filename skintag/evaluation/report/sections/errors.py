"""Where the main model is wrong: by condition and skin type, and image by image."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from skintag.evaluation.report.blocks import Block, Cases, Text
from skintag.evaluation.report.cases import KINDS
from skintag.evaluation.report.cells import UNDEFINED, Cell, Table, percent
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.registry import report_section


@report_section("errors", "Errors", order=100)
def errors_section(evidence: Evidence) -> Sequence[Block]:
    """Error rates, then the worst errors."""
    blocks: list[Block] = []
    if evidence.errors is not None:
        blocks.append(_table(evidence, evidence.errors))
    for kind, note in (
        (KINDS["false_negative"], "Malignant images with the lowest scores, one per patient or lesion."),
        (KINDS["false_positive"], "Other images with the highest scores, one per patient or lesion."),
    ):
        cases = [case for case in evidence.cases if case.kind == kind]
        if cases:
            blocks.append(Cases(f"{kind.capitalize()}: the worst {len(cases)}", cases, note))
    blocks += [
        Text(f"No {part}: {evidence.missing[part]}.", tone="muted")
        for part in ("pictures", "nearest training images")
        if part in evidence.missing
    ]
    return blocks


def _table(evidence: Evidence, table: pd.DataFrame) -> Table:
    groups = list(dict.fromkeys(table["group"]))
    groups = sorted(groups, key=lambda g: {"all": 0, "unknown": 2}.get(g, 1))
    rows = []
    for condition, part in table.groupby("condition", sort=False):
        at = part.set_index("group")
        cells = [Cell(str(condition).replace("_", " "))]
        for group in groups:
            if group not in at.index:
                cells.append(Cell(UNDEFINED, kind="muted"))
                continue
            row = at.loc[group]
            few = "*" if row["too_few"] else ""
            cells.append(Cell(percent(row["rate"], 0), f"{int(row['errors']):,}/{int(row['n']):,}", few))
        rows.append(tuple(cells))
    note = (
        f"Share of wrong decisions of {evidence.main}, with wrong / all images: missed malignancies and false alarms "
        f"together, the CSV file holds them apart. * fewer than {evidence.assessment.settings.minimum} images."
    )
    title = "Wrong decisions by condition and skin type"
    return Table("errors", title, ("condition", *groups), tuple(rows), note, table)
