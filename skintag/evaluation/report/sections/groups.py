"""The main model in every group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from skintag.evaluation.analyses.crossed import crossed_levels
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, Grouping
from skintag.evaluation.metrics.metrics import confusion
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.plots.confusion import confusion_plot
from skintag.evaluation.plots.curves import BAND_NOTE, roc_plot
from skintag.evaluation.plots.forest import group_forest
from skintag.evaluation.plots.heatmap import heatmap
from skintag.evaluation.plots.style import Plot, label_of
from skintag.evaluation.report.blocks import Block, Figures, Text
from skintag.evaluation.report.cells import Cell, Table, count, level_cell, number
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.phrases import how, level_of, short
from skintag.evaluation.report.registry import report_section
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.curves import roc_curve


@report_section("groups", "Groups", order=50)
def groups_section(evidence: Evidence) -> Sequence[Block]:
    """The main model in every group."""
    t = evidence.thresholds[evidence.main]
    where = "given" if t.objective == "given" else f"fitted on val for {t.objective}"
    plots = []
    for metric, bracket in (
        ("sensitivity", "malignant images"),
        ("specificity", "benign images"),
        ("auroc", "malignant / all images"),
    ):
        rows = _grouped(evidence, metric)
        caption = (
            f"{evidence.main} on the test images of each group; in brackets the number of {bracket}. Bars are "
            f"{level_of(evidence)} intervals, {how(evidence)}; hollow points stand on fewer than "
            f"{evidence.assessment.settings.minimum} and take no part in gaps. The line marks all test images."
        )
        if metric != "auroc":
            caption += f" One threshold for everyone, {number(t.value)}, {where}."
        plots.append(group_forest(rows, metric, f"groups_{metric}", caption))
    sensitivity, specificity, ranking = plots
    plots = [
        sensitivity,
        specificity,
        *_crossed(evidence),
        ranking,
        *_curves(evidence),
        confusion_figure(evidence),
    ]
    intro = Text(f"Figures show {evidence.main} ({evidence.main_reason}).")
    blocks: list[Block] = [intro, Figures(plots), group_table(evidence)]
    return blocks


def group_table(evidence: Evidence) -> Table:
    """Every level of the main model; the CSV file holds those of all models."""
    metrics = listed("groups")
    levels = evidence.levels(evidence.main)
    rows: list[tuple[Cell, ...]] = []
    for grouping in dict.fromkeys(levels["grouping"]):
        part = levels[levels["grouping"] == grouping]
        rows.append((Cell(label_of(str(grouping)), kind="head"), *[Cell("")] * (len(metrics) + 2)))
        for group, cells in part.groupby("group", sort=False):
            at = cells.set_index("metric")
            first = cells.iloc[0]
            values = [level_cell(at.loc[m]) for m in metrics]
            counts = (Cell(count(first["n"])), Cell(count(first["n_positive"])))
            rows.append((Cell(str(group)), *counts, *values))
    headings = ("group", "n", "malignant", *(short(m) for m in metrics))
    note = f"* stands on fewer than {evidence.assessment.settings.minimum} images of a class it needs."
    return Table(
        "groups",
        f"Every group, {evidence.main}",
        headings,
        tuple(rows),
        note,
        evidence.assessment.levels,
        folded=True,
    )


def confusion_figure(evidence: Evidence) -> Plot:
    """Decisions overall and in up to three skin-type groups (or domains)."""
    rows, t = evidence.test, evidence.thresholds[evidence.main]
    parts = [("all test images", np.ones(len(rows), dtype=bool))]
    for grouping in (FST_GROUP, DOMAIN):
        codes, names = grouping.codes(rows.frame)
        if len(names) > 1:
            parts += [(name, codes == i) for i, name in enumerate(names[:3])]
            break
    decisions = t.apply(rows.score)
    data = []
    for name, mask in parts:
        c = confusion(rows.target[mask], decisions[mask])
        data.append((name, c.true_negative, c.false_positive, c.false_negative, c.true_positive))
    frame = pd.DataFrame(data, columns=["group", "tn", "fp", "fn", "tp"])
    caption = f"{evidence.main} at its threshold, {number(t.value)}. Rows are the truth; shades are shares of a row."
    return confusion_plot(frame, "confusion", "Decisions", caption)


def _curves(evidence: Evidence) -> list[Plot]:
    """ROC by domain and by skin type, where there are several."""
    rows = evidence.test
    settings = evidence.assessment.settings
    resamples = Resamples.of(rows, settings.resamples, settings.seed)
    plots = []
    for grouping, words in ((DOMAIN, "domain"), (FST_GROUP, "skin type")):
        codes, names = grouping.codes(rows.frame)
        curves = {name: roc_curve(rows, resamples, codes == i) for i, name in enumerate(names)}
        curves = {
            f"{name} ({c.n_positive}/{c.n})": c
            for name, c in curves.items()
            if c.defined and min(c.n_positive, c.n - c.n_positive) >= settings.minimum
        }
        if len(curves) > 1:
            caption = (
                f"{evidence.main}; in brackets malignant / all images. Bands are pointwise {level_of(evidence)} "
                f"intervals, {how(evidence)}. Groups with fewer than {settings.minimum} of a class have no curve."
            )
            caption += f" {BAND_NOTE}" if any(curve.doubtful for curve in curves.values()) else ""
            plots.append(roc_plot(curves, f"roc_{grouping.name}", f"ROC, by {words}", caption))
    return plots


def _crossed(evidence: Evidence) -> list[Plot]:
    """Sensitivity and specificity, domain x skin type."""
    frame = evidence.test.frame
    if frame["domain"].nunique() < 2 or frame["fst_group"].nunique() < 2:
        return []
    settings = evidence.assessment.settings
    cut = evidence.thresholds[evidence.main].value
    table = crossed_levels(
        evidence.test, cut, DOMAIN, FST_GROUP, metrics=("sensitivity", "specificity"), settings=settings
    )
    plots = []
    for metric, word in (("sensitivity", "malignant"), ("specificity", "benign")):
        cells = table[table["metric"] == metric]
        counts = cells["n_positive"] if metric == "sensitivity" else cells["n"] - cells["n_positive"]
        cells = _in_order(cells.assign(count=counts), DOMAIN, FST_GROUP)
        caption = (
            f"{evidence.main}: {metric} with its {level_of(evidence)} interval and the number of {word} images; pale "
            f"where they are fewer than {settings.minimum}. Read along a row: skin type within a domain, so that the "
            "camera is not mistaken for the skin."
        )
        title = f"{metric.capitalize()}, domain by skin type"
        plots.append(
            heatmap(
                cells, "domain", "fst_group", f"heatmap_{metric}", title, caption, minimum=settings.minimum
            )
        )
    return plots


def _in_order(cells: pd.DataFrame, *groupings: Grouping) -> pd.DataFrame:
    """Rows in the groupings' own orders, so that axes come out in them."""
    keys = [
        cells[g.name].map({name: i for i, name in enumerate(g.codes(cells)[1])}).rename(g.name)
        for g in groupings[::-1]
    ]
    return cells.iloc[np.lexsort([key.to_numpy() for key in keys])]


def _grouped(evidence: Evidence, metric: str) -> pd.DataFrame:
    """Levels of the main model without groupings of a single group, or that repeat another."""
    levels = evidence.levels(evidence.main, metric=metric)
    sizes = levels.groupby("grouping")["group"].size()
    skip = {g for g in sizes.index if sizes[g] < 2 and g != "overall"}
    cancers = levels[levels["grouping"] == "fst_group_common_cancers"]
    if cancers["value"].isna().all():
        skip.add("fst_group_common_cancers")  # the table has no conditions
    if metric == "specificity":
        skip.add("fst_group_common_cancers")  # all negatives are kept: the same as fst_group
    return levels[~levels["grouping"].isin(skip)]
