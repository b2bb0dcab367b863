"""Words that captions share: counts, intervals, how they were made."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.evaluation.plots.style import label_of
from skintag.evaluation.report.cells import count
from skintag.evaluation.report.evidence import Evidence

_SHORT: Final = {
    "average_precision": "avg. precision", "f1_malignant": "F1 malignant", "f1_macro": "F1 macro",
    "balanced_accuracy": "balanced acc.", "sensitivity_at_specificity_90": "sens. at spec. 0.90",
    "specificity_at_sensitivity_95": "spec. at sens. 0.95", "brier": "Brier",
}  # fmt: skip


def ordered(evidence: Evidence) -> list[str]:
    """The main model first, then by name."""
    return [evidence.main, *(m for m in evidence.predictions.models if m != evidence.main)]


def overall(evidence: Evidence, models: list[str]) -> pd.DataFrame:
    levels = evidence.assessment.levels
    levels = levels[levels["grouping"] == "overall"]
    return pd.concat([levels[levels["model"] == m] for m in models], ignore_index=True)


def sample(evidence: Evidence) -> str:
    target = evidence.test.target
    return f"n = {count(len(target))} test images, {count(target.sum())} malignant"


def level_of(evidence: Evidence) -> str:
    return f"{evidence.assessment.settings.confidence:.0%}"


def how(evidence: Evidence) -> str:
    return "clustered by patient or lesion" if evidence.clustered else "which ignore clustering"


def short(metric: str) -> str:
    return _SHORT.get(metric, label_of(metric))
