"""What a model was tested on and learned nothing of: its own figures, and where it ranks no better than chance.

A figure over all test images hides them: with a dataset that only tests at an AUROC of .46 among many of those that
were trained on, .83 stands over the page. So what is held out is the headline, and being at chance a verdict.
"""

from __future__ import annotations

from typing import Any, Final

import pandas as pd

from skintag.evaluation.report.cells import count, interval, number
from skintag.evaluation.report.evidence import Evidence

CHANCE: Final = 0.5
"""AUROC of scores that say nothing."""
USEFUL: Final = 0.7
"""Upper limit from which on an AUROC may be acceptable (Hosmer & Lemeshow, 2000): too few images to tell."""
_GROUPINGS: Final = ("dataset", "domain")
_MIXED: Final = ("grouped", "stratified", "folds", "file")
"""Splits that put every dataset on all sides: one that val lacks is too small for val, not held out. A file may be of
any kind: what it holds out is named."""


def held_out(evidence: Evidence) -> list[dict[str, Any]]:
    """A record per dataset and domain that test has and val has not, for none of it was trained on or chosen by.

    Returns:
        `grouping`, `group`, `n`, `n_positive`, `auroc`, `low`, `high`, and `at_chance`: whether the interval has 0.5
        in it or lies below; None where there is no interval, for too few are of one class. Empty without val rows,
        which would say what was learned of, for splits that hold nothing out, and where the split is not known.
    """
    val = evidence.predictions.val(evidence.main).frame
    test = evidence.test.frame
    named = evidence.origin.held_out
    if not len(val) or (not named and evidence.origin.split.split(" ")[0] in ("", *_MIXED)):
        return []
    told = test[list(_GROUPINGS)].isin(named).any(axis=1) if named else pd.Series(True, index=test.index)
    out = []
    for grouping in _GROUPINGS:
        for group in sorted({*test[grouping].dropna()} - {*val[grouping].dropna()}):
            if not told[test[grouping] == group].all():
                continue  # val is too small for it, and train may have it
            try:
                level = evidence.level(evidence.main, "auroc", grouping, group)
            except KeyError:
                continue
            out.append({
                "grouping": grouping, "group": group, "n": int(level["n"]), "n_positive": int(level["n_positive"]),
                "auroc": level["value"], "low": level["low"], "high": level["high"],
                "at_chance": _at_chance(level) if _told(level) else None,
            })  # fmt: skip
    return out


def foremost(evidence: Evidence) -> list[dict[str, Any]]:
    """The held-out groups that a headline names: none whose images are all another's, a dataset before its domain."""
    entries, test = held_out(evidence), evidence.test.frame
    rows = [(test[e["grouping"]] == e["group"]).to_numpy() for e in entries]
    inside = [
        any((a <= b).all() and ((a < b).any() or j < i) for j, b in enumerate(rows) if j != i)
        for i, a in enumerate(rows)
    ]
    return [entry for entry, covered in zip(entries, inside, strict=True) if not covered]


def at_chance(evidence: Evidence) -> pd.DataFrame:
    """AUROC of the main model on datasets, domains and all test images where it may be that of a coin.

    Its interval has 0.5 in it or lies below. Groups that are too small, and models that score all images alike, which
    have no interval, are left out, and so is what has the same images under another name.

    Returns:
        Rows of the assessment's levels, with `held_out`.
    """
    rows = evidence.levels(evidence.main, metric="auroc")
    rows = pd.concat([rows[rows["grouping"] == name] for name in (*_GROUPINGS, "overall")])
    rows = rows[[_told(row) and _at_chance(row) for _, row in rows.iterrows()]]
    unseen = {(e["grouping"], e["group"]) for e in held_out(evidence)}
    pairs = zip(rows["grouping"], rows["group"], strict=True)
    rows = rows.assign(held_out=[pair in unseen for pair in pairs])
    return rows.drop_duplicates(["n", "n_positive", "value", "low", "high"]).reset_index(drop=True)


def chance_text(evidence: Evidence, row: pd.Series) -> str:
    """The verdict on one row of `at_chance`, in a sentence."""
    where = "all test images" if row["grouping"] == "overall" else f"the {row['grouping']} {row['group']}"
    learned = ", of which it learned nothing" if row["held_out"] else ""
    said = "is at chance" if row["high"] < USEFUL else "cannot be told from chance"
    if row["high"] < CHANCE:
        said = "ranks worse than chance (are labels or scores the wrong way round?)"
    figure = f"AUROC {number(row['value'], 2)} ({interval(row['low'], row['high'], 2)})"
    images = f"{count(row['n'])} images, {count(row['n_positive'])} malignant"
    return f"{evidence.main} {said} on {where}{learned}: {figure}, {images}."


def _told(level: pd.Series) -> bool:
    return bool(pd.notna(level["low"])) and not bool(level["too_few"])


def _at_chance(level: pd.Series) -> bool:
    return bool(level["low"] <= CHANCE)
