"""The tables of the domain-shift experiment, as data and as a reader wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from study import HOME, Study, others_of

from skintag.evaluation.analyses.assess import AssessmentSettings, assess
from skintag.evaluation.metrics.groups import FST_GROUP
from skintag.evaluation.statistics.sides import Contrast
from skintag.runs.grid.findings import Evidence
from skintag.runs.grid.runs import GridRun, frame_tested
from skintag.runs.grid.write import interval, p_text

SHOWN = ("auroc", "f1_malignant", "sensitivity", "specificity")
RULER_METRICS = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "auroc": "subgroup AUC",
    "bpsn_auc": "BPSN AUC",
    "bnsp_auc": "BNSP AUC",
}
LABELS = {"auroc": "AUROC", "f1_malignant": "F1", "sensitivity": "sensitivity", "specificity": "specificity"}


def shown_levels(levels: pd.DataFrame) -> pd.DataFrame:
    """A row per group, regime and model; a column per metric: mean, interval, sd over seeds."""
    kept, rows = levels[levels["metric"].isin(SHOWN)], []
    for (group, name, model), part in kept.groupby(["group", "name", "model"], sort=False):
        first = part.iloc[0]
        cells = {r["metric"]: r for r in part.to_dict("records")}
        rows.append({
            "group": group, "regime": name, "model": model, "n": int(first["n"]), "malignant": int(first["n_positive"]),
            **{LABELS[m]: _level(cells[m]) for m in SHOWN if m in cells},
        })  # fmt: skip
    table = pd.DataFrame(rows)
    order = {g: i for i, g in enumerate(dict.fromkeys(kept["group"]))}
    return table.sort_values("group", key=lambda c: c.map(order), kind="stable", ignore_index=True)


def _level(row: Mapping[str, Any]) -> str:
    text = interval(row["mean"], row["low"], row["high"])
    if row["sd"] == row["sd"]:
        text += f" ± {row['sd']:.3f}"
    return text + ("*" if row["too_few"] and row["mean"] == row["mean"] else "")


def shown_differences(differences: pd.DataFrame) -> pd.DataFrame:
    """The paired differences in words and three decimals, without those that stand on too few."""
    told = ~differences["too_few"].astype(bool) & differences["difference"].notna()
    kept = differences[told & differences["metric"].isin(SHOWN)]
    return pd.DataFrame({
        "difference": kept["name"] + " - " + kept["reference"],
        "model": kept["model"], "group": kept["group"], "metric": kept["metric"].map(LABELS),
        "value": [interval(v, a, b) for v, a, b in kept[["difference", "low", "high"]].to_numpy(float)],
        "p (Holm)": kept["p_holm"].map(p_text),
        "exceeds seed noise": kept["exceeds_seed_noise"].map({True: "yes", False: "no"}).fillna("one seed"),
    })  # fmt: skip


def gap_rows(
    runs: Sequence[GridRun],
    models: Sequence[str],
    attributes: pd.DataFrame | None,
    settings: AssessmentSettings,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of each run: the gaps between skin-type groups with chance level and permutation p; levels by ruler.

    Rulers are compared within dermoscopic images; the second table is empty where nothing is known about them.
    """
    gaps, levels = [], []
    for run in runs:
        rulers = (
            None
            if attributes is None or "ruler" not in attributes
            else rulers_at_home(run, attributes["ruler"])
        )
        found = assess(
            run.predictions,
            run.thresholds,
            settings,
            groupings=(FST_GROUP,),
            attributes=rulers,
            models=models,
        )
        entry = {"name": run.name, "seed": run.seed}
        gaps.append(found.gaps.assign(**entry))
        levels.append(found.levels[found.levels["grouping"] == "ruler"].assign(**entry))
    first = ["name", "seed", "model", "grouping"]
    tables = (pd.concat(part, ignore_index=True) for part in (gaps, levels))
    both = [table[[*first, *(c for c in table if c not in first)]] for table in tables]
    return both[0], both[1]


def rulers_at_home(run: GridRun, ruler: pd.Series) -> pd.DataFrame:
    """`with` or `without` for the dermoscopic test images, indexed by image_id; null elsewhere."""
    frame = frame_tested(run)
    shows = frame["image_id"].map(ruler).map({True: "with", False: "without"})
    return pd.DataFrame({"ruler": shows.where(frame["domain"] == HOME).to_numpy()}, index=frame["image_id"])


def shown_rulers(levels: pd.DataFrame) -> pd.DataFrame:
    """One line per regime, model and seed: the metrics with and without a ruler."""
    rows = []
    for (name, model, seed, group), part in levels.groupby(["name", "model", "seed", "group"], sort=False):
        cells = part.set_index("metric")
        row: dict[str, object] = {"regime": name, "model": model, "seed": seed, "ruler": group}
        row |= {"n": int(cells["n"].iloc[0]), "malignant": int(cells["n_positive"].iloc[0])}
        for metric, label in RULER_METRICS.items():
            row[label] = interval(*(float(cells.loc[metric, c]) for c in ("value", "low", "high")))
        rows.append(row)
    return pd.DataFrame(rows)


def shown_gaps(gaps: pd.DataFrame) -> pd.DataFrame:
    """One line per regime, model and seed."""
    kept = gaps[gaps["value"].notna()]
    groupings = kept["grouping"].map({"fst_group": "skin type"}).fillna(kept["grouping"])
    return pd.DataFrame({
        "regime": kept["name"], "model": kept["model"], "seed": kept["seed"],
        "between": groupings, "gap": kept["gap"].str.replace("_", " "),
        "value": [interval(v, a, b) for v, a, b in kept[["value", "low", "high"]].to_numpy(float)],
        "by chance": kept["chance"], "p": kept["p_value"].map(p_text),
        "left out": kept["left_out"],
    })  # fmt: skip


def drop_rows(study: Study) -> pd.DataFrame:
    """AUROC at home and in each other domain over the conditions that both have, and the drop, per regime."""
    rows = []
    for domain in others_of(study):
        pairs = study.pairs(domain)
        for regime in study.runs:
            entry: dict[str, object] = {
                "domain": domain,
                "regime": regime,
                "pairs of conditions": len(pairs.pairs),
            }
            for label, contrasts in (
                (HOME, study.auroc(regime, HOME, pairs)),
                ("there", study.auroc(regime, domain, pairs)),
                ("drop", study.drop(regime, domain)),
                *(
                    []
                    if study.bare.all()
                    else [("drop without rulers", study.drop(regime, domain, study.bare))]
                ),
            ):
                entry[label] = _text(contrasts)
            rows.append(entry)
    return pd.DataFrame(rows)


def _text(contrasts: Sequence[Contrast]) -> str:
    e = Evidence.of(contrasts)
    return interval(e.value, e.low, e.high)


def contrast_rows(judged: pd.DataFrame, model: str | None = None) -> pd.DataFrame:
    """The judged questions as a reader wants them."""
    table = pd.DataFrame({
        "question": judged["question"],
        "value": [interval(v, a, b) for v, a, b in judged[["value", "low", "high"]].to_numpy(float)],
        "sd over seeds": judged["sd_seeds"],
        "p": judged["p_value"].map(p_text), "p (Holm)": judged["p_holm"].map(p_text),
        "n": judged["n_a"].astype(str) + " / " + judged["n_b"].astype(str),
        "patients": judged["clusters"].round(1), "verdict": judged["verdict"],
        **{c: judged[c] for c in ("planted", "outcome") if c in judged},
    })  # fmt: skip
    if model is not None:
        table.insert(0, "model", model)
    return table


def shown_leak(leak: pd.DataFrame) -> pd.DataFrame:
    """What the leaky split adds: levels of both splits and their difference, overall and by domain."""
    kept = leak[~leak["too_few"] & leak["metric"].isin(SHOWN) & leak["grouping"].isin(("overall", "domain"))]
    return pd.DataFrame({
        "regime": kept["name"], "model": kept["model"], "group": kept["group"], "metric": kept["metric"].map(LABELS),
        "stratified": kept["mean_a"], "grouped": kept["mean_b"],
        "difference": [interval(v, a, b) for v, a, b in kept[["difference", "low", "high"]].to_numpy(float)],
    })  # fmt: skip
