"""What a student lost against its teacher: overall, per domain and skin type, and in triage tiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from skintag.evaluation.analyses.extra_loss import LEVEL
from skintag.evaluation.analyses.retention import Retention
from skintag.evaluation.analyses.tier_agreement import TierAgreement
from skintag.evaluation.decisions.triage import TIERS
from skintag.evaluation.plots.differences import difference_forest
from skintag.evaluation.plots.style import Plot, label_of
from skintag.evaluation.report.blocks import Block, Figures, Text
from skintag.evaluation.report.cells import (
    Cell,
    Table,
    count,
    estimate,
    marks,
    number,
    p_value,
    percent,
)
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.loss_sentences import PLOTTED, percents, retention_sentences, the_teacher
from skintag.evaluation.report.phrases import how, level_of
from skintag.evaluation.report.registry import report_section


@report_section("retention", "What the student lost", order=40)
def retention_section(evidence: Evidence) -> Sequence[Block] | None:
    """Teacher and student on the same images."""
    lost = evidence.retention
    if lost is None:
        return None
    blocks: list[Block] = [
        Text(" ".join(retention_sentences(lost))),
        _losses(evidence, lost, overall=True),
        Figures(_plots(evidence, lost)),
        _losses(evidence, lost, overall=False),
    ]
    if len(lost.fairness):
        blocks.append(_fairness(evidence, lost))
    if lost.agreement is None:
        blocks.append(
            Text("Agreement of triage tiers: there are no validation rows to fit policies on.", tone="muted")
        )
    else:
        blocks += [_agreement(evidence, lost, lost.agreement), _tiers(lost, lost.agreement)]
    return blocks


def _plots(evidence: Evidence, lost: Retention) -> list[Plot]:
    plots = []
    for metric in PLOTTED:
        rows = lost.losses[(lost.losses["metric"] == metric) & (lost.losses["group"] != "between groups")]
        rows = rows[rows["difference"].notna()]
        if rows.empty:
            continue
        more = lost.fairness[(lost.fairness["metric"] == metric) & (lost.fairness["verdict"] == "lost more")]
        told = [key in set(zip(more["grouping"], more["group"], strict=True))
                for key in zip(rows["grouping"], rows["group"], strict=True)]  # fmt: skip
        shown = rows.assign(value=rows["difference"], told=told, count=_counts(rows, metric))
        caption = (
            f"{lost.student} minus {lost.teacher} on the same images; left of the line the student is worse. In "
            f"brackets the number of images that the value stands on. Bars are {level_of(evidence)} intervals, paired, "
            f"{how(evidence)}; hollow points stand on too few images. Red: lost more than the other groups (p after "
            f"Holm below {LEVEL})."
        )
        name = label_of(metric)
        title = f"{name[:1].upper()}{name[1:]}: student minus teacher"
        plots.append(difference_forest(shown, f"retention_{metric}", title, caption, f"difference of {name}"))
    return plots


def _counts(rows: pd.DataFrame, metric: str) -> list[str]:
    ill, well = rows["n_positive"], rows["n"] - rows["n_positive"]
    if metric in ("sensitivity", "specificity"):
        return [count(n) for n in (ill if metric == "sensitivity" else well)]
    return [f"{count(p)}/{count(n)}" for p, n in zip(ill, rows["n"], strict=True)]


def _losses(evidence: Evidence, lost: Retention, *, overall: bool) -> Table:
    table = lost.losses
    chosen = table[(table["grouping"] == "overall") == overall]
    rows: list[tuple[Cell, ...]] = []
    for (grouping, group), part in chosen.groupby(["grouping", "group"], sort=False):
        if not overall:
            rows.append((Cell(f"{label_of(str(grouping))}: {group}", kind="head"), *[Cell("")] * 6))
        for _, row in part.iterrows():
            told = np.isfinite(row["p_holm"]) and row["p_holm"] < LEVEL
            rows.append((
                Cell(label_of(str(row["metric"]))), Cell(count(row["n"])), Cell(count(row["n_positive"])),
                Cell(number(row["value_teacher"])), Cell(number(row["value_student"])),
                estimate(row["difference"], row["low"], row["high"], few=bool(row["too_few"])),
                Cell(p_value(row["p_holm"]), kind=("bad" if row["difference"] < 0 else "good") if told else ""),
            ))  # fmt: skip
    note = (
        f"Student minus teacher on the same test images, with paired {level_of(evidence)} intervals, {how(evidence)}; "
        "each at its own threshold, fitted on its val rows. Gaps between groups have no interval of their difference."
    )
    headings = ("metric", "n", "malignant", lost.teacher, lost.student, "difference", "p (Holm)")
    name, title = (
        ("retention", "Teacher and student, all images")
        if overall
        else ("retention_groups", "Teacher and student in every group")
    )
    return Table(name, title, headings, tuple(rows), note, chosen, folded=not overall)


def _fairness(evidence: Evidence, lost: Retention) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for metric, part in lost.fairness.groupby("metric", sort=False):
        rows.append((Cell(label_of(str(metric)), kind="head"), *[Cell("")] * 6))
        for _, row in part.iterrows():
            kind = {"lost more": "bad", "lost less": "good", "too few": "muted"}.get(row["verdict"], "")
            rows.append((
                Cell(f"{label_of(str(row['grouping']))}: {row['group']}"), Cell(count(row["n"])),
                Cell(number(row["loss"])), Cell(number(row["loss_rest"])),
                estimate(row["extra_loss"], row["low"], row["high"], few=bool(row["too_few"])),
                Cell(p_value(row["p_holm"])), Cell(str(row["verdict"]), kind=kind),  # type: ignore[arg-type]
            ))  # fmt: skip
    note = (
        "Loss is teacher minus student; the rest are the other groups of the same grouping together. Extra loss: how "
        f"much more the group lost, with a paired {level_of(evidence)} interval, {how(evidence)}; p by Holm over all "
        "groups that are large enough, metric by metric. Not told apart does not mean equal: read the interval."
    )
    headings = ("group", "n", "loss", "loss in the rest", "extra loss", "p (Holm)", "verdict")
    title = "Whether any group lost more than the others"
    return Table("retention_fairness", title, headings, tuple(rows), note, lost.fairness)


def _agreement(evidence: Evidence, lost: Retention, agreement: TierAgreement) -> Table:
    rows = []
    for _, row in agreement.groups.iterrows():
        doubtful = bool(row["doubtful"])
        few = marks(few=bool(row["too_few"]), doubtful=doubtful)
        name = "all test images" if row["grouping"] == "overall" else str(row["group"])
        kappa = estimate(
            row["kappa"],
            row["kappa_low"],
            row["kappa_high"],
            few=bool(row["too_few"]),
            doubtful=doubtful,
            digits=2,
        )
        rows.append((
            Cell(name), Cell(count(row["n"])), Cell(count(row["n_malignant"])),
            Cell(percent(row["agreement"]), percents(row, "agreement"), few), kappa,
            Cell(percent(row["lower"]), percents(row, "lower"), few),
            Cell(percent(row["higher"]), percents(row, "higher"), few),
            Cell(count(row["n_dangerous"]), f"{count(row['n_dangerous_malignant'])} malignant",
                 kind="bad" if row["n_dangerous_malignant"] else ""),
            Cell(count(row["n_newly_missed"]), f"{count(row['n_newly_caught'])} the other way"),
        ))  # fmt: skip
    headings = (
        "group", "n", "malignant", "same tier", "kappa", "student lower", "student higher", "HIGH to LOW",
        "malignancies newly in LOW",
    )  # fmt: skip
    note = (
        f"{_policies(lost)} {level_of(evidence)} intervals, {how(evidence)}. HIGH to LOW: {the_teacher(lost)} "
        f"says HIGH, {lost.student} says LOW."
    )
    title = "Agreement of triage tiers"
    return Table("retention_tiers", title, headings, tuple(rows), note, agreement.groups)


def _tiers(lost: Retention, agreement: TierAgreement) -> Table:
    cells = agreement.table.set_index(["teacher", "student"])
    rows = []
    for tier in TIERS:
        row = [Cell(f"{lost.teacher} {tier}")]
        for other in TIERS:
            at: Any = cells.loc[(tier, other)]
            bad = (tier, other) == ("HIGH", "LOW") and at["n"]
            row.append(
                Cell(count(at["n"]), f"{count(at['n_malignant'])} malignant", kind="bad" if bad else "")
            )
        rows.append(tuple(row))
    headings = ("", *(f"{lost.student} {tier}" for tier in TIERS))
    return Table(
        "retention_table", "Tiers of all test images", headings, tuple(rows), _policies(lost), agreement.table
    )


def _policies(lost: Retention) -> str:
    said = [
        f"{name}: LOW below {number(p.low, 2)}, HIGH above {number(p.high, 2)}"
        for name, p in lost.policies.items()
    ]
    return f"Bounds fitted on each model's own val rows ({'; '.join(said)})."
