"""The main model in a sentence or two: what was held out first, all test images behind it."""

from __future__ import annotations

import numpy as np

from skintag.evaluation.plots.style import label_of
from skintag.evaluation.report.cells import count, interval, number, words
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.held_out import foremost

METRICS = ("auroc", "sensitivity", "specificity")
NAMED = 4  # held-out sets in the headline; the table below it has all


def headline(evidence: Evidence) -> str:
    """The main model on what was held out, where something was, and on all test images."""
    everything = _figures(evidence, "overall", "all")
    row = evidence.level(evidence.main, "auroc")
    n, malignant = int(row["n"]), int(row["n_positive"])
    entries = foremost(evidence)
    if not entries:
        return f"On {count(n)} test images, {count(malignant)} of them malignant, {evidence.main} reaches {everything}."
    parts = []
    for entry in entries[:NAMED]:
        reached = everything if entry["n"] == n else _figures(evidence, entry["grouping"], entry["group"])
        parts.append(
            f"on {count(entry['n'])} images of the {entry['grouping']} {entry['group']}, "
            f"{count(entry['n_positive'])} of them malignant, {reached}"
        )
    more = f" and {len(entries) - NAMED} more" if len(entries) > NAMED else ""
    text = f"On what it learned nothing of, {evidence.main} reaches {'; '.join(parts)}{more}."
    if sum(entry["n"] for entry in entries) < n:
        text += f" Together with what it learned of, on all {count(n)} test images, {everything}."
    return text


def _figures(evidence: Evidence, grouping: str, group: str) -> str:
    """AUROC, sensitivity and specificity with their intervals, where they are defined."""
    parts = []
    for metric in METRICS:
        row = evidence.level(evidence.main, metric, grouping, group)
        if np.isfinite(row["value"]):
            few = ", too few to tell" if row["too_few"] else ""
            parts.append(
                f"{label_of(metric)} {number(row['value'])} ({interval(row['low'], row['high'])}{few})"
            )
    return words(parts) or "nothing that is defined: a class is absent"
