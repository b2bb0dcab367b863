"""Finished ablation runs to one table: each against the full method, on the same images.

    python experiments/ablations/tables.py --runs runs/sweeps/<date>_<time> --out experiments/ablations/results

An ablation that changes the targets is scored under the reference's targets, at a threshold fitted on its own val
rows under them. One that changes the split has other test images: its difference is unpaired, and says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from skintag.core.errors import DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import over_seeds
from skintag.evaluation.decisions.thresholds import Threshold, fit_thresholds
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, OVERALL
from skintag.evaluation.predictions.predictions import Predictions
from skintag.runs.grid.figures import differences_figure, write_png
from skintag.runs.grid.program import data_note, grid_parser, run_list, run_program
from skintag.runs.grid.runs import GridRun
from skintag.runs.grid.unpaired import unpaired_differences
from skintag.runs.grid.write import interval, write_table

PREFIX, REFERENCE = "ablation_", "reference"
METRICS = ("auroc", "sensitivity", "specificity")
# what the table shows: heading, grouping, group, metric
COLUMNS = (
    ("AUROC", "overall", "all", "auroc"),
    ("AUROC dermoscopic", "domain", "dermoscopic", "auroc"),
    ("AUROC clinical", "domain", "clinical", "auroc"),
    ("AUROC smartphone", "domain", "smartphone", "auroc"),
    ("sensitivity V-VI", "fst_group", "V-VI", "sensitivity"),
    ("specificity", "overall", "all", "specificity"),
)


def main() -> None:
    run_program(work, grid_parser(__doc__ or "").parse_args())


def work(arguments: argparse.Namespace, runs: tuple[GridRun, ...]) -> None:
    """The table, its figure and the list of runs."""
    names = {r.name.removeprefix(PREFIX) for r in runs}
    if REFERENCE not in names:
        raise DataError(
            "the runs", expected=f"{PREFIX}{REFERENCE} among them", found=", ".join(sorted(names)),
            fix="skintag train -m experiment=ablation_reference seed=...",
        )  # fmt: skip
    model, out, note = arguments.model, Path(arguments.out), data_note(runs)
    home = {r.split for r in runs if r.name == PREFIX + REFERENCE}
    paired = [r for r in runs if r.split in home]
    tables, thresholds = under_one_target(paired, model)
    settings = AssessmentSettings(resamples=arguments.resamples)
    shared = {
        "models": [model],
        "metrics": METRICS,
        "groupings": (OVERALL, DOMAIN, FST_GROUP),
        "settings": settings,
    }
    summary = over_seeds(tables, thresholds, reference=REFERENCE, **shared)  # type: ignore[arg-type]
    differences = summary.differences.assign(paired=True)
    for split in dict.fromkeys(r.split for r in runs if r.split not in home):
        others = [r for r in runs if r.split == split]
        apart = over_seeds(*under_one_target(others, model), pairs=[], **shared)  # type: ignore[arg-type]
        reference = summary.levels[summary.levels["name"] == REFERENCE]
        differences = pd.concat(
            [differences, unpaired_differences(apart.levels, reference)], ignore_index=True
        )
    caption = (
        f"Each ablation minus the full method ({model}), mean over seeds with 95% interval; + p < 0.05 after Holm over "
        f"all ablations, ~ unpaired: other test images. {note}"
    )
    write_table(out, "levels", summary.levels, caption=f"Levels. {note}")
    write_table(out, "ablations", differences, shown(differences), caption=caption)
    listed = run_list(runs)
    write_table(out, "runs", listed, listed.drop(columns="command"), caption="Runs.")
    overall = differences[(differences["grouping"] == "overall") & (differences["metric"] == "auroc")]
    write_png(
        differences_figure(overall, f"AUROC minus that of the full method, {model}"), out / "auroc.png", note
    )
    print(out)


def under_one_target(
    runs: Sequence[GridRun], model: str
) -> tuple[dict[tuple[str, int], Predictions], dict[tuple[str, int], Mapping[str, Threshold]]]:
    """Each run's table and thresholds; where premalignant counts as benign, re-scored with it as malignant."""
    tables: dict[tuple[str, int], Predictions] = {}
    thresholds: dict[tuple[str, int], Mapping[str, Threshold]] = {}
    for run in runs:
        key = run.name.removeprefix(PREFIX), run.seed
        tables[key], thresholds[key] = run.predictions, run.thresholds
        if run.run.setting("labels.premalignant") == "benign":
            tables[key] = run.predictions.with_premalignant(malignant=True)
            thresholds[key] = fit_thresholds(tables[key])
    return tables, thresholds


def shown(differences: pd.DataFrame) -> pd.DataFrame:
    """A row per ablation, a column for each of `COLUMNS`."""
    rows = []
    for name, part in differences.groupby("name", sort=False):
        cells = part.set_index(["grouping", "group", "metric"])
        row = {"ablation": str(name).replace("_", " "), "seeds": int(part["n_seeds"].iloc[0])}
        for heading, *key in COLUMNS:
            row[heading] = cell(cells.loc[tuple(key)]) if tuple(key) in cells.index else cell(None)
        rows.append(row)
    return pd.DataFrame(rows)


def cell(row: pd.Series | None) -> str:
    """`-0.012 (-0.020 to -0.004)+`, a dash where it cannot be told."""
    if row is None or bool(row["too_few"]) or not np.isfinite(row["difference"]):
        return interval(float("nan"), 0, 0)
    mark = "" if row["paired"] else "~"
    return interval(row["difference"], row["low"], row["high"]) + mark + ("+" if row["p_holm"] < 0.05 else "")


if __name__ == "__main__":
    main()
