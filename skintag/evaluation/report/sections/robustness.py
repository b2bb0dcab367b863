"""What distorted pictures do to the models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.plots.robustness import robustness_plot
from skintag.evaluation.plots.style import Plot
from skintag.evaluation.report.blocks import Block, Figures, Text
from skintag.evaluation.report.cells import Cell, Table, count, estimate, interval, number, words
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.phrases import how, level_of, short
from skintag.evaluation.report.registry import report_section

_FEW: Final = 4  # models that one figure can hold


@report_section("robustness", "Robustness", order=90)
def robustness_section(evidence: Evidence) -> Sequence[Block]:
    """Metrics under each distortion, at the threshold frozen on clean val."""
    table = evidence.robustness
    if table is None:
        text = "The test images have not been distorted and scored."
        if evidence.origin.run:
            text += f" skintag robustness run={evidence.origin.run} does, then make this report again."
        return [Text(text, tone="muted")]
    table = table[table["grouping"] == "overall"]
    models = [m for m in dict.fromkeys([evidence.main, *table["model"]]) if m in set(table["model"])]
    plots = [_plot(evidence, table, models[:1], metric) for metric in ("auroc", "sensitivity", "specificity")]
    if len(models) > 1:
        plots.insert(1, _plot(evidence, table, models[:_FEW], "auroc", "_models"))
    blocks = (Text(_sentence(table, models[0])), Figures(plots), _table(evidence, table, models[0]))
    return blocks


def _sentence(table: pd.DataFrame, model: str) -> str:
    rows = table[(table["model"] == model) & (table["metric"] == "auroc") & (table["distortion"] != "clean")]
    worse = rows[(rows["p_holm"] < 0.05) & (rows["change"] < 0)].sort_values("change")
    if worse.empty:
        return f"No distortion lowers the AUROC of {model} by more than resampling explains (Holm over distortions)."
    names = [
        f"{_name(r['distortion'])} ({number(r['change'], 2)}, {interval(r['change_low'], r['change_high'], 2)})"
        for _, r in worse.iterrows()
    ]
    return (
        f"The AUROC of {model} falls under {words(names)}; {len(rows) - len(worse)} of {len(rows)} distortions do no "
        "harm that resampling does not explain (paired differences to clean, Holm over distortions)."
    )


def _plot(evidence: Evidence, table: pd.DataFrame, models: list[str], metric: str, suffix: str = "") -> Plot:
    rows = table[(table["metric"] == metric) & table["model"].isin(models)]
    rows = rows.sort_values("model", key=lambda c: c.map({m: i for i, m in enumerate(models)}), kind="stable")
    scored, total = int(rows["n"].iloc[0]), len(evidence.test)
    n = count(scored) if scored == total else f"{count(scored)} of {count(total)}"
    frozen = "" if metric == "auroc" else " at the threshold frozen on clean val"
    caption = (
        f"{words(models)} on {n} test images{frozen}. Bars are {level_of(evidence)} intervals, {how(evidence)}; lines "
        "mark the clean images. The paired differences in the table say how much is lost, overlapping bars do not."
    )
    name = "AUROC" if metric == "auroc" else metric.capitalize()
    title = f"{name} under distortions" + (", by model" if suffix else "")
    return robustness_plot(rows, metric, f"robustness_{metric}{suffix}", title, caption)


def _table(evidence: Evidence, table: pd.DataFrame, model: str) -> Table:
    own, metrics = table[table["model"] == model], listed("robustness")
    rows = []
    for distortion, part in own.groupby("distortion", sort=False):
        at: Any = part.set_index("metric")
        severity = part["severity"].iloc[0]
        told = "" if pd.isna(severity) else f"{severity:g}" if isinstance(severity, float) else str(severity)
        cells = [Cell(_name(str(distortion))), Cell(told)]
        for metric in metrics:
            row = at.loc[metric]
            few, doubtful = bool(row["too_few"]), bool(row["doubtful"])
            cells.append(estimate(row["value"], row["low"], row["high"], few=few, doubtful=doubtful))
        change = at.loc["auroc"]
        clear = np.isfinite(change["p_holm"]) and change["p_holm"] < 0.05 and change["change"] < 0
        lost = estimate(change["change"], change["change_low"], change["change_high"])
        cells.append(Cell(lost.text, lost.small, kind="bad" if clear else lost.kind))
        rows.append(tuple(cells))
    headings = ("distortion", "severity", *(short(m) for m in metrics), "AUROC minus clean")
    note = f"{level_of(evidence)} intervals, {how(evidence)}; red where a loss is distinguishable from none after Holm."
    return Table("robustness", f"Robustness, {model}", headings, tuple(rows), note, table, folded=True)


def _name(distortion: str) -> str:
    return distortion.replace("_", " ")
