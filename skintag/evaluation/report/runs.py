"""The page that shows several runs side by side."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.plots.forest import dodged_forest
from skintag.evaluation.plots.style import Plot, label_of
from skintag.evaluation.report.blocks import Block, Figures, Section, Text
from skintag.evaluation.report.cautions import Caution
from skintag.evaluation.report.cells import (
    UNDEFINED,
    Cell,
    Table,
    count,
    interval,
    number,
    words,
)
from skintag.evaluation.report.gather_runs import RunEntry, RunsEvidence
from skintag.evaluation.report.page import Fact, Page
from skintag.evaluation.report.runs_tables import difference_table, gaps_table, overall_table


def build_runs_page(evidence: RunsEvidence) -> Page:
    """Runs, levels over seeds, and paired differences to the reference."""
    runs = evidence.runs
    notes = list(dict.fromkeys(run.origin.note for run in runs if run.origin.note))
    sections = [_levels_section(evidence), _differences_section(evidence), _runs_section(evidence)]
    most = max(evidence.repeats(name) for name in evidence.names)
    repeat = evidence.repeat
    return Page(
        title=f"{len(evidence.names)} ways of training compared" if len(evidence.names) > 1 else evidence.names[0],
        kicker=f"SkinTag comparison of {len(runs)} runs, {datetime.now(UTC).date().isoformat()}",
        lead=_lead(evidence),
        note="; ".join(notes),
        facts=[
            Fact("Runs", str(len(runs)), f"{len(evidence.names)} names, up to {most} {repeat}(s) each"),
            Fact("Reference", evidence.reference, "the others are compared with it"),
            Fact("Figures show", evidence.main, "best by AUROC on the reference's validation rows"),
            Fact("Models in all runs", str(len(evidence.models)), ", ".join(evidence.models)),
            Fact("Splits", words(sorted({run.origin.split or "not known" for run in runs})), "",
                 "bad" if any(run.origin.leaky for run in runs) else ""),
            Fact("Intervals", f"{evidence.settings.confidence:.0%}, {evidence.settings.resamples:,} resamples",
                 f"test images and {repeat}s" if most > 1 else "test images; seeds unknown",
                 "" if evidence.clustered else "bad"),
        ],
        cautions=_cautions(evidence),
        sections=sections,
        footer="SkinTag is for research. What it predicts is a screening aid, not a diagnosis.",
    )  # fmt: skip


def _lead(evidence: RunsEvidence) -> str:
    table = evidence.differences
    if table.empty:
        return (
            "These runs share no test images under the same labels, so they are shown side by side, unpaired."
        )
    rows = table[
        (table["model"] == evidence.main) & (table["grouping"] == "overall") & (table["metric"] == "auroc")
    ]
    better, worse, open_ = [list[str]() for _ in range(3)]
    for _, row in rows.iterrows():
        text = f"{row['name']} ({number(row['difference'])}, {interval(row['low'], row['high'])})"
        told = np.isfinite(row["p_holm"]) and row["p_holm"] < 0.05
        (open_ if not told else better if row["difference"] > 0 else worse).append(text)
    parts = [f"above it: {words(better)}"] if better else []
    parts += [f"below it: {words(worse)}"] if worse else []
    parts += [f"not distinguishable from it: {words(open_)}"] if open_ else []
    return f"By AUROC of {evidence.main} on the same test images, against {evidence.reference}: {'; '.join(parts)}."


def _cautions(evidence: RunsEvidence) -> list[Caution]:
    out = []
    leaky = [f"{run.name} seed {run.seed}" for run in evidence.runs if run.origin.leaky]
    if leaky:
        text = f"Related images lie on both sides of the split of {words(leaky)}: their figures are too good."
        out.append(Caution("bad", "Leaky split", text))
    for name, why in evidence.apart.items():
        out.append(
            Caution("warn", f"{name} is not paired with {evidence.reference}", f"{why[:1].upper()}{why[1:]}.")
        )
    single = [name for name in evidence.names if evidence.repeats(name) < 2]
    if single:
        text = f"{words(single)}: what a seed is worth is not in their intervals. Differences may be luck of the seed."
        out.append(Caution("warn", "One seed", text))
    if evidence.overlap:
        out.append(_of_splits(evidence))
    sets = {tuple(run.predictions.test(evidence.main).frame["image_id"]) for run in evidence.runs}
    if len(sets) > 1 and not evidence.overlap:
        text = "Levels stand on each run's own test images; only the differences are on images that both runs share."
        out.append(Caution("warn", f"{len(sets)} different test sets", text))
    if not evidence.clustered:
        text = "Not all runs say which patient or lesion a row shows: intervals ignore clustering."
        out.append(Caution("warn", "Intervals ignore clustering", text))
    return out


def _of_splits(evidence: RunsEvidence) -> Caution:
    """What is said where splits are repeated: runs share training images, and few splits tell little."""
    text = (
        f"{words(list(evidence.overlap))}: each split tests on other images and trains on much of the same. Variances "
        "over splits are widened by n_test / n_train for that (Nadeau & Bengio, 2003); few splits give wide intervals."
    )
    return Caution("warn", "Repeated splits", text)


def _levels_section(evidence: RunsEvidence) -> Section:
    levels = evidence.levels
    overall = levels[levels["grouping"] == "overall"]
    plots = [_models_plot(evidence, overall, metric) for metric in listed("runs")]
    for grouping in ("domain", "fst_group"):
        rows = levels[(levels["grouping"] == grouping) & (levels["model"] == evidence.main)]
        rows = rows[rows["metric"].isin(("sensitivity", "auroc")) & (rows["group"] != "between groups")]
        plots += [
            _group_plot(evidence, rows[rows["metric"] == metric], grouping, metric)
            for metric in ("sensitivity", "auroc")
            if len(set(rows["group"])) > 1
        ]
    blocks: list[Block] = [overall_table(evidence, overall), Figures(plots), gaps_table(evidence)]
    return Section("levels", "Side by side", blocks)


def _differences_section(evidence: RunsEvidence) -> Section:
    if evidence.differences.empty:
        return Section(
            "differences", "Differences", [Text("There are none: see the notes above.", tone="muted")]
        )
    intro = (
        f"Each name minus {evidence.reference}, on the test images that both were tested on. Intervals and p-values "
        f"hold the noise of test images and, where there are several, of {evidence.repeat}s. Holm's correction covers "
        "all names and groups of one model, grouping and metric."
    )
    table = evidence.differences
    overall = table[table["grouping"] == "overall"]
    own = table[(table["model"] == evidence.main) & (table["grouping"] != "overall")]
    blocks: list[Block] = [
        Text(intro, tone="muted"),
        difference_table(overall, "differences", "On all test images", repeat=evidence.repeat, folded=False),
        difference_table(
            own, "differences_groups", f"In groups, {evidence.main}", repeat=evidence.repeat, folded=True
        ),
    ]
    return Section("differences", "Differences", blocks)


def _runs_section(evidence: RunsEvidence) -> Section:
    rows = []
    for run in evidence.runs:
        git = dict(run.origin.provenance.get("git") or {})
        test = run.predictions.test(evidence.main).target
        rows.append((
            Cell(run.name), Cell(str(run.seed)), Cell(run.origin.data), Cell(_split_words(run)),
            Cell("leaky", kind="bad") if run.origin.leaky else Cell("no" if run.origin.audit else "no audit"),
            Cell(f"{count(test.sum())}/{count(len(test))}"), Cell(str(git.get("commit") or UNDEFINED)[:12]),
            Cell(run.origin.run),
        ))  # fmt: skip
    headings = ("name", "seed", "data", "split", "leak", "malignant/test images", "commit", "folder")
    table = Table("runs", "The runs", headings, tuple(rows), left=1)
    return Section("runs", "Runs", [table, Text(f"Made by: {evidence.command}")])


def _split_words(run: RunEntry) -> str:
    """`grouped, seed 3`, `folds, seed 0, fold 2`."""
    seed, fold = run.split
    kind = run.origin.split or UNDEFINED
    of = "" if kind == "file" else f", seed {seed}"
    return f"{kind}{of}" + (f", fold {fold}" if fold or kind == "folds" else "")


def _models_plot(evidence: RunsEvidence, overall: pd.DataFrame, metric: str) -> Plot:
    rows = overall[overall["metric"] == metric].assign(value=lambda t: t["mean"])
    rows = rows.assign(group=rows["model"])
    order = {model: i for i, model in enumerate(evidence.models)}
    rows = rows.sort_values("model", key=lambda c: c.map(order), kind="stable")
    name = label_of(metric)
    caption = f"All test images; means over {evidence.repeat}s. {_bars(evidence)}"
    return dodged_forest(
        rows, "name", f"runs_{metric}", f"{name[:1].upper()}{name[1:]} by model", caption, name
    )


def _group_plot(evidence: RunsEvidence, rows: pd.DataFrame, grouping: str, metric: str) -> Plot:
    name, words_ = label_of(metric), label_of(grouping)
    title = f"{name[:1].upper()}{name[1:]} by {words_}"
    minimum = evidence.settings.minimum
    few = f"hollow points stand on fewer than {minimum}"
    caption = f"{evidence.main}; means over {evidence.repeat}s; {few}. {_bars(evidence)}"
    rows = rows.assign(value=rows["mean"])
    return dodged_forest(rows, "name", f"runs_{grouping}_{metric}", title, caption, name)


def _bars(evidence: RunsEvidence) -> str:
    how = "clustered by patient or lesion" if evidence.clustered else "which ignore clustering"
    return (
        f"Bars are {evidence.settings.confidence:.0%} intervals, {how}, with the noise of {evidence.repeat}s if there "
        "are several. Paired differences below tell more than overlapping bars."
    )
