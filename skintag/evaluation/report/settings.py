"""What a report is made with, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from skintag.core.errors import ConfigError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.decisions.thresholds import Objective


@dataclass(frozen=True)
class ReportSettings:
    """What a report is made with."""

    assessment: AssessmentSettings = field(default_factory=AssessmentSettings)
    """Resamples, exchanges, confidence, seed, and when a group is too small."""
    main: str | None = None
    """Model that detailed figures show; null: the best by AUROC on validation rows."""
    objective: str | None = None
    """What thresholds are fitted for on val; null: a run's own thresholds, `youden` for other tables."""
    target: float = 0.95
    """The sensitivity or specificity that `target_sensitivity` and `target_specificity` aim at."""
    threshold: float | None = None
    """One threshold for all models, fixed before the test, where there are no validation rows."""
    errors: int = 6
    """Missed malignancies and false alarms that are shown, of each."""
    neighbours: int = 5
    """Nearest training images that are shown beside each."""

    def __post_init__(self) -> None:
        for name in ("errors", "neighbours"):
            if getattr(self, name) < 0:
                raise ConfigError(f"report.{name} is {getattr(self, name)}: expected 0 or more")
        _ = self.threshold_objective

    @property
    def threshold_objective(self) -> Objective:
        """The objective as an object; checks both fields."""
        return Objective(self.objective or "youden", self.target)
