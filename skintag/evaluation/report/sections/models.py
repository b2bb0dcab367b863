"""All models on all test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skintag.evaluation.metrics.registry import METRICS, listed
from skintag.evaluation.plots.curves import BAND_NOTE, precision_recall_plot, roc_plot
from skintag.evaluation.plots.forest import model_forest
from skintag.evaluation.plots.style import Plot, label_of
from skintag.evaluation.report.blocks import Block, Figures, Text
from skintag.evaluation.report.cells import (
    Cell,
    Table,
    estimate,
    level_cell,
    p_value,
    words,
)
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.findings import comparisons
from skintag.evaluation.report.phrases import how, level_of, ordered, overall, sample, short
from skintag.evaluation.report.registry import report_section
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.curves import precision_recall_curve, roc_curve


@report_section("models", "Models", order=30)
def models_section(evidence: Evidence) -> Sequence[Block]:
    """All models on all test images."""
    models = ordered(evidence)
    blocks: list[Block] = []
    sentence = comparisons(evidence)
    if sentence:
        blocks.append(Text(sentence))
    if not _same_images(evidence, models):
        blocks.append(Text("The models were not all tested on the same images.", tone="bad"))
    blocks += [
        level_table(evidence, listed("models"), "models", "Test set, all images"),
        Figures(_plots(evidence, models)),
        level_table(evidence, listed("models_more"), "models_more", "More metrics", folded=True),
    ]
    if evidence.comparison is not None and len(evidence.comparison):
        blocks.append(comparison_table(evidence))
    return blocks


def _plots(evidence: Evidence, models: list[str]) -> list[Plot]:
    """ROC, precision and recall, and the main metrics side by side."""
    settings = evidence.assessment.settings
    resamples = Resamples.of(evidence.test, settings.resamples, settings.seed)
    drawn = {m: resamples if m == evidence.main else None for m in models}
    roc = {m: roc_curve(evidence.predictions.test(m), drawn[m]) for m in models}
    pr = {m: precision_recall_curve(evidence.predictions.test(m), drawn[m]) for m in models}
    n = sample(evidence)
    band = f"The band is the pointwise {level_of(evidence)} interval of {evidence.main}, {how(evidence)}."
    band += f" {BAND_NOTE}" if any(curve.doubtful for curve in (*roc.values(), *pr.values())) else ""
    return [
        roc_plot(
            roc, "roc_models", "ROC, by model",
            f"{n}. {band} Upper left is better; the diagonal is guessing.", main=evidence.main,
        ),
        precision_recall_plot(
            pr, "precision_recall_models", "Precision and recall, by model",
            f"{n}. {band} The dotted line is the prevalence, which is what guessing gets; precision hangs on it and "
            "does not carry over to a place with another one.", main=evidence.main,
        ),
        model_forest(
            overall(evidence, models), ("auroc", "sensitivity", "specificity"), "models",
            "All models, all test images",
            f"{n}. Points with {level_of(evidence)} intervals, {how(evidence)}. Overlapping intervals do not mean that "
            "two models are alike: the paired comparison below tells.",
        ),
    ]  # fmt: skip


def level_table(
    evidence: Evidence, metrics: Sequence[str], name: str, title: str, *, folded: bool = False
) -> Table:
    """Models x metrics with intervals."""
    models = ordered(evidence)
    rows = []
    for model in models:
        cells = [Cell(model, kind="main" if model == evidence.main and len(models) > 1 else "")]
        for metric in metrics:
            row = evidence.level(model, metric)
            cells.append(level_cell(row))
        rows.append(tuple(cells))
    note = f"{sample(evidence)}. {level_of(evidence)} intervals, {how(evidence)}."
    lower = [label_of(metric) for metric in metrics if METRICS[metric].smaller_is_better]
    if lower:
        note += f" For {words(lower)} lower is better."
    data = overall(evidence, models)
    data = data[data["metric"].isin(metrics)]
    return Table(name, title, ("model", *(short(m) for m in metrics)), tuple(rows), note, data, folded=folded)


def comparison_table(evidence: Evidence) -> Table:
    """Paired differences of the other models to the main one."""
    table = evidence.comparison
    assert table is not None
    rows = []
    for _, row in table[table["grouping"] == "overall"].iterrows():
        told = np.isfinite(row["p_holm"]) and row["p_holm"] < 0.05
        cells = (Cell(str(row["model_a"])), Cell(label_of(str(row["metric"]))))
        gap = estimate(row["difference"], row["low"], row["high"])
        ps = (Cell(p_value(row["p_value"])), Cell(p_value(row["p_holm"]), kind="good" if told else ""))
        rows.append((*cells, gap, *ps))
    return Table(
        "comparison", f"Paired differences to {evidence.main}", ("model", "metric", "difference", "p", "p (Holm)"),
        tuple(rows), f"Each model minus {evidence.main} on the same test images, with {level_of(evidence)} intervals "
        "from one clustered bootstrap for both; Holm's correction over the models, metric by metric.", table, left=2,
        folded=True,
    )  # fmt: skip


def _same_images(evidence: Evidence, models: list[str]) -> bool:
    ids = [evidence.predictions.test(m).frame["image_id"].tolist() for m in models]
    return all(i == ids[0] for i in ids)
