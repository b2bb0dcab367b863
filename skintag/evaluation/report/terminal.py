"""The report in one table, for a terminal."""

from __future__ import annotations

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.report.cells import count, interval, number
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.gather_runs import RunsEvidence
from skintag.evaluation.report.held_out import foremost
from skintag.evaluation.report.page import Page
from skintag.evaluation.report.phrases import short

PRINTED = ("chance", "clear", "calibration")
"""Findings that a terminal shows in full; of gaps that cannot be told it shows how many there are."""


def summary(evidence: Evidence, page: Page) -> RenderableType:
    """Models x metrics with intervals, then what was found and what to mind."""
    title = f"{escape(page.title)}, test set" + (f" ({escape(page.note)})" if page.note else "")
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("model", no_wrap=True)
    metrics = listed("summary")
    for heading in ("n", "malignant", *(short(m) for m in metrics), "worst skin type"):
        table.add_column(heading, justify="right")
    gaps = evidence.assessment.gaps
    worst = gaps[(gaps["gap"] == "worst_group_sensitivity") & (gaps["grouping"] == "fst_group")].set_index(
        "model"
    )
    # without skin types, or with too few images of each, there is no worst group: undefined
    worst = worst.reindex(evidence.predictions.models)
    for model in evidence.predictions.models:
        cells = [*(evidence.level(model, metric) for metric in metrics), worst.loc[[model]].iloc[0]]
        texts = [_estimate(cell) for cell in cells]
        first = cells[0]
        name = f"[bold]{escape(model)}[/bold]" if model == evidence.main else escape(model)
        table.add_row(name, count(first["n"]), count(first["n_positive"]), *texts)
    how = "clustered" if evidence.clustered else "ignoring clustering"
    table.caption = (
        f"{evidence.assessment.settings.confidence:.0%} intervals, {how}; worst skin type: sensitivity"
    )
    lines: list[RenderableType] = [Text(page.lead), table] if foremost(evidence) else [table]
    for group in page.findings:
        if group.verdict in PRINTED:
            lines.append(Text(f"{group.title}:", style="bold"))
            lines += [Text.assemble(f"  • {text} ", (detail, "dim")) for text, detail in group.texts]
    others = {group.title: len(group.texts) for group in page.findings if group.verdict not in PRINTED}
    if others:
        counted = [f"{title[:1].lower()}{title[1:]}: {n}" for title, n in others.items()]
        lines.append(Text(f"Gaps {'; '.join(counted)}. The report lists them.", style="dim"))
    for caution in page.cautions:
        style = "bold red" if caution.level == "bad" else "yellow"
        lines.append(Text.assemble((f"{caution.title}: ", style), caution.text))
    return Group(*lines)


def runs_summary(evidence: RunsEvidence, page: Page) -> RenderableType:
    """Names x metrics of the main model, over seeds."""
    note = f" ({escape(page.note)})" if page.note else ""
    table = Table(
        title=f"{escape(evidence.main)}, test set{note}", title_justify="left", caption_justify="left"
    )
    table.add_column("name", no_wrap=True)
    metrics = listed("runs")
    for heading in (f"{evidence.repeat}s", *metrics):
        table.add_column(heading, justify="right")
    levels = evidence.levels
    levels = levels[(levels["grouping"] == "overall") & (levels["model"] == evidence.main)]
    for name in evidence.names:
        rows = [levels[(levels["name"] == name) & (levels["metric"] == metric)].iloc[0] for metric in metrics]
        texts = [f"{number(r['mean'])} [dim]{interval(r['low'], r['high'], 2)}[/dim]".strip() for r in rows]
        table.add_row(escape(name), str(evidence.repeats(name)), *texts)
    lines: list[RenderableType] = [table, Text(page.lead)]
    lines += [Text.assemble((f"{c.title}: ", "yellow"), c.text) for c in page.cautions]
    return Group(*lines)


def _estimate(row: pd.Series) -> str:
    """A value with its interval; a dash where there is none."""
    if pd.isna(row["value"]):
        return "—"
    return f"{number(row['value'])} [dim]{interval(row['low'], row['high'], 2)}[/dim]".strip()
