"""What the numbers say, in words: each sentence follows from a rule that stands beside it in the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from skintag.evaluation.metrics.groups import ALL_GROUPINGS
from skintag.evaluation.plots.style import label_of
from skintag.evaluation.report.calibration_findings import calibration_sentences
from skintag.evaluation.report.cells import interval, number, p_value, words
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.held_out import USEFUL, at_chance, chance_text
from skintag.evaluation.report.like_for_like import clause, excludes_zero, gaps_within, numbers_of
from skintag.evaluation.statistics.differences import holm

# One family of questions: equalized odds and F1 gaps follow from these, single Fitzpatrick types and the common
# cancers repeat skin type in other cuts.
FAMILY_GROUPINGS: Final = ("fst_group", "domain", "dataset", "sex", "age_group")
FAMILY_GAPS: Final = {
    "sensitivity_gap": "sensitivity",
    "specificity_gap": "specificity",
    "auroc_gap": "auroc",
}
SMALL: Final = 0.10
LEVEL: Final = 0.05
RULE: Final = (
    "A gap is called distinguishable from chance where its permutation p-value, corrected by Holm over the family of "
    "sensitivity, specificity and AUROC gaps between domains, datasets, skin types, sexes, ages and one's own groups, "
    f"is below {LEVEL}. Otherwise it is called small where the upper limit of its interval is at most {SMALL:.2f}, "
    f"and undecided where a larger gap is not excluded. "
    f"That limit is never below the largest difference of two groups that their simultaneous limits allow."
)
PLURAL: Final = {
    "domain": "domains", "dataset": "datasets", "fst_group": "skin types", "sex": "sexes", "age_group": "ages",
    "fitzpatrick": "Fitzpatrick types",
}  # fmt: skip

Verdict = Literal["chance", "clear", "calibration", "undecided", "small", "untold"]


@dataclass(frozen=True)
class Finding:
    """One statement about gaps, with its verdict and the numbers behind it."""

    verdict: Verdict
    """`chance`: no better than a coin on these images. `clear`: a gap that is distinguishable from chance. `small`,
    `undecided`: one that is not. `untold`: the data cannot say. `calibration`: how far off scores are, group by group,
    which is described and not tested."""
    text: str
    """The sentence."""
    detail: str = ""
    """The numbers behind it."""


def family_groupings(evidence: Evidence) -> tuple[str, ...]:
    """The groupings that one correction covers: those of the rule, and the user's own."""
    known = {grouping.name for grouping in ALL_GROUPINGS}
    return (
        *FAMILY_GROUPINGS,
        *(g for g in dict.fromkeys(evidence.assessment.gaps["grouping"]) if g not in known),
    )


def family(evidence: Evidence, model: str | None = None) -> pd.DataFrame:
    """The gaps of one model that one correction covers, with `p_holm` and `verdict`."""
    gaps = evidence.gaps(model or evidence.main)
    gaps = gaps[
        gaps["grouping"].isin(family_groupings(evidence)) & gaps["gap"].isin(list(FAMILY_GAPS))
    ].reset_index(drop=True)
    gaps = gaps.assign(p_holm=holm(gaps["p_value"]))
    verdicts = [_verdict(row) for _, row in gaps.iterrows()]
    if model in (None, evidence.main):
        within = _within(evidence)
        pairs = zip(gaps["grouping"], gaps["gap"], strict=True)
        for i, (grouping, gap) in enumerate(pairs):
            if verdicts[i] == "small" and excludes_zero(within.get((grouping, FAMILY_GAPS[gap]))):
                verdicts[i] = "undecided"
    return gaps.assign(verdict=verdicts)


def _within(evidence: Evidence) -> dict[tuple[str, str], pd.Series]:
    """The standardised gap of each grouping and metric."""
    return {(row["grouping"], row["metric"]): row for _, row in gaps_within(evidence).iterrows()}


def findings(evidence: Evidence) -> list[Finding]:
    """Where the main model is at chance; which gaps are distinguishable from chance, which not or cannot be told."""
    table = family(evidence)
    order: dict[Verdict, int] = {"clear": 0, "undecided": 1, "small": 2, "untold": 3}
    described = [
        # an interval that reaches a useful AUROC says that images are few, not that the model is a coin
        Finding("chance" if row["high"] < USEFUL else "untold", chance_text(evidence, row))
        for _, row in at_chance(evidence).iterrows()
    ]
    place = {grouping: i for i, grouping in enumerate(family_groupings(evidence))}
    table = table.sort_values("grouping", key=lambda c: c.map(place), kind="stable")
    within = _within(evidence)
    out = [
        Finding(
            row["verdict"],
            *_sentence(evidence, row, within.get((row["grouping"], FAMILY_GAPS[row["gap"]]))),
        )
        for _, row in table.iterrows()
        if _told(row)
    ]
    out.sort(key=lambda finding: order[finding.verdict])
    described += [Finding("calibration", *said) for said in calibration_sentences(evidence)]
    absent = _untold(evidence, table)
    return [*described, *out, *([Finding("untold", absent)] if absent else [])]


def comparisons(evidence: Evidence, metric: str = "auroc") -> str:
    """How the main model stands against the others, in one sentence; empty where there is no comparison."""
    table = evidence.comparison
    if table is None or table.empty:
        return ""
    rows = table[
        (table["grouping"] == "overall") & (table["metric"] == metric) & (table["model_b"] == evidence.main)
    ]
    better: list[str] = []
    worse: list[str] = []
    open_: list[str] = []
    for _, row in rows.iterrows():
        told = np.isfinite(row["p_holm"]) and row["p_holm"] < LEVEL
        name = f"{row['model_a']} ({number(-row['difference'])}, {interval(-row['high'], -row['low'])})"
        (open_ if not told else worse if row["difference"] > 0 else better).append(name)
    parts = []
    if better:
        parts.append(f"better than {words(better)}")
    if worse:
        parts.append(f"worse than {words(worse)}")
    if open_:
        parts.append(f"not distinguishable from {words(open_)}")
    if not parts:
        return ""
    return (
        f"By {label_of(metric)} on the same test images, {evidence.main} is {'; '.join(parts)} "
        "(differences with paired 95% intervals, Holm-corrected)."
    )


def _verdict(row: pd.Series) -> Verdict:
    if not np.isfinite([row["value"], row["p_value"], row["high"]]).all():
        return "untold"
    if row["p_holm"] < LEVEL:
        return "clear"
    return "small" if row["high"] <= SMALL else "undecided"


def _told(row: pd.Series) -> bool:
    return bool(row["verdict"] != "untold")


def _sentence(evidence: Evidence, row: pd.Series, within: pd.Series | None) -> tuple[str, str]:
    """What is claimed, and the numbers behind it."""
    metric = FAMILY_GAPS[row["gap"]]
    name, groups = _capital(label_of(metric)), _plural(row["grouping"])
    cells = evidence.levels(evidence.main, row["grouping"], metric)
    cells = cells[~cells["too_few"] & cells["value"].notna()].sort_values("value")
    low, high = cells.iloc[0], cells.iloc[-1]
    ends = f"from {number(low['value'], 2)} ({low['group']}) to {number(high['value'], 2)} ({high['group']})"
    gap = f"gap {number(row['value'], 2)} ({interval(row['low'], row['high'], 2)})"
    left = f"; too small: {row['left_out']}" if row["left_out"] else ""
    detail = (
        f"{gap}; {number(row['chance'], 2)} expected by chance; p {_p(row['p_value'])}, after Holm {_p(row['p_holm'])}"
        f"{numbers_of(within)}{left}"
    )
    more = clause(within, row["verdict"], SMALL)
    if row["verdict"] == "clear":
        return f"{name} differs between {groups}, {ends}{more}.", detail
    if row["verdict"] == "small":
        return f"{name} between {groups}: gaps above {SMALL:.2f} do not fit the data{more}.", detail
    return (
        f"{name} between {groups}, {ends}: a gap of up to {number(row['high'], 2)} is not excluded{more}.",
        detail,
    )


def _untold(evidence: Evidence, table: pd.DataFrame) -> str:
    """Which gaps cannot be told, and why, in one sentence."""
    parts = []
    for grouping in family_groupings(evidence):
        rows = table[table["grouping"] == grouping]
        groups = evidence.levels(evidence.main, grouping, "accuracy")["group"].tolist()
        if len(groups) < 2:
            # one dataset or domain is no failure; skin type is what this is about
            if grouping in ("fst_group", "sex", "age_group"):
                parts.append(
                    f"{PLURAL[grouping]} ({'known for one group only' if groups else 'not recorded'})"
                )
            continue
        untold = [label_of(FAMILY_GAPS[gap]) for gap in rows.loc[rows["verdict"] == "untold", "gap"]]
        if untold:
            parts.append(
                f"{words(untold)} between {_plural(grouping)} (fewer than two groups are large enough)"
            )
    return f"{_capital('; '.join(parts))}." if parts else ""


def _plural(grouping: str) -> str:
    return PLURAL.get(grouping, f"groups by {label_of(grouping)}")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _p(p: float) -> str:
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"
