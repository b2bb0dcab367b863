"""Finished runs of the domain-shift grid to tables, figures and findings.

    python experiments/domain_shift/tables.py --runs runs/sweeps/<date>_<time> --out experiments/domain_shift/results/x

Several sweeps stand behind one another; each split gets a folder of its own, and where `grouped` and `stratified`
are both there, a table says what the leak is worth.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from findings_text import findings_text, outcome, planted
from frames import (
    SHOWN,
    contrast_rows,
    drop_rows,
    gap_rows,
    shown_differences,
    shown_gaps,
    shown_leak,
    shown_levels,
    shown_rulers,
)
from omegaconf import OmegaConf
from questions import questions, without_rulers
from study import BALANCED, MULTI, SINGLE, Study

from skintag.core.io import write_bytes
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import SeedSummary, over_seeds
from skintag.evaluation.metrics.groups import DATASET, DOMAIN, FST_GROUP, OVERALL
from skintag.evaluation.plots.forest import dodged_forest
from skintag.runs.grid.figures import findings_figure, write_png
from skintag.runs.grid.findings import Evidence, Rules, judge
from skintag.runs.grid.program import data_note, grid_parser, models_of, run_list, run_program
from skintag.runs.grid.runs import GridRun, of_split
from skintag.runs.grid.unpaired import unpaired_differences
from skintag.runs.grid.write import write_table

PAIRS = ((MULTI, SINGLE), (BALANCED, MULTI))
GAP_MODELS = ("head", "xgboost_finetuned")
TRUTH = "the benchmark's truth.csv, which says where they are, does not lie beside it any more"
ADJUSTED = "95% intervals from resampled patients and lesions, of the mean over seeds"


def main() -> None:
    parser = grid_parser(__doc__ or "")
    parser.add_argument(
        "--attributes",
        type=Path,
        help="CSV with image_id and further columns; default: the benchmark's truth",
    )
    parser.add_argument("--permutations", type=int, default=2000, help="of groups among clusters, per gap")
    run_program(work, parser.parse_args())


def work(arguments: argparse.Namespace, runs: tuple[GridRun, ...]) -> None:
    """All tables of all splits."""
    out: Path = arguments.out
    order = {SINGLE: 0, MULTI: 1, BALANCED: 2}
    runs = tuple(sorted(runs, key=lambda r: (r.split, order.get(r.name, 3), r.name, r.seed)))
    listed = run_list(runs)
    write_table(out, "runs", listed, listed.drop(columns="command"), caption="Runs.")
    levels = {}
    for split in dict.fromkeys(r.split for r in runs):
        folder = out / split.replace(" ", "_")
        levels[split] = one_split(of_split(runs, split), folder, arguments)
        print(f"{split}: {folder}")
    if {"grouped", "stratified"} <= set(levels):
        leak = unpaired_differences(levels["stratified"], levels["grouped"], on=("name",))
        write_table(
            out,
            "leak",
            leak,
            shown_leak(leak),
            caption=f"Stratified (leaky) against grouped split. {data_note(runs)}",
        )


def one_split(runs: Sequence[GridRun], folder: Path, arguments: argparse.Namespace) -> pd.DataFrame:
    """The tables, figures and findings of one split; returns its levels."""
    note, models = data_note(runs), models_of(runs)
    summary = summary_of(runs, models, arguments.resamples)
    write_table(
        folder, "levels", summary.levels, shown_levels(summary.levels),
        caption=f"Mean and standard deviation over seeds; {ADJUSTED}. * too few images. {note}",
    )  # fmt: skip
    if len(summary.differences):
        write_table(
            folder, "differences", summary.differences, shown_differences(summary.differences),
            caption="Paired differences between regimes; p adjusted over the groups of each model, grouping and metric "
            f"(Holm). {note}",
        )  # fmt: skip
    attributes = attributes_of(runs, arguments.attributes)
    settings = AssessmentSettings(resamples=arguments.resamples, permutations=arguments.permutations)
    gaps, rulers = gap_rows(runs, [m for m in GAP_MODELS if m in models], attributes, settings)
    write_table(
        folder, "gaps", gaps, shown_gaps(gaps),
        caption="Gaps between groups in each seed, beside the gap to expect by chance and the permutation p. Raw gaps: "
        f"what groups are ill with is not adjusted for. {note}",
    )  # fmt: skip
    if len(rulers):
        caption = f"Dermoscopic images with and without a ruler, in each seed. {note}"
        write_table(folder, "rulers", rulers, shown_rulers(rulers), caption=caption)
    model = arguments.model if arguments.model in models else models[0]
    study = Study.of(runs, model, attributes=attributes, resamples=arguments.resamples)
    drops = drop_rows(study)
    if len(drops):
        write_table(
            folder, "drops", drops,
            caption=f"AUROC of {model} over the conditions that a domain shares with dermoscopy; {ADJUSTED}. {note}",
        )  # fmt: skip
    answer(study, models, runs, folder, note)
    draw(summary.levels, model, folder, note)
    return summary.levels


def summary_of(runs: Sequence[GridRun], models: Sequence[str], resamples: int) -> SeedSummary:
    """Levels and differences of the regimes over seeds, all on the same resamples."""
    names = {r.name for r in runs}
    return over_seeds(
        {(r.name, r.seed): r.predictions for r in runs},
        {(r.name, r.seed): r.thresholds for r in runs},
        pairs=[pair for pair in PAIRS if set(pair) <= names],
        models=models, metrics=SHOWN, groupings=(OVERALL, DOMAIN, DATASET, FST_GROUP),
        settings=AssessmentSettings(resamples=resamples),
    )  # fmt: skip


def answer(study: Study, models: Sequence[str], runs: Sequence[GridRun], folder: Path, note: str) -> None:
    """Judge the questions of the study's model, and show the same contrasts for the other models."""
    rules = Rules()
    asked = questions(study)
    if not asked:
        return
    knobs = planted_knobs(runs)
    gone = [] if knobs is None else without_rulers(study)  # of photographs nobody ever knew
    judged = judge({q.name: Evidence.of(q.per_seed) for q in asked}, rules, gone)
    if knobs is not None:
        plants = [planted(q, knobs) for q in asked]
        found = [outcome(p, v) for p, v in zip(plants, judged["verdict"], strict=False)]
        judged["planted"] = [*plants, *("not asked" for _ in gone)]
        judged["outcome"] = [*found, *("not asked" for _ in gone)]
    write_table(
        folder, "questions", judged, contrast_rows(judged), caption=f"Questions to {study.model}. {note}"
    )
    notes = [
        f"Model: {study.model}; runs: {', '.join(f'{n} x {len(r)} seed(s)' for n, r in study.runs.items())}; "
        f"split: {runs[0].split}; {len(study.frame):,} test images.",
        note,
        *(
            [f"{len(gone)} questions about rulers are not asked, but count in Holm's correction: {TRUTH}."]
            if gone
            else []
        ),
        *([f"Planted: {', '.join(f'{k} {v:g}' for k, v in knobs.items())}."] if knobs else []),
    ]
    text = findings_text(asked, judged, title=f"Findings, split {runs[0].split}", notes=notes, rules=rules)
    write_bytes(folder / "findings.md", text.encode())
    write_png(findings_figure(judged, f"Questions to {study.model}"), folder / "questions.png", note)
    others = []
    for model in models:
        if model not in (study.model, "majority"):
            again = Study(study.runs, model, study.frame, study.rows)
            table = judge({q.name: Evidence.of(q.per_seed) for q in questions(again)}, rules, gone)
            others.append(contrast_rows(table, model=model))
    if others:
        table = pd.concat(others, ignore_index=True)
        caption = f"The same questions to the other models, each a family of its own (secondary). {note}"
        write_table(folder, "questions_other_models", table, caption=caption)


def attributes_of(runs: Sequence[GridRun], given: Path | None) -> pd.DataFrame | None:
    """Further columns by image_id: the given CSV, or the benchmark's truth where it still lies there."""
    path = given
    if path is None and OmegaConf.select(runs[0].run.config, "data.synthetic.out"):
        path = runs[0].run.resolved(runs[0].run.setting("data.synthetic.out")) / "truth.csv"
    if path is None or not path.is_file():
        return None
    table = pd.read_csv(path, keep_default_na=False).set_index("image_id")
    return table[[c for c in ("ruler",) if c in table]] if given is None else table


def planted_knobs(runs: Sequence[GridRun]) -> Mapping[str, float] | None:
    """The benchmark's knobs that plant an effect; None where the data are not drawn."""
    synthetic = OmegaConf.select(runs[0].run.config, "data.synthetic")
    if not synthetic:
        return None
    return {k: float(synthetic[k]) for k in ("domain_gap", "shortcut", "dark_skin_contrast")}


def draw(levels: pd.DataFrame, model: str, folder: Path, note: str) -> None:
    """AUROC by domain and sensitivity by skin type, regimes side by side."""
    for metric, grouping, title in (
        ("auroc", "domain", "AUROC by domain"), ("sensitivity", "fst_group", "Sensitivity by skin type"),
    ):  # fmt: skip
        rows = levels[
            (levels["model"] == model) & (levels["metric"] == metric) & (levels["grouping"] == grouping)
        ].rename(columns={"mean": "value", "name": "regime"})
        if rows["value"].notna().any():
            plot = dodged_forest(rows, "regime", f"{metric}_{grouping}", f"{title}, {model}", "", metric)
            write_png(plot.figure, folder / f"{plot.name}.png", note)


if __name__ == "__main__":
    main()
