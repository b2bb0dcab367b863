"""What a score promises against what comes true, before and after calibration on val."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from skintag.evaluation.analyses.reliability import UNCALIBRATED, reliability
from skintag.evaluation.decisions.calibration import calibrated
from skintag.evaluation.metrics.groups import OVERALL
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.plots.forest import dodged_forest
from skintag.evaluation.plots.reliability import reliability_plot
from skintag.evaluation.plots.style import Plot
from skintag.evaluation.report.blocks import Block, Figures, Text
from skintag.evaluation.report.cells import Cell, Table, estimate, number
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.phrases import how, level_of, ordered, sample, short
from skintag.evaluation.report.registry import report_section
from skintag.evaluation.statistics.bootstrap import Resamples

NAMES: Final = {UNCALIBRATED: "as given", "temperature": "temperature", "isotonic": "isotonic"}


@report_section("calibration", "Calibration", order=70)
def calibration_section(evidence: Evidence) -> Sequence[Block]:
    """Reliability of the main model, ECE per group, and all models before and after."""
    plots = [_reliability(evidence)]
    blocks: list[Block] = []
    table = evidence.calibration
    if table is None:
        reason = evidence.missing.get("calibration of scores", "")
        blocks += [Text(f"Scores are shown as given: {reason}.", tone="muted"), Figures(plots)]
        return blocks
    plots.append(_groups(evidence, table))
    blocks += [
        Text(_sentence(evidence, table)),
        Figures(plots),
        _models(evidence, table),
        _by_group(evidence, table),
    ]
    return blocks


def _sentence(evidence: Evidence, table: pd.DataFrame) -> str:
    rows = table[
        (table["model"] == evidence.main) & (table["grouping"] == "overall") & (table["metric"] == "ece")
    ]
    at: Any = rows.set_index("calibration")
    before = at.loc[UNCALIBRATED]
    parts = [f"{number(before['value'])} as given"]
    parts += [f"{number(at.loc[kind, 'value'])} after {kind}" for kind in at.index if kind != UNCALIBRATED]
    return (
        f"The expected calibration error of {evidence.main} on test images is {', '.join(parts)} calibration fitted on "
        f"val; perfectly calibrated scores like these would show {number(before['expected'])} by chance."
    )


def _reliability(evidence: Evidence) -> Plot:
    rows = evidence.test
    s = evidence.assessment.settings
    resamples = Resamples.of(rows, s.resamples, s.seed)
    versions = {NAMES[UNCALIBRATED]: rows}
    for kind, by_model in evidence.calibrations.items():
        versions[f"{NAMES.get(kind, kind)}, fitted on val"] = calibrated(rows, by_model[evidence.main])
    bins = {
        label: reliability(version, resamples, groupings=(OVERALL,), confidence=s.confidence)
        for label, version in versions.items()
    }
    caption = (
        f"{evidence.main}, {sample(evidence)}. Each point is one of 15 bins of the score, with its "
        f"{level_of(evidence)} interval, {how(evidence)}; on the diagonal, 30% of "
        "images with a score of 0.3 are malignant. Dotted intervals stand on few independent patients and may miss "
        "their confidence. Below: how many images have which score."
    )
    return reliability_plot(bins, "reliability", "Reliability", caption)


def _groups(evidence: Evidence, table: pd.DataFrame) -> Plot:
    rows = table[(table["model"] == evidence.main) & (table["metric"] == "ece")]
    rows = rows.assign(
        group=rows["group"].where(rows["grouping"] != "overall", "all test images"),
        calibration=rows["calibration"].map(NAMES),
    )
    caption = (
        f"{evidence.main}. Bars are {level_of(evidence)} intervals, {how(evidence)}. ECE is above zero by chance "
        "alone, and more so in small groups: the table below gives the value to expect of perfect scores, and "
        "what is left without that bias (debiased)."
    )
    title = "Calibration error by group"
    return dodged_forest(
        rows, "calibration", "calibration_groups", title, caption, "expected calibration error"
    )


def _models(evidence: Evidence, table: pd.DataFrame) -> Table:
    rows = table[table["grouping"] == "overall"]
    kinds, metrics = list(dict.fromkeys(rows["calibration"])), listed("calibration")
    cells = []
    for model in ordered(evidence):
        at: Any = rows[rows["model"] == model].set_index(["metric", "calibration"])
        values = [at.loc[(metric, kind)] for metric in metrics for kind in kinds]
        expected = Cell(number(at.loc[("ece", UNCALIBRATED), "expected"]))
        shown = [estimate(v["value"], v["low"], v["high"], doubtful=bool(v["note"])) for v in values]
        cells.append((Cell(model), expected, *shown))
    headings = ("model", "ECE by chance", *(f"{short(m)} {NAMES[kind]}" for m in metrics for kind in kinds))
    note = f"{sample(evidence)}. Fitted on val. By chance: the ECE of perfectly calibrated scores like these."
    return Table("calibration", "Calibration of all models", headings, tuple(cells), note, table)


def _by_group(evidence: Evidence, table: pd.DataFrame) -> Table:
    rows = table[(table["model"] == evidence.main) & (table["metric"] == "ece")]
    kinds = list(dict.fromkeys(rows["calibration"]))
    cells = []
    for (_, group), part in rows.groupby(["grouping", "group"], sort=False):
        at: Any = part.set_index("calibration")
        first = at.loc[UNCALIBRATED]
        shown = [
            estimate(
                at.loc[kind, "value"],
                at.loc[kind, "low"],
                at.loc[kind, "high"],
                few=bool(at.loc[kind, "too_few"]),
                doubtful=bool(at.loc[kind, "note"]),
            )
            for kind in kinds
        ]
        cells.append(
            (
                Cell(str(group)),
                Cell(f"{int(first['n']):,}"),
                Cell(number(first["expected"])),
                Cell(number(first["debiased"])),
                *shown,
            )
        )
    headings = ("group", "n", "by chance", "debiased, as given", *(NAMES[kind] for kind in kinds))
    title = f"ECE by group, {evidence.main}"
    return Table("calibration_groups", title, headings, tuple(cells), data=rows, folded=True)
