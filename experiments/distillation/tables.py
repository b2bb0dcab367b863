"""Students with and without distillation to one table: what the teacher adds over the labels, and what is lost.

    python experiments/distillation/tables.py --runs runs/sweeps/<date>_<time> --out experiments/distillation/results/x

Questions and their order are fixed in family.py. Differences are paired: same test images, same seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from arms import LABELS, TEACHER, StudentRun, read_students, schedule_notes
from family import ALPHA, METRICS, PRIMARY, QUESTIONS, Question

from skintag.core.errors import DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import SeedSummary, over_seeds
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, OVERALL
from skintag.evaluation.plots.forest import dodged_forest
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.differences import holm
from skintag.runs.grid.figures import differences_figure, write_png
from skintag.runs.grid.program import data_note, grid_parser, run_list, run_program
from skintag.runs.grid.runs import of_split
from skintag.runs.grid.write import interval, number, p_text, write_table

CELL = ["grouping", "group", "metric"]


def main() -> None:
    run_program(work, grid_parser(__doc__ or "").parse_args(), read=read_students)


def work(arguments: argparse.Namespace, runs: Sequence[StudentRun]) -> None:
    """Levels, what distillation adds, what students lost, figures and the list of runs."""
    grids = [r.grid for r in runs]
    of_split(grids, grids[0].split)  # the same test images and targets
    apart = {r.grid.split for r in runs} - {grids[0].split}
    if apart:
        raise DataError(
            "the runs", expected=f"one split, {grids[0].split}", found=", ".join(sorted(apart)),
            fix="name the folders of one split",
        )  # fmt: skip
    out, model = arguments.out, arguments.model
    settings = AssessmentSettings(resamples=arguments.resamples)
    note = " ".join([*(f"Mind: {said}." for said in schedule_notes(runs)), data_note(grids)]).strip()
    added = summary_of(runs, model, settings, against=LABELS)
    lost = summary_of(runs, model, settings, against=TEACHER)
    questions, losses = asked(added.differences), asked(lost.differences)
    caption = f"Mean over seeds with 95% interval (resampled patients or lesions, and seeds). {note}"
    write_table(out, "levels", lost.levels, shown_levels(lost.levels), caption=caption)
    write_table(
        out, "added", questions, shown_differences(questions),
        caption=f"Distilled minus {LABELS}: the same student, schedule, seeds and test images. p by Holm: AUROC over "
        f"all students and arms first; the others over all of them together. {note}",
    )  # fmt: skip
    write_table(
        out, "lost", losses, shown_differences(losses),
        caption="Student minus its teacher on the same test images, mean over the student's seeds. p as before. "
        f"{note}",
    )  # fmt: skip
    write_table(out, "groups", added.differences, caption=f"Distilled minus {LABELS}, all groups. {note}")
    listed = run_list(grids)
    listed.insert(1, "arm", [r.name for r in runs])
    write_table(out, "runs", listed, listed.drop(columns=["command", "name"]), caption="Runs.")
    draw(lost.levels, questions, out, data_note(grids))
    print(out)


def summary_of(
    runs: Sequence[StudentRun], model: str, settings: AssessmentSettings, *, against: str
) -> SeedSummary:
    """Levels over seeds and the differences to labels alone, or to the teacher that each arm had."""
    tables: dict[tuple[str, int], Predictions] = {}
    thresholds: dict[tuple[str, int], Mapping[str, Threshold]] = {}
    pairs: dict[tuple[str, str], None] = {}
    for run in runs:
        key = run.name, run.grid.seed
        tables[key], thresholds[key] = run.of(model)
        if against == LABELS and run.arm != LABELS:
            pairs[run.name, f"{run.student}, {LABELS}"] = None
        if against == TEACHER and TEACHER in run.grid.predictions.models:
            several = len({r.taught_by for r in runs}) > 1
            name = f"{TEACHER} ({f'{run.taught_by}, ' if several else ''}{run.kind})"
            pairs[run.name, name] = None
            tables[name, run.grid.seed], thresholds[name, run.grid.seed] = as_model(run, model)
    return over_seeds(
        tables, thresholds, pairs=list(pairs), models=[model], metrics=METRICS,
        groupings=(OVERALL, DOMAIN, FST_GROUP), settings=settings,
    )  # fmt: skip


def as_model(run: StudentRun, model: str) -> tuple[Predictions, Mapping[str, Threshold]]:
    """The teacher's rows under the student's model name, so that both stand in one comparison."""
    table, thresholds = run.of(TEACHER)
    return Predictions(table.frame.assign(model=model)), {model: thresholds[TEACHER]}


def asked(differences: pd.DataFrame) -> pd.DataFrame:
    """The rows that answer the family's questions, with Holm's p over the primary and the secondary ones."""
    parts = []
    for question in QUESTIONS:
        rows = differences[
            (differences[CELL] == [question.grouping, question.group, question.metric]).all(axis=1)
        ]
        parts.append(
            rows.assign(question=question.name, role="primary" if question == PRIMARY else "secondary")
        )
    table = pd.concat(parts, ignore_index=True)
    told = table["p_value"].where(~table["too_few"].astype(bool))
    table["p_holm"] = holm(told, table["role"])
    table["family"] = table["role"]
    table["verdict"] = [_verdict(row) for _, row in table.iterrows()]
    return table


def _verdict(row: pd.Series) -> str:
    if bool(row["too_few"]) or not np.isfinite(row["p_value"]):
        return "cannot be told"
    if row["n_seeds"] < 2:  # what another seed would give is not in the interval
        return "one seed"
    if row["p_holm"] > ALPHA:
        return "not found"
    return "better" if row["difference"] > 0 else "worse"


def shown_levels(levels: pd.DataFrame) -> pd.DataFrame:
    """A row per student and arm, teachers last, a column per question."""
    rows = []
    names = sorted(dict.fromkeys(levels["name"]), key=lambda n: (n.startswith(TEACHER), n))
    for name in names:
        part = levels[levels["name"] == name]
        teacher = name.startswith(TEACHER)  # one model, scored beside every seed of its students
        row: dict[str, object] = {
            "model": name,
            "seeds": "" if teacher else str(int(part["n_seeds"].iloc[0])),
        }
        for question in QUESTIONS:
            row |= _level(part, question, teacher)
        rows.append(row)
    shown = pd.DataFrame(rows)
    return shown[[c for c in shown if not (shown[c] == "").all()]]


def _level(part: pd.DataFrame, question: Question, teacher: bool) -> dict[str, object]:
    found = part[(part[CELL] == [question.grouping, question.group, question.metric]).all(axis=1)]
    if found.empty:
        return {question.name: ""}
    cell = found.iloc[0]
    mark = "*" if bool(cell["too_few"]) else ""
    out: dict[str, object] = {question.name: interval(cell["mean"], cell["low"], cell["high"]) + mark}
    if question == PRIMARY:
        out["seed sd"] = "" if teacher or not np.isfinite(cell["sd"]) else number(float(cell["sd"]), 4)
    return out


def shown_differences(table: pd.DataFrame) -> pd.DataFrame:
    """A row per question and arm."""
    kept = table[table["difference"].notna()]
    return pd.DataFrame({
        "question": kept["question"], "model": kept["name"], "against": kept["reference"],
        "its value": [number(float(v)) for v in kept["mean_a"]],
        "the other's": [number(float(v)) for v in kept["mean_b"]],
        "difference": [interval(v, a, b) for v, a, b in kept[["difference", "low", "high"]].to_numpy(float)],
        "seed sd": [number(float(v), 4) for v in kept["sd"]], "seeds": kept["n_seeds"].astype(int).astype(str),
        "p (Holm)": kept["p_holm"].map(p_text), "verdict": kept["verdict"],
    })  # fmt: skip


def draw(levels: pd.DataFrame, questions: pd.DataFrame, out: Path, note: str) -> None:
    """AUROC overall and by domain, arms beside one another; and what distillation adds."""
    rows = levels[(levels["metric"] == "auroc") & levels["grouping"].isin(["overall", "domain"])]
    rows = rows[rows["group"] != "between groups"].rename(columns={"mean": "value"})
    plot = dodged_forest(rows, "name", "auroc", "AUROC of students and teachers", "", "AUROC")
    write_png(plot.figure, out / "auroc.png", note)
    primary = questions[(questions["role"] == "primary") & questions["difference"].notna()]
    if len(primary):
        title = f"AUROC, distilled minus {LABELS}"
        write_png(differences_figure(primary.assign(paired=True), title), out / "added.png", note)


if __name__ == "__main__":
    main()
