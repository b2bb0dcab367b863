"""The report in one table, for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from skintag.evaluation.report.cells import count, interval, number
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.page import Page

_METRICS = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "f1_macro": "F1 macro",
}


def summary(evidence: Evidence, page: Page) -> RenderableType:
    """Models x metrics with intervals, then what was found and what to mind."""
    title = f"{escape(page.title)}, test set" + (f" ({escape(page.note)})" if page.note else "")
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("model", no_wrap=True)
    for heading in ("n", "malignant", *_METRICS.values(), "worst skin type"):
        table.add_column(heading, justify="right")
    gaps = evidence.assessment.gaps
    worst = gaps[(gaps["gap"] == "worst_group_sensitivity") & (gaps["grouping"] == "fst_group")].set_index(
        "model"
    )
    for model in evidence.predictions.models:
        cells = [evidence.level(model, metric) for metric in _METRICS]
        cells += [row for _, row in worst.loc[[model]].iterrows()]
        texts = [f"{number(c['value'])} [dim]{interval(c['low'], c['high'], 2)}[/dim]".strip() for c in cells]
        first = cells[0]
        name = f"[bold]{escape(model)}[/bold]" if model == evidence.main else escape(model)
        table.add_row(name, count(first["n"]), count(first["n_positive"]), *texts)
    how = "clustered" if evidence.clustered else "ignoring clustering"
    table.caption = (
        f"{evidence.assessment.settings.confidence:.0%} intervals, {how}; worst skin type: sensitivity"
    )
    lines: list[RenderableType] = [table]
    for group in page.findings:
        lines.append(Text(f"{group.title}:", style="bold"))
        for text, detail in group.texts:
            lines.append(Text.assemble(f"  • {text} ", (detail, "dim")))
    for caution in page.cautions:
        style = "bold red" if caution.level == "bad" else "yellow"
        lines.append(Text.assemble((f"{caution.title}: ", style), caution.text))
    return Group(*lines)
