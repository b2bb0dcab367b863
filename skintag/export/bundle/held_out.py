"""On which pictures that it learned nothing of a model ranks no better than chance."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from skintag.evaluation.report.evidence import Evidence

_GROUPINGS: Final = ("dataset", "domain")


def held_out(evidence: Evidence) -> list[dict[str, Any]]:
    """A record per dataset and domain that test has and val has not, for none of it was trained on or chosen by.

    Returns:
        `grouping`, `group`, `n`, `auroc`, `low`, `high`, and `at_chance`: whether the interval has 0.5 in it or lies
        below; None where there is no interval, for too few are of one class.
    """
    val = evidence.predictions.val(evidence.main).frame
    test = evidence.predictions.test(evidence.main).frame
    out = []
    for grouping in _GROUPINGS:
        for group in sorted({*test[grouping].dropna()} - {*val[grouping].dropna()}):
            try:
                level = evidence.level(evidence.main, "auroc", grouping, group)
            except KeyError:
                continue
            told = pd.notna(level["low"]) and not bool(level["too_few"])
            out.append({
                "grouping": grouping, "group": group, "n": int(level["n"]), "auroc": level["value"],
                "low": level["low"], "high": level["high"],
                "at_chance": bool(level["low"] <= 0.5) if told else None,
            })  # fmt: skip
    return out
