"""The questions of the distillation study, fixed before its results were looked at.

Each is a difference distilled minus labels alone, of one student, on the same test images and seeds. The primary
question is the first; p-values are adjusted by Holm over all distilled arms and students for it, and over all arms,
students and questions together for the secondary ones. More is better in all of them.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Question(NamedTuple):
    """One figure that distillation may change."""

    name: str
    """As tables call it."""
    grouping: str
    group: str
    metric: str


PRIMARY: Final = Question("AUROC", "overall", "all", "auroc")
SECONDARY: Final = (
    Question("accuracy", "overall", "all", "accuracy"),
    Question("F1 macro", "overall", "all", "f1_macro"),
    Question("AUROC dermoscopic", "domain", "dermoscopic", "auroc"),
    Question("AUROC clinical", "domain", "clinical", "auroc"),
    Question("AUROC smartphone", "domain", "smartphone", "auroc"),
)
QUESTIONS: Final = (PRIMARY, *SECONDARY)
ALPHA: Final = 0.05
METRICS: Final = ("auroc", "accuracy", "f1_macro", "sensitivity", "specificity")
