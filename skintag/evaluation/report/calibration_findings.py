"""Which groups scores are calibrated worst in, in words: described beside all test images, and not tested."""

from __future__ import annotations

import pandas as pd

from skintag.evaluation.analyses.reliability import UNCALIBRATED
from skintag.evaluation.metrics.groups import DATASET, DOMAIN, FST_GROUP, OVERALL
from skintag.evaluation.report.cells import DOUBTFUL, count, interval, number, words
from skintag.evaluation.report.evidence import Evidence

GROUPINGS = {FST_GROUP: "skin type", DATASET: "dataset", DOMAIN: "domain"}
KINDS = {"temperature": "temperature scaling", "isotonic": "isotonic calibration"}


def calibration_sentences(evidence: Evidence) -> list[tuple[str, str]]:
    """For each grouping of several groups a sentence, and the numbers behind it; none where nothing was calibrated.

    Errors are debiased: the plug-in estimate is above zero by chance, the more so in small groups. A group *stands
    out* where its interval lies above that of all test images; groups that are too small are left out.
    """
    table = evidence.calibration
    if table is None:
        return []
    table = table[(table["model"] == evidence.main) & (table["metric"] == "ece")]
    as_given = table[(table["calibration"] == UNCALIBRATED) & table["value"].notna()]
    everything = as_given[as_given["grouping"] == OVERALL.name]
    out = []
    for grouping, word in GROUPINGS.items():
        rows = as_given[(as_given["grouping"] == grouping.name) & ~as_given["too_few"]]
        if len(rows) > 1 and len(everything):
            codes, names = grouping.codes(evidence.test.frame)
            means = {name: float(evidence.test.score[codes == i].mean()) for i, name in enumerate(names)}
            after = table[table["grouping"] == grouping.name]
            out.append(_sentence(word, rows.sort_values("debiased"), everything.iloc[0], means, after))
    return out


def _sentence(
    word: str, rows: pd.DataFrame, everything: pd.Series, means: dict[str, float], after: pd.DataFrame
) -> tuple[str, str]:
    worst = rows.iloc[-1]
    text = (
        f"Calibration error by {word}: from {_figure(rows.iloc[0])} to {_figure(worst)}; on all test images "
        f"{_figure(everything, named=False)}."
    )
    parts = []
    for _, row in rows[rows["low"] > everything["high"]].iloc[::-1].iterrows():
        parts.append(
            f"{row['group']} (scores average {number(means[row['group']], 2)}, "
            f"{number(row['n_positive'] / row['n'], 2)} are malignant)"
        )
    if parts:
        text += f" {'It stands' if len(parts) == 1 else 'They stand'} out in {words(parts)}."
    calibrated = after[(after["group"] == worst["group"]) & (after["calibration"] != UNCALIBRATED)]
    fitted = [f"{_figure(row, named=False)} after {KINDS.get(row['calibration'], row['calibration'])}"
              for _, row in calibrated.iterrows()]  # fmt: skip
    mark = f"; {DOUBTFUL} its interval may miss its 95%" if DOUBTFUL in text else ""
    detail = (
        "expected calibration error of scores as given, debiased, with 95% intervals; "
        f"{worst['group']}: {count(worst['n'])} images, {number(worst['value'], 2)} before debiasing, "
        f"{number(worst['expected'], 2)} by chance{mark}"
    )
    return text, detail + (f"; {words(fitted)} fitted on val" if fitted else "")


def _figure(row: pd.Series, *, named: bool = True) -> str:
    """The debiased error with its interval; a dagger where that may miss its 95%."""
    doubtful = DOUBTFUL if row["note"] else ""
    inside = [str(row["group"])] if named else []
    limits = interval(row["low"], row["high"], 2)
    return f"{number(row['debiased'], 2)}{doubtful} ({', '.join([*inside, limits] if limits else inside)})"
