"""Models, groups and gaps: the figures and tables of what was found."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from skintag.evaluation.bootstrap import Resamples
from skintag.evaluation.crossed import crossed_levels
from skintag.evaluation.curves import precision_recall_curve, roc_curve
from skintag.evaluation.groups import DOMAIN, FST_GROUP, Grouping
from skintag.evaluation.metrics import confusion
from skintag.evaluation.plots.confusion import confusion_plot
from skintag.evaluation.plots.curves import precision_recall_plot, roc_plot
from skintag.evaluation.plots.forest import group_forest, model_forest
from skintag.evaluation.plots.gaps import gap_plot
from skintag.evaluation.plots.heatmap import heatmap
from skintag.evaluation.plots.style import Plot, label_of
from skintag.evaluation.report.blocks import Block, Figures, Section, Text
from skintag.evaluation.report.cells import Cell, Table, count, estimate, interval, number, p_value
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.findings import FAMILY_GAPS, RULE, comparisons, family

SHOWN: Final = (
    "auroc",
    "average_precision",
    "sensitivity",
    "specificity",
    "f1_macro",
    "f1_malignant",
    "accuracy",
)
MORE: Final = (
    "balanced_accuracy", "brier", "ece", "sensitivity_at_specificity_90", "specificity_at_sensitivity_95",
)  # fmt: skip
_SHORT: Final = {
    "average_precision": "avg. precision", "f1_malignant": "F1 malignant", "f1_macro": "F1 macro",
    "balanced_accuracy": "balanced acc.", "sensitivity_at_specificity_90": "sens. at spec. 0.90",
    "specificity_at_sensitivity_95": "spec. at sens. 0.95",
}  # fmt: skip


def models_section(evidence: Evidence) -> Section:
    """All models on all test images."""
    models = _ordered(evidence)
    resamples = Resamples.of(
        evidence.test, evidence.assessment.settings.resamples, evidence.assessment.settings.seed
    )
    same = _same_images(evidence, models)
    drawn = {m: resamples if m == evidence.main else None for m in models}
    roc = {m: roc_curve(evidence.predictions.test(m), drawn[m]) for m in models}
    pr = {m: precision_recall_curve(evidence.predictions.test(m), drawn[m]) for m in models}
    n = _n(evidence)
    band = f"The band is the pointwise {_level(evidence)} interval of {evidence.main}, {_how(evidence)}."
    plots = [
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
            _overall(evidence, models), ("auroc", "sensitivity", "specificity"), "models",
            "All models, all test images",
            f"{n}. Points with {_level(evidence)} intervals, {_how(evidence)}. Overlapping intervals do not mean that "
            "two models are alike: the paired comparison below tells.",
        ),
    ]  # fmt: skip
    blocks: list[Block] = []
    sentence = comparisons(evidence)
    if sentence:
        blocks.append(Text(sentence))
    if not same:
        blocks.append(Text("The models were not all tested on the same images.", tone="bad"))
    blocks += [level_table(evidence, "models", "Test set, all images", models), Figures(plots)]
    if evidence.comparison is not None and len(evidence.comparison):
        blocks.append(comparison_table(evidence))
    return Section("models", "Models", blocks)


def groups_section(evidence: Evidence) -> Section:
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
            f"{_level(evidence)} intervals, {_how(evidence)}; hollow points stand on fewer than "
            f"{evidence.assessment.settings.minimum} and take no part in gaps. The line is the value on all test images."
        )
        if metric != "auroc":
            caption += f" One threshold for everyone, {number(t.value)}, {where}."
        plots.append(group_forest(rows, metric, f"groups_{metric}", caption))
    blocks: list[Block] = [Text(f"Figures show {evidence.main} ({evidence.main_reason})."), Figures(plots)]
    cut = [*_curves(evidence), *_crossed(evidence), confusion_figure(evidence)]
    blocks += [Figures(cut), group_table(evidence)]
    return Section("groups", "Groups", blocks)


def gaps_section(evidence: Evidence) -> Section:
    """Gaps between groups, beside what chance gives."""
    table = evidence.gaps(evidence.main)
    table = table[table["value"].notna()]
    main = table[table["gap"] != "worst_group_sensitivity"]
    skin = evidence.assessment.gaps
    skin = skin[
        (skin["grouping"] == "fst_group") & skin["gap"].isin(list(FAMILY_GAPS)) & skin["value"].notna()
    ]
    blocks: list[Block] = [Text(RULE, tone="muted")]
    told = (
        f"Gaps are the largest minus the smallest value among groups with at least "
        f"{evidence.assessment.settings.minimum} images of the classes that a value needs. The grey bar is the gap to "
        "expect if all groups were equal: it is not zero, since the largest of several noisy values always exceeds the "
        "smallest. Filled points have a permutation p-value below 0.05"
    )
    plots = []
    if len(main):
        caption = (
            f"{evidence.main}. {told}, uncorrected. Bars are {_level(evidence)} intervals, {_how(evidence)}."
        )
        plots.append(gap_plot(main, "grouping", "gap", "gaps", f"Gaps of {evidence.main}", caption))
    if skin["model"].nunique() > 1:
        caption = f"Between skin-type groups, for each model. {told}, uncorrected. Bars are {_level(evidence)} intervals."
        order = {m: i for i, m in enumerate(_ordered(evidence))}
        skin = skin.sort_values(
            ["gap", "model"], key=lambda c: c.map(order) if c.name == "model" else c, kind="stable"
        )
        plots.append(
            gap_plot(skin, "gap", "model", "gaps_skin_type", "Gaps between skin types, by model", caption)
        )
    blocks.append(
        Figures(plots) if plots else Text("No gap can be told: fewer than two groups are large enough.")
    )
    blocks += [gap_table(evidence), worst_table(evidence), pair_table(evidence)]
    return Section("gaps", "Gaps", blocks)


def level_table(evidence: Evidence, name: str, title: str, models: list[str]) -> Table:
    """Models x metrics with intervals."""
    metrics = (*SHOWN, *MORE)
    rows = []
    for model in models:
        cells = [Cell(model + (" (main)" if model == evidence.main and len(models) > 1 else ""))]
        for metric in metrics:
            row = evidence.level(model, metric)
            cells.append(estimate(row["value"], row["low"], row["high"], few=bool(row["too_few"])))
        rows.append(tuple(cells))
    note = f"{_n(evidence)}. {_level(evidence)} intervals, {_how(evidence)}. For Brier score and ECE lower is better."
    data = _overall(evidence, models)
    return Table(name, title, ("model", *(_short(m) for m in metrics)), tuple(rows), note, data)


def group_table(evidence: Evidence) -> Table:
    """Every level of the main model; the CSV file holds those of all models."""
    metrics = ("auroc", "sensitivity", "specificity", "f1_malignant", "ece")
    levels = evidence.levels(evidence.main)
    rows: list[tuple[Cell, ...]] = []
    for grouping in dict.fromkeys(levels["grouping"]):
        part = levels[levels["grouping"] == grouping]
        rows.append((Cell(label_of(str(grouping)), kind="head"), *[Cell("")] * (len(metrics) + 2)))
        for group, cells in part.groupby("group", sort=False):
            at = cells.set_index("metric")
            first = cells.iloc[0]
            values = [
                estimate(
                    at.loc[m, "value"], at.loc[m, "low"], at.loc[m, "high"], few=bool(at.loc[m, "too_few"])
                )
                for m in metrics
            ]
            counts = (Cell(count(first["n"])), Cell(count(first["n_positive"])))
            rows.append((Cell(str(group)), *counts, *values))
    headings = ("group", "n", "malignant", *(_short(m) for m in metrics))
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
        tuple(rows), f"Each model minus {evidence.main} on the same test images, with {_level(evidence)} intervals from "
        "one clustered bootstrap for both; Holm's correction over the models, metric by metric.", table, left=2,
        folded=True,
    )  # fmt: skip


def gap_table(evidence: Evidence) -> Table:
    """Gaps of the main model; the CSV file holds those of all models."""
    corrected = family(evidence).set_index(["grouping", "gap"])["p_holm"].to_dict()
    rows: list[tuple[Cell, ...]] = []
    table = evidence.gaps(evidence.main)
    for grouping, part in table[table["gap"] != "worst_group_sensitivity"].groupby("grouping", sort=False):
        if part["value"].isna().all() and not part["groups"].iloc[0] and not part["left_out"].iloc[0]:
            continue
        rows.append((Cell(label_of(str(grouping)), kind="head"), *[Cell("")] * 6))
        for _, row in part.iterrows():
            p = corrected.get((row["grouping"], row["gap"]), float("nan"))
            rows.append((
                Cell(label_of(row["gap"])), estimate(row["value"], row["low"], row["high"]),
                Cell(number(row["chance"])), Cell(p_value(row["p_value"])), Cell(p_value(p)), Cell(row["groups"] or "–"),
                Cell(row["left_out"] or "–"),
            ))  # fmt: skip
    headings = ("gap", "value", "by chance", "p", "p (Holm)", "groups", "too small")
    note = "Holm's correction covers one family of gaps, see the rule above; a dash: not in it. "
    note += "naive_low and naive_high in the CSV file are percentile limits, which never contain zero."
    data = evidence.assessment.gaps
    return Table("gaps", f"Gaps, {evidence.main}", headings, tuple(rows), note, data, folded=True)


def worst_table(evidence: Evidence) -> Table:
    """Sensitivity of the worst group, for each model and grouping."""
    gaps = evidence.assessment.gaps
    worst = gaps[(gaps["gap"] == "worst_group_sensitivity") & gaps["value"].notna()]
    groupings = list(dict.fromkeys(worst["grouping"]))
    rows = []
    for model in _ordered(evidence):
        cells = [Cell(model)]
        for grouping in groupings:
            found = worst[(worst["model"] == model) & (worst["grouping"] == grouping)]
            cells += [estimate(r["value"], r["low"], r["high"]) for _, r in found.iterrows()] or [Cell("–")]
        rows.append(tuple(cells))
    return Table(
        "worst_group", "Sensitivity of the worst group", ("model", *(label_of(g) for g in groupings)), tuple(rows),
        f"The lowest sensitivity among groups that are large enough, with {_level(evidence)} intervals.", worst,
    )  # fmt: skip


def pair_table(evidence: Evidence) -> Table:
    """Pairwise differences between groups, with simultaneous intervals."""
    pairs = evidence.assessment.pairs
    rows: list[tuple[Cell, ...]] = []
    for grouping, part in pairs[pairs["model"] == evidence.main].groupby("grouping", sort=False):
        rows.append((Cell(label_of(str(grouping)), kind="head"), *[Cell("")] * 3))
        for _, row in part.iterrows():
            apart = row["low"] > 0 or row["high"] < 0
            cell = Cell(
                number(row["difference"]), interval(row["low"], row["high"]), kind="good" if apart else ""
            )
            names = (Cell(f"{row['group_a']} minus {row['group_b']}"), Cell(label_of(row["metric"])))
            rows.append((*names, cell, Cell(interval(row["single_low"], row["single_high"]), kind="muted")))
    note = f"Limits hold for all pairs of a grouping together with {_level(evidence)} confidence; by itself: each alone."
    headings = ("groups", "metric", "difference", "by itself")
    title = f"Differences between pairs of groups, {evidence.main}"
    return Table("pairs", title, headings, tuple(rows), note, pairs, left=2, folded=True)


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
                f"{evidence.main}; in brackets malignant / all images. Bands are pointwise {_level(evidence)} intervals, "
                f"{_how(evidence)}. Groups with fewer than {settings.minimum} of a class have no curve."
            )
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
            f"{evidence.main}: {metric} with its {_level(evidence)} interval and the number of {word} images; pale where "
            f"they are fewer than {settings.minimum}. Reads along a row: skin type within a domain, so that the camera is "
            "not mistaken for the skin."
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
    if metric == "specificity":
        skip.add("fst_group_common_cancers")  # all negatives are kept: the same as fst_group
    return levels[~levels["grouping"].isin(skip)]


def _overall(evidence: Evidence, models: list[str]) -> pd.DataFrame:
    levels = evidence.assessment.levels
    levels = levels[levels["grouping"] == "overall"]
    return pd.concat([levels[levels["model"] == m] for m in models], ignore_index=True)


def _ordered(evidence: Evidence) -> list[str]:
    """The main model first, then by name."""
    return [evidence.main, *(m for m in evidence.predictions.models if m != evidence.main)]


def _same_images(evidence: Evidence, models: list[str]) -> bool:
    ids = [evidence.predictions.test(m).frame["image_id"].tolist() for m in models]
    return all(i == ids[0] for i in ids)


def _n(evidence: Evidence) -> str:
    target = evidence.test.target
    return f"n = {count(len(target))} test images, {count(target.sum())} malignant"


def _level(evidence: Evidence) -> str:
    return f"{evidence.assessment.settings.confidence:.0%}"


def _how(evidence: Evidence) -> str:
    return "clustered by patient or lesion" if evidence.clustered else "which ignore clustering"


def _short(metric: str) -> str:
    return _SHORT.get(metric, label_of(metric))
