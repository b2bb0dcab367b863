"""The tables of a page that shows several runs side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from skintag.evaluation.metrics.registry import WORST, gaps, listed
from skintag.evaluation.plots.style import label_of
from skintag.evaluation.report.cells import UNDEFINED, Cell, Table, estimate, number, p_value
from skintag.evaluation.report.gather_runs import RunsEvidence


def overall_table(evidence: RunsEvidence, overall: pd.DataFrame) -> Table:
    """Levels on all test images: models as headings, a row per name."""
    metrics = listed("runs")
    rows: list[tuple[Cell, ...]] = []
    for model in evidence.models:
        rows.append((Cell(model, kind="head"), *[Cell("")] * (1 + 2 * len(metrics))))
        for name in evidence.names:
            at: Any = overall[(overall["model"] == model) & (overall["name"] == name)].set_index("metric")
            cells = [Cell(name), Cell(str(int(at["n_seeds"].iloc[0])))]
            for metric in metrics:
                row = at.loc[metric]
                cells += [
                    estimate(
                        row["mean"],
                        row["low"],
                        row["high"],
                        few=bool(row["too_few"]),
                        doubtful=bool(row["doubtful"]),
                    ),
                    Cell(number(row["sd"])),
                ]
            rows.append(tuple(cells))
    headings = ("name", f"{evidence.repeat}s", *(h for metric in metrics for h in (label_of(metric), "sd")))
    what = f"{evidence.repeat}s"
    note = f"Means over {what} with intervals; sd: standard deviation over {what}, a dash where there is one."
    return Table("runs_levels", "All test images", headings, tuple(rows), note, evidence.levels)


def gaps_table(evidence: RunsEvidence) -> Table:
    """Gaps of the main model between domains and between skin types, a row per name."""
    levels = evidence.levels
    shown = [
        gap.name for gap in gaps().values() if len(gap.metrics) == 1 and gap.metrics[0] in listed("runs")
    ]
    wanted = [*shown, WORST]
    rows: list[tuple[Cell, ...]] = []
    for grouping in ("domain", "fst_group"):
        part = levels[(levels["grouping"] == grouping) & (levels["model"] == evidence.main)]
        part = part[part["metric"].isin(wanted)]
        if part.empty:
            continue
        rows.append((Cell(label_of(grouping), kind="head"), *[Cell("")] * len(wanted)))
        for name in evidence.names:
            at: Any = part[part["name"] == name].set_index("metric")
            cells = [
                estimate(at.loc[m, "mean"], at.loc[m, "low"], at.loc[m, "high"])
                if m in at.index
                else Cell(UNDEFINED)
                for m in wanted
            ]
            rows.append((Cell(name), *cells))
    headings = ("name", *(label_of(m) for m in wanted))
    note = "Whether a gap is more than chance is told by each run's own report."
    return Table("runs_gaps", f"Gaps, {evidence.main}", headings, tuple(rows), note, folded=True)


def difference_table(table: pd.DataFrame, name: str, title: str, *, repeat: str, folded: bool) -> Table:
    """Differences to the reference: models as headings, a row per name and metric."""
    rows: list[tuple[Cell, ...]] = []
    for model, part in table.groupby("model", sort=False):
        rows.append((Cell(str(model), kind="head"), *[Cell("")] * 7))
        for _, row in part.iterrows():
            told = np.isfinite(row["p_holm"]) and row["p_holm"] < 0.05
            noise = (
                UNDEFINED
                if pd.isna(row["exceeds_seed_noise"])
                else "yes"
                if row["exceeds_seed_noise"]
                else "no"
            )
            where = (
                label_of(row["metric"])
                if row["group"] == "all"
                else f"{label_of(row['metric'])}, {row['group']}"
            )
            rows.append((
                Cell(str(row["name"])), Cell(where),
                estimate(row["difference"], row["low"], row["high"], few=bool(row["too_few"])), Cell(number(row["sd"])),
                Cell(str(int(row["n_seeds"]))), Cell(noise), Cell(p_value(row["p_value"])),
                Cell(p_value(row["p_holm"]), kind="good" if told else ""),
            ))  # fmt: skip
    headings = (
        "name",
        "metric",
        "difference",
        f"sd over {repeat}s",
        f"{repeat}s",
        f"beyond {repeat} noise",
        "p",
        "p (Holm)",
    )
    note = f"Beyond {repeat} noise: whether the interval over {repeat}s alone leaves out 0; a dash with one {repeat}."
    return Table(name, title, headings, tuple(rows), note, table, left=2, folded=folded)
