"""Runs that never saw a domain or dataset against runs that did, on the same images.

    python experiments/leave_one_out/tables.py --runs runs/sweeps/<held out> runs/sweeps/<grouped> \\
        --out experiments/leave_one_out/results

Runs with `split=leave_one_domain_out` or `leave_one_dataset_out` are the ones held out. Those with `split=grouped`,
where there are any, saw the other images of the same domain; both are compared on the images that both tested.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from skintag.core.errors import DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import SeedSummary, over_seeds
from skintag.evaluation.metrics.groups import OVERALL
from skintag.evaluation.predictions.predictions import Predictions
from skintag.runs.grid.figures import differences_figure, write_png
from skintag.runs.grid.program import data_note, grid_parser, models_of, run_list, run_program
from skintag.runs.grid.runs import GridRun
from skintag.runs.grid.write import interval, p_text, write_table

METRICS = ("auroc", "sensitivity", "specificity")
HELD, SEEN = "held out", "seen"


def main() -> None:
    run_program(work, grid_parser(__doc__ or "").parse_args())


def work(arguments: argparse.Namespace, runs: tuple[GridRun, ...]) -> None:
    """A table over all that was held out, and its figure."""
    held = [r for r in runs if r.split.startswith("leave_one_")]
    if not held:
        raise DataError(
            "the runs", expected="some with split=leave_one_domain_out or leave_one_dataset_out",
            found=", ".join(dict.fromkeys(r.split for r in runs)),
            fix="skintag train -m experiment=lodo_smartphone ...",
        )  # fmt: skip
    out, note = Path(arguments.out), data_note(runs)
    settings = AssessmentSettings(resamples=arguments.resamples)
    levels, differences = [], []
    for split, regime in dict.fromkeys((r.split, regime_of(r)) for r in held):
        summary = against_seen(
            [r for r in held if (r.split, regime_of(r)) == (split, regime)],
            [r for r in runs if r.split == "grouped" and r.name == regime],
            settings,
        )
        entry = {"held_out": split.split(" ", 1)[1], "kind": split.split("_")[2], "regime": regime}
        levels.append(summary.levels[summary.levels["name"] == HELD].assign(**entry))
        differences.append(summary.differences.assign(**entry))
    table, against = (pd.concat(part, ignore_index=True) for part in (levels, differences))
    write_table(
        out, "leave_one_out", table, shown_levels(table),
        caption=f"Tested on what was never trained on: mean over seeds, 95% interval, sd over seeds. {note}",
    )  # fmt: skip
    if len(against):
        write_table(
            out, "against_seen", against, shown_differences(against),
            caption=f"Held out minus seen, on the images that both were tested on. {note}",
        )  # fmt: skip
        rows = against[(against["model"] == arguments.model) & (against["metric"] == "auroc")].assign(
            paired=True
        )
        rows = rows.assign(name=rows["held_out"] + ", " + rows["regime"])
        if len(rows):
            title = f"AUROC lost by not having seen it, {arguments.model}"
            write_png(differences_figure(rows, title), out / "auroc.png", note)
    listed = run_list(runs)
    write_table(out, "runs", listed, listed.drop(columns="command"), caption="Runs.")
    print(out)


def regime_of(run: GridRun) -> str:
    """The regime of a run that held something out: `lodo_*` are multi_balanced."""
    return "multi_balanced" if run.name.startswith("lodo_") else run.name


def against_seen(
    held: Sequence[GridRun], seen: Sequence[GridRun], settings: AssessmentSettings
) -> SeedSummary:
    """Levels of the held-out runs, and their differences from those that saw the rest of it."""
    keyed = {(HELD, r.seed): r for r in held} | {(SEEN, r.seed): r for r in seen}
    tested = set(held[0].predictions.test(held[0].predictions.models[0]).frame["image_id"])
    return over_seeds(
        {k: only_tested(r.predictions, tested) for k, r in keyed.items()},
        {k: r.thresholds for k, r in keyed.items()},
        pairs=[(HELD, SEEN)] if seen else [],
        models=models_of(held), metrics=METRICS, groupings=(OVERALL,), settings=settings,
    )  # fmt: skip


def only_tested(predictions: Predictions, tested: set[str]) -> Predictions:
    """The table without test images that the held-out runs were not tested on."""
    frame = predictions.frame
    return Predictions(frame[(frame["split"] != "test") | frame["image_id"].isin(tested)])


def shown_levels(table: pd.DataFrame) -> pd.DataFrame:
    """A row per held-out part, regime and model."""
    rows = []
    for (held_out, regime, model), part in table.groupby(["held_out", "regime", "model"], sort=False):
        first, row = part.iloc[0], {"held out": held_out, "regime": regime, "model": model}
        row |= {"n": int(first["n"]), "malignant": int(first["n_positive"]), "seeds": int(first["n_seeds"])}
        for cell in part[part["metric"].isin(METRICS)].to_dict("records"):
            row[cell["metric"]] = interval(cell["mean"], cell["low"], cell["high"])
        rows.append(row)
    return pd.DataFrame(rows)


def shown_differences(table: pd.DataFrame) -> pd.DataFrame:
    """A row per difference."""
    kept = table[table["metric"].isin(METRICS) & table["difference"].notna()]
    return pd.DataFrame({
        "held out": kept["held_out"], "regime": kept["regime"], "model": kept["model"], "metric": kept["metric"],
        "n": kept["n"], "held out minus seen": [
            interval(v, a, b) for v, a, b in kept[["difference", "low", "high"]].to_numpy(float)
        ],
        "p (Holm)": kept["p_holm"].map(p_text),
    })  # fmt: skip


if __name__ == "__main__":
    main()
