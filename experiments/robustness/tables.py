"""Runs whose test images were scored under the eleven distortions, to one table per regime.

    skintag robustness run=runs/sweeps/<date>_<time>
    python experiments/robustness/tables.py --runs runs/sweeps/<date>_<time> --out experiments/robustness/results

Thresholds are those fitted on clean val images. Changes are paired with the clean images of the same runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from skintag.core.errors import DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.robustness import CLEAN
from skintag.evaluation.analyses.seeds import SeedSummary, over_seeds
from skintag.evaluation.metrics.groups import OVERALL
from skintag.evaluation.plots.forest import dodged_forest
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.predictions.schema import COLUMNS, EXTENDED_COLUMN
from skintag.runs.grid.figures import write_png
from skintag.runs.grid.program import data_note, grid_parser, run_list, run_program
from skintag.runs.grid.runs import GridRun, of_split
from skintag.runs.grid.write import interval, p_text, write_table

METRICS = ("accuracy", "f1_macro", "auroc", "sensitivity", "specificity")


def main() -> None:
    run_program(work, grid_parser(__doc__ or "").parse_args())


def work(arguments: argparse.Namespace, runs: tuple[GridRun, ...]) -> None:
    """A folder per split: levels under each distortion, changes against clean, curves."""
    scored = [r for r in runs if (r.run.path / "robustness.parquet").is_file()]
    if not scored:
        raise DataError(
            "the runs", expected="robustness.parquet in some of them", found="none",
            fix="skintag robustness run=<folder>",
        )  # fmt: skip
    out, note = Path(arguments.out), data_note(scored)
    settings = AssessmentSettings(resamples=arguments.resamples)
    for split in dict.fromkeys(r.split for r in scored):
        folder, levels, changes = out / split.replace(" ", "_"), [], []
        chosen = of_split(scored, split)
        for regime in dict.fromkeys(r.name for r in chosen):
            summary = under_distortions([r for r in chosen if r.name == regime], arguments.model, settings)
            levels.append(summary.levels.assign(regime=regime))
            changes.append(summary.differences.assign(regime=regime))
        table, change = (pd.concat(part, ignore_index=True) for part in (levels, changes))
        caption = f"{arguments.model}, mean over seeds, thresholds frozen on clean val; 95% intervals. {note}"
        write_table(folder, "levels", table, shown_levels(table), caption=caption)
        write_table(
            folder, "changes", change, shown_changes(change),
            caption=f"Distorted minus clean, the same images; p adjusted over the distortions (Holm). {note}",
        )  # fmt: skip
        for metric in ("auroc", "sensitivity", "specificity"):
            rows = table[table["metric"] == metric].assign(group=table["name"], value=table["mean"])
            title = f"{metric} under distortion, {arguments.model}"
            plot = dodged_forest(rows, "regime", metric, title, "", metric)
            write_png(plot.figure, folder / f"{metric}.png", note)
    listed = run_list(scored)
    write_table(out, "runs", listed, listed.drop(columns="command"), caption="Runs.")
    print(out)


def under_distortions(runs: Sequence[GridRun], model: str, settings: AssessmentSettings) -> SeedSummary:
    """Levels of one regime under each distortion over its seeds, and the changes against clean."""
    tables: dict[tuple[str, int], Predictions] = {}
    for run in runs:
        frame = run.run.robustness
        frame = frame[frame["model"] == model]
        for distortion, rows in frame.groupby("distortion", sort=False):
            tables[str(distortion), run.seed] = Predictions(
                rows[[c for c in (*COLUMNS, EXTENDED_COLUMN) if c in rows]]
            )
    by_seed: Mapping[int, GridRun] = {r.seed: r for r in runs}
    return over_seeds(
        tables,
        {key: by_seed[key[1]].thresholds for key in tables},
        reference=CLEAN, models=[model], metrics=METRICS, groupings=(OVERALL,), settings=settings,
    )  # fmt: skip


def shown_levels(table: pd.DataFrame) -> pd.DataFrame:
    """A row per regime and distortion."""
    rows = []
    for (regime, name), part in table.groupby(["regime", "name"], sort=False):
        cells = {c["metric"]: interval(c["mean"], c["low"], c["high"]) for c in part.to_dict("records")}
        rows.append({
            "regime": regime, "distortion": str(name).replace("_", " "), "seeds": int(part["n_seeds"].iloc[0]),
            **{m: cells[m] for m in METRICS},
        })  # fmt: skip
    return pd.DataFrame(rows)


def shown_changes(table: pd.DataFrame) -> pd.DataFrame:
    """A row per regime, distortion and metric."""
    kept = table[table["metric"].isin(METRICS) & table["difference"].notna()]
    return pd.DataFrame({
        "regime": kept["regime"], "distortion": kept["name"].str.replace("_", " "), "metric": kept["metric"],
        "change": [interval(v, a, b) for v, a, b in kept[["difference", "low", "high"]].to_numpy(float)],
        "p (Holm)": kept["p_holm"].map(p_text),
    })  # fmt: skip


if __name__ == "__main__":
    main()
