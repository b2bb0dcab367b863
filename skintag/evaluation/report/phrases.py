"""Words that captions share: counts, intervals, how they were made."""

from __future__ import annotations

import pandas as pd

from skintag.evaluation.metrics.registry import metric_of
from skintag.evaluation.report.cells import count
from skintag.evaluation.report.evidence import Evidence


def ordered(evidence: Evidence) -> list[str]:
    """The main model first, then by name."""
    return [evidence.main, *(m for m in evidence.predictions.models if m != evidence.main)]


def overall(evidence: Evidence, models: list[str]) -> pd.DataFrame:
    """Levels on all test images, a model's rows after the other's."""
    levels = evidence.assessment.levels
    levels = levels[levels["grouping"] == "overall"]
    return pd.concat([levels[levels["model"] == m] for m in models], ignore_index=True)


def sample(evidence: Evidence) -> str:
    """How many test images there are, and how many of them are malignant."""
    target = evidence.test.target
    return f"n = {count(len(target))} test images, {count(target.sum())} malignant"


def level_of(evidence: Evidence) -> str:
    """The confidence of all intervals, in percent."""
    return f"{evidence.assessment.settings.confidence:.0%}"


def how(evidence: Evidence) -> str:
    """Whether intervals know which images belong together, in words that follow `intervals`."""
    return "clustered by patient or lesion" if evidence.clustered else "which ignore clustering"


def short(metric: str) -> str:
    """A metric's heading over a column of its own."""
    return metric_of(metric).short
