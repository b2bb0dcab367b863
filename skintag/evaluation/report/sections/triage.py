"""Tiers under the published and the fitted bounds, and what other target sensitivities would cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd

from skintag.evaluation.decisions.promise import promise_of
from skintag.evaluation.decisions.triage import DISCLAIMER, TIERS
from skintag.evaluation.plots.style import Plot
from skintag.evaluation.plots.triage import triage_plot
from skintag.evaluation.report.blocks import Block, Figures, Text
from skintag.evaluation.report.cells import Cell, Table, count, interval, marks, number, percent, words
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.phrases import how, level_of, ordered
from skintag.evaluation.report.registry import report_section


@report_section("triage", "Triage", order=80)
def triage_section(evidence: Evidence) -> Sequence[Block]:
    """In which tiers malignant images end up, under published bounds and under fitted ones."""
    table = evidence.triage
    assert table is not None
    blocks: list[Block] = [Text(DISCLAIMER, tone="muted"), Text(" ".join(_sentences(evidence, table)))]
    if (table["n_malignant"] > 0).any():
        blocks.append(Figures([_plot(evidence, table)]))
    blocks += [_models(evidence, table), _tiers(evidence, table)]
    if evidence.operating_points is not None:
        blocks.append(_points(evidence, evidence.operating_points))
    else:
        reason = evidence.missing.get("operating points", "")
        blocks.append(Text(f"No fitted tiers and no table of target sensitivities: {reason}.", tone="muted"))
    return blocks


def _sentences(evidence: Evidence, table: pd.DataFrame) -> list[str]:
    out = []
    for name, policy in evidence.policies[evidence.main].items():
        row = _cell(table, evidence.main, name, "LOW")
        share = f"{percent(row['share_of_malignancies'])} ({_percents(row, 'share_of_malignancies')})"
        high = _cell(table, evidence.main, name, "HIGH")
        kept = f"sensitivity {percent(1 - row['share_of_malignancies'])}{_at_least(row)}"
        out.append(
            f"Under the {name} bounds (LOW below {number(policy.low, 2)}, HIGH above {number(policy.high, 2)}) "
            f"{share} of the malignant test images of {evidence.main} are in LOW ({kept}), and "
            f"{percent(high['share_of_images'])} of all images are in HIGH."
        )
        if policy.target_sensitivity is not None:
            out.append(f"What the {name} bounds promise: {promise_of(policy)}.")
    if not bool(table.loc[table["model"] == evidence.main, "has_conditions"].any()):
        out.append("The model gives no conditions, so nothing is lifted out of LOW.")
    return out


def _at_least(row: pd.Series) -> str:
    """The lower limit of the share outside LOW; empty where there is none."""
    most = row["share_of_malignancies_high"]
    return "" if pd.isna(most) else f", at least {percent(1 - most)}"


def _plot(evidence: Evidence, table: pd.DataFrame) -> Plot:
    rows = table[
        (table["model"] == evidence.main) & table["grouping"].isin(["overall", "domain", "fst_group"])
    ]
    rows = rows[rows["n_malignant"] > 0]
    group = rows["group"].where(rows["grouping"] != "overall", "all")
    # a domain that is the only one says the same as all
    alone = rows.groupby("grouping")["group"].nunique()
    rows = rows[(rows["grouping"] == "overall") | (rows["grouping"].map(alone) > 1)]
    names = rows["policy"] + ", " + group + " (" + rows["n_malignant"].map(count) + ")"
    shares = pd.DataFrame({"row": names, "tier": rows["tier"], "share": rows["share_of_malignancies"]})
    caption = (
        f"{evidence.main}; in brackets the number of malignant images. LOW is where a malignancy is missed. "
        "Unknown and "
        "inflammatory conditions are never LOW, nor, under fitted bounds, are likely cancers."
    )
    return triage_plot(shares, "triage", "Where malignancies end up", caption)


def _models(evidence: Evidence, table: pd.DataFrame) -> Table:
    names = list(dict.fromkeys(table["policy"]))
    rows = []
    for model in ordered(evidence):
        cells = [Cell(model)]
        for name in names:
            policy = evidence.policies[model][name]
            low, high = (_cell(table, model, name, tier) for tier in ("LOW", "HIGH"))
            cells += [
                Cell(f"{number(policy.low, 2)} / {number(policy.high, 2)}"),
                _share(low, "share_of_malignancies"),
                _share(high, "share_of_images"),
            ]
        rows.append(tuple(cells))
    parts = ("bounds", "malignant in LOW", "images in HIGH")
    headings = ("model", *(f"{name}: {part}" for name in names for part in parts))
    note = (
        f"Malignant images in LOW, and all images in HIGH; {level_of(evidence)} intervals, {how(evidence)}."
    )
    return Table("triage", "Tiers of all models", headings, tuple(rows), note, table)


def _tiers(evidence: Evidence, table: pd.DataFrame) -> Table:
    own = table[table["model"] == evidence.main]
    rows: list[tuple[Cell, ...]] = []
    for name, part in own.groupby("policy", sort=False):
        rows.append((Cell(f"{name} bounds", kind="head"), *[Cell("")] * 8))
        for (_, group), cells in part.groupby(["grouping", "group"], sort=False):
            at: Any = cells.set_index("tier")
            first = cells.iloc[0]
            few = bool(first["too_few"])
            shares = [
                _share(at.loc[tier], column, few=few and column.endswith("ies"))
                for column in ("share_of_malignancies", "share_of_images")
                for tier in TIERS
            ]
            rows.append(
                (Cell(str(group)), Cell(count(first["n"])), Cell(count(first["n_malignant"])), *shares)
            )
    headings = (
        "group",
        "n",
        "malignant",
        *(f"{of} {tier}" for of in ("malignant", "images") for tier in TIERS),
    )
    note = f"Shares with {level_of(evidence)} intervals, {how(evidence)}."
    title = f"Tiers by group, {evidence.main}"
    return Table("triage_groups", title, headings, tuple(rows), note, own, folded=True)


def _points(evidence: Evidence, table: pd.DataFrame) -> Table:
    rows = []
    for model in ordered(evidence):
        for _, row in table[(table["model"] == model) & (table["grouping"] == "overall")].iterrows():
            missed = pd.notna(row["reached"]) and not row["reached"]
            rows.append((
                Cell(model), Cell(percent(row["target_sensitivity"], 0)), Cell(number(row["threshold"])),
                _share(row, "sensitivity", kind="bad" if missed else ""), _share(row, "specificity"),
            ))  # fmt: skip
    targets = words([percent(t, 0) for t in dict.fromkeys(table["target_sensitivity"])])
    note = f"Thresholds that reach {targets} on val; red where test falls short of the target. "
    note += "They are plain quantiles of val: true sensitivity is below the target in about half of all such fits. "
    note += f"{level_of(evidence)} intervals, {how(evidence)}."
    headings = ("model", "target", "threshold", "sensitivity on test", "specificity on test")
    title = "What a target sensitivity costs"
    return Table("operating_points", title, headings, tuple(rows), note, table, folded=True)


def _cell(table: pd.DataFrame, model: str, policy: str, tier: str) -> pd.Series:
    rows = table[(table["model"] == model) & (table["policy"] == policy) & (table["tier"] == tier)]
    return rows[rows["grouping"] == "overall"].iloc[0]


def _share(row: pd.Series, column: str, *, few: bool = False, kind: Literal["", "bad"] = "") -> Cell:
    """A share with its interval and marks."""
    mark = marks(few=few, doubtful=bool(row[f"{column}_doubtful"]))
    return Cell(percent(row[column]), _percents(row, column), mark, kind)


def _percents(row: pd.Series, column: str) -> str:
    text = interval(100 * row[f"{column}_low"], 100 * row[f"{column}_high"], 1)
    return f"{text}%" if text else ""
