"""Gaps between groups, beside what chance gives."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from skintag.evaluation.plots.gaps import gap_plot
from skintag.evaluation.plots.style import label_of
from skintag.evaluation.report.blocks import Block, Figures, Text
from skintag.evaluation.report.cells import Cell, Table, estimate, interval, number, p_value
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.findings import FAMILY_GAPS, RULE, family
from skintag.evaluation.report.like_for_like import TESTED, WHAT, compared, gaps_within
from skintag.evaluation.report.phrases import how, level_of, ordered
from skintag.evaluation.report.registry import report_section
from skintag.evaluation.statistics.uncertainty import PATIENTS


@report_section("gaps", "Gaps", order=60)
def gaps_section(evidence: Evidence) -> Sequence[Block]:
    """Gaps between groups, beside what chance gives."""
    table = evidence.gaps(evidence.main)
    table = table[table["value"].notna()]
    main = table[table["gap"] != "worst_group_sensitivity"]
    skin = evidence.assessment.gaps
    skin = skin[
        (skin["grouping"] == "fst_group") & skin["gap"].isin(list(FAMILY_GAPS)) & skin["value"].notna()
    ]
    blocks: list[Block] = [Text(RULE, tone="muted")]
    told = (
        f"Gaps are the largest minus the smallest value among groups with at least "
        f"{evidence.assessment.settings.minimum} images of the classes that a value needs. The grey bar is the gap to "
        "expect if all groups were equal: it is not zero, since the largest of several noisy values always exceeds the "
        "smallest. Filled points have a permutation p-value below 0.05"
    )
    plots = []
    if len(main):
        caption = f"{told}, uncorrected. Bars are {level_of(evidence)} intervals, {how(evidence)}."
        plots.append(gap_plot(main, "grouping", "gap", "gaps", f"Gaps of {evidence.main}", caption))
    if len(set(skin["model"])) > 1:
        caption = f"Each model, between skin-type groups. {told}, uncorrected. Bars are {level_of(evidence)} intervals."
        order = {m: i for i, m in enumerate(ordered(evidence))}
        skin = skin.sort_values(
            ["gap", "model"], key=lambda c: c.map(order) if c.name == "model" else c, kind="stable"
        )
        plots.append(
            gap_plot(skin, "gap", "model", "gaps_skin_type", "Gaps between skin types, by model", caption)
        )
    blocks.append(
        Figures(plots) if plots else Text("No gap can be told: fewer than two groups are large enough.")
    )
    within = gaps_within(evidence)
    if len(within):
        blocks += [
            Text(WHAT, title="Raw and standardised"),
            standardised_table(evidence, within),
            Text(TESTED, tone="muted"),
            standardised_pair_table(evidence),
        ]
    blocks += [worst_table(evidence), gap_table(evidence), pair_table(evidence)]
    if evidence.oracle is not None:
        blocks.append(oracle_table(evidence, evidence.oracle))
    return blocks


def gap_table(evidence: Evidence) -> Table:
    """Gaps of the main model; the CSV file holds those of all models."""
    corrected = family(evidence).set_index(["grouping", "gap"])["p_holm"].to_dict()
    rows: list[tuple[Cell, ...]] = []
    table = evidence.gaps(evidence.main)
    for grouping, part in table[table["gap"] != "worst_group_sensitivity"].groupby("grouping", sort=False):
        if part["value"].isna().all() and not part["groups"].iloc[0] and not part["left_out"].iloc[0]:
            continue
        rows.append((Cell(label_of(str(grouping)), kind="head"), *[Cell("")] * 6))
        for _, row in part.iterrows():
            p = corrected.get((row["grouping"], row["gap"]), float("nan"))
            rows.append((
                Cell(label_of(row["gap"])), estimate(row["value"], row["low"], row["high"]),
                Cell(number(row["chance"])), Cell(p_value(row["p_value"])), Cell(p_value(p)),
                Cell(row["groups"] or "–"), Cell(row["left_out"] or "–"),
            ))  # fmt: skip
    headings = ("gap", "value", "by chance", "p", "p (Holm)", "groups", "too small")
    note = "Holm's correction covers one family of gaps, see the rule above; a dash: not in it. "
    note += "naive_low and naive_high in the CSV file are percentile limits, which never contain zero."
    data = evidence.assessment.gaps
    return Table("gaps", f"Gaps, {evidence.main}", headings, tuple(rows), note, data, folded=True)


def standardised_table(evidence: Evidence, within: pd.DataFrame) -> Table:
    """Each gap as it is and within the same dataset and condition."""
    raw = evidence.gaps(evidence.main).set_index(["grouping", "gap"])
    rows: list[tuple[Cell, ...]] = []
    for grouping, part in within.groupby("grouping", sort=False):
        rows.append(
            (Cell(label_of(str(grouping)), f"over {part['over'].iloc[0]}", kind="head"), *[Cell("")] * 4)
        )
        for _, row in part.iterrows():
            gap = raw.loc[(row["grouping"], f"{row['metric']}_gap")]
            told = pd.notna(row["value"])
            some = (
                ""
                if row["pairs_told"] == row["pairs"]
                else f"{row['pairs_told']} of {row['pairs']} pairs told"
            )
            rows.append((
                Cell(label_of(f"{row['metric']}_gap")), estimate(gap["value"], gap["low"], gap["high"]),
                estimate(row["value"], row["low"], row["high"]) if told else Cell("cannot be told", kind="muted"),
                Cell(f"{row['group_a']} above {row['group_b']}" if told else "–"),
                Cell(compared(row), some),
            ))  # fmt: skip
    note = (
        "Standardised: the largest difference of two groups, with limits that hold for all pairs of a grouping "
        f"together ({level_of(evidence)}, {how(evidence)}). Compared: its images in strata that both groups have, of "
        f"all that the metric is of. Cannot be told: fewer than {evidence.assessment.settings.minimum} images or "
        f"{PATIENTS} independent patients or lesions on a side of every pair."
    )
    headings = ("gap", "raw", "standardised", "between", "compared")
    title = f"Gaps, raw and standardised, {evidence.main}"
    return Table("standardised_gaps", title, headings, tuple(rows), note, within)


def standardised_pair_table(evidence: Evidence) -> Table:
    """Pairs of groups, raw and standardised."""
    pairs = evidence.standardised if evidence.standardised is not None else pd.DataFrame()
    rows: list[tuple[Cell, ...]] = []
    for grouping, part in pairs.groupby("grouping", sort=False):
        rows.append((Cell(label_of(str(grouping)), kind="head"), *[Cell("")] * 4))
        for _, row in part.iterrows():
            told = pd.notna(row["value"])
            rows.append((
                Cell(f"{row['group_a']} minus {row['group_b']}"), Cell(label_of(row["metric"])),
                estimate(row["raw"], row["raw_low"], row["raw_high"]),
                estimate(row["value"], row["low"], row["high"]) if told else Cell("cannot be told", kind="muted"),
                Cell(compared(row)),
            ))  # fmt: skip
    note = f"Limits hold for all pairs of a grouping together ({level_of(evidence)})."
    headings = ("groups", "metric", "raw", "standardised", "compared")
    title = f"Pairs of groups, raw and standardised, {evidence.main}"
    return Table("standardised_pairs", title, headings, tuple(rows), note, pairs, left=2, folded=True)


def worst_table(evidence: Evidence) -> Table:
    """Sensitivity of the worst group, for each model and grouping."""
    gaps = evidence.assessment.gaps
    worst = gaps[(gaps["gap"] == "worst_group_sensitivity") & gaps["value"].notna()]
    groupings = list(dict.fromkeys(worst["grouping"]))
    rows = []
    for model in ordered(evidence):
        cells = [Cell(model)]
        for grouping in groupings:
            found = worst[(worst["model"] == model) & (worst["grouping"] == grouping)]
            cells += [estimate(r["value"], r["low"], r["high"]) for _, r in found.iterrows()] or [Cell("–")]
        rows.append(tuple(cells))
    return Table(
        "worst_group", "Sensitivity of the worst group", ("model", *(label_of(g) for g in groupings)), tuple(rows),
        f"The lowest sensitivity among groups that are large enough, with {level_of(evidence)} intervals.", worst,
    )  # fmt: skip


def pair_table(evidence: Evidence) -> Table:
    """Pairwise differences between groups, with simultaneous intervals."""
    pairs = evidence.assessment.pairs
    rows: list[tuple[Cell, ...]] = []
    for grouping, part in pairs[pairs["model"] == evidence.main].groupby("grouping", sort=False):
        rows.append((Cell(label_of(str(grouping)), kind="head"), *[Cell("")] * 3))
        for _, row in part.iterrows():
            apart = row["low"] > 0 or row["high"] < 0
            cell = Cell(
                number(row["difference"]), interval(row["low"], row["high"]), kind="good" if apart else ""
            )
            names = (Cell(f"{row['group_a']} minus {row['group_b']}"), Cell(label_of(row["metric"])))
            rows.append((*names, cell, Cell(interval(row["single_low"], row["single_high"]), kind="muted")))
    note = f"Limits hold for all pairs of a grouping together ({level_of(evidence)}); by itself: each pair alone."
    headings = ("groups", "metric", "difference", "by itself")
    title = f"Differences between pairs of groups, {evidence.main}"
    return Table("pairs", title, headings, tuple(rows), note, pairs, left=2, folded=True)


def oracle_table(evidence: Evidence, oracle: pd.DataFrame) -> Table:
    """Gaps with one threshold for everyone, and with one per group."""
    own = evidence.gaps(evidence.main).set_index(["grouping", "gap"])
    rows = []
    for _, row in oracle[oracle["value"].notna()].iterrows():
        if row["gap"] not in ("sensitivity_gap", "specificity_gap", "equalized_odds_difference"):
            continue
        one = own.loc[(row["grouping"], row["gap"])]
        cells = (
            estimate(one["value"], one["low"], one["high"]),
            estimate(row["value"], row["low"], row["high"]),
        )
        rows.append((Cell(label_of(row["grouping"])), Cell(label_of(row["gap"])), *cells))
    note = "An oracle: it is told the group of every patient, and decides alike scores differently. Not deployed."
    headings = ("groups", "gap", "one threshold", "a threshold per group")
    title = f"What a threshold per group would change, {evidence.main}"
    return Table("oracle", title, headings, tuple(rows), note, oracle, left=2, folded=True)
