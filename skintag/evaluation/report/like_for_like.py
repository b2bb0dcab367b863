"""Gaps within the same dataset and condition, beside those of groups as they are, and how sentences speak of them."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.evaluation.analyses.assess import Assessment
from skintag.evaluation.analyses.standardised import standardised_gaps, standardised_pairs
from skintag.evaluation.metrics.groups import (
    AGE_GROUP,
    ALL_GROUPINGS,
    DATASET,
    DOMAIN,
    FST_GROUP,
    SEX,
    Grouping,
)
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.report.cells import count, interval, number
from skintag.evaluation.report.evidence import Evidence

GROUPINGS: Final = (FST_GROUP, DOMAIN, DATASET, SEX, AGE_GROUP)
WHAT: Final = (
    "A raw gap also shows which datasets and conditions a group's images come from. The standardised one compares "
    "images of the same dataset and the same condition with each other (of the same condition, where datasets or "
    "domains are the groups) and averages over all such strata that both groups have: rates by Mantel and Haenszel, "
    "AUROC over the same pairs of a malignant and a benign condition within a dataset. What it tells is due to "
    "neither; images without a counterpart in the other group play no part in it."
)
TESTED: Final = (
    "Standardised gaps are described: they make no gap distinguishable from chance. Of one that is, the report says "
    "whether it stands there too, by p-values of their own, corrected by Holm over all standardised gaps; and no gap "
    "is called small where the simultaneous limits of the standardised differences exclude zero."
)


def standardised_of(
    rows: TestPredictions, threshold: float, assessment: Assessment, own_groups: pd.DataFrame | None
) -> pd.DataFrame:
    """`standardised_pairs` of one model in the groupings that gaps are told of, and by one's own columns."""
    known = {grouping.column for grouping in ALL_GROUPINGS}
    own = [] if own_groups is None else [str(c) for c in own_groups.columns if c not in known]
    if own_groups is not None:
        rows = TestPredictions(rows.frame.join(own_groups, on="image_id"), rows.model)
    pairs = assessment.pairs
    groupings = (*GROUPINGS, *(Grouping(c, c) for c in own))
    return standardised_pairs(
        rows, threshold, pairs[pairs["model"] == rows.model], groupings, assessment.settings
    )


def gaps_within(evidence: Evidence) -> pd.DataFrame:
    """`standardised_gaps` of the main model; no rows where nothing can be standardised over."""
    pairs = evidence.standardised
    return standardised_gaps(pairs if pairs is not None else pd.DataFrame(columns=["grouping", "metric"]))


def excludes_zero(within: pd.Series | None) -> bool:
    """Whether the simultaneous limits of a standardised gap's differences exclude zero."""
    return within is not None and bool(within["low"] > 0)


def clause(within: pd.Series | None, verdict: str, small: float) -> str:
    """What the sentence about a raw gap has to add: where the standardised one disagrees, or cannot be told."""
    if within is None:
        return ""
    where = f"within the same {within['over']}"
    if pd.isna(within["value"]):
        return f"; {where} it cannot be told" if verdict == "clear" else ""
    figures = f"{number(within['value'], 2)} ({interval(within['low'], within['high'], 2)})"
    order = f"most surely {within['surest']}"  # which need not be the pair that differs most
    if verdict == "clear":
        if within["apart"]:
            return f"; {where} it is {figures}, {order}, and stands the correction for all standardised gaps"
        if excludes_zero(within):
            return (
                f"; {where} {figures}, {order}, which does not stand the correction for all standardised gaps"
            )
        return f"; {where} the difference is not told from none, {figures}: which images a group has may be all of it"
    if excludes_zero(within):
        return f"; {where} it is {figures}, {order}, described and not corrected for other questions"
    if verdict == "small" and within["high"] > small:
        return f"; {where} up to {number(within['high'], 2)} is not excluded"
    return ""


def numbers_of(within: pd.Series | None) -> str:
    """The standardised gap among the numbers behind a sentence; empty where nothing can be standardised over."""
    if within is None:
        return ""
    if pd.isna(within["value"]):
        return f"; standardised over {within['over']}: cannot be told"
    figures = f"{number(within['value'], 2)} ({interval(within['low'], within['high'], 2)})"
    return f"; standardised over {within['over']} {figures}, on {compared(within)}"


def compared(row: pd.Series) -> str:
    """How many images of either side lie in strata that both have: `41 of 42 V-VI and 143 of 179 III-IV`."""
    sides = [f"{count(row[f'shared_{s}'])} of {count(row[f'n_{s}'])} {row[f'group_{s}']}" for s in ("a", "b")]
    return " and ".join(sides)
