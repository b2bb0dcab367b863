"""From predictions to evidence: everything that can be computed from the table alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from skintag.errors import ConfigError, DataError, near_matches
from skintag.evaluation.assess import Assessment, AssessmentSettings, assess
from skintag.evaluation.comparison import compare_models
from skintag.evaluation.groups import OVERALL
from skintag.evaluation.predictions import Predictions
from skintag.evaluation.report.evidence import Evidence, Origin, main_model
from skintag.evaluation.thresholds import Threshold

COMPARED: Final = ("auroc", "average_precision", "sensitivity", "specificity", "f1_macro", "brier")


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
                raise ConfigError(f"{name} is {getattr(self, name)}: expected 0 or more")


def gather(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    origin: Origin,
    settings: ReportSettings,
    say: Callable[[str], None] = lambda text: None,
) -> Evidence:
    """Assess, compare and calibrate what is in the table. `say` is told what is being done.

    Raises:
        DataError: the table has no test rows.
        ConfigError: `settings.main` names no model of the table.
    """
    _check(predictions, settings)
    main, reason = (settings.main, "asked for") if settings.main else main_model(predictions)
    assert main is not None
    say("levels, gaps and pairs")
    assessment = assess(predictions, thresholds, settings.assessment)
    missing: dict[str, str] = {}
    say("both binarisations")
    binarisations = _binarisations(predictions, thresholds, settings.assessment, missing)
    say("paired comparison of models")
    comparison = _comparison(predictions, thresholds, main, settings.assessment)
    return Evidence(
        origin=origin,
        predictions=predictions,
        thresholds=thresholds,
        assessment=assessment,
        main=main,
        main_reason=reason,
        binarisations=binarisations,
        comparison=comparison,
        missing=missing,
    )


def _check(predictions: Predictions, settings: ReportSettings) -> None:
    if settings.main is not None and settings.main not in predictions.models:
        raise ConfigError(f"main={settings.main}: {near_matches(settings.main, predictions.models)}")
    without = [m for m in predictions.models if not len(predictions.test(m))]
    if without:
        raise DataError(
            "predictions table",
            expected="test rows of every model",
            found=f"none of {', '.join(without)}",
            fix="evaluate a split that has a test set; for a table of one split only, split=test",
        )


def _binarisations(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    settings: AssessmentSettings,
    missing: dict[str, str],
) -> dict[str, Assessment]:
    """Overall levels with premalignant counted either way; empty, with a reason, where rows do not say."""
    try:
        tables = {side: predictions.with_premalignant(malignant=side == "malignant") for side in ("malignant", "benign")}
    except DataError as error:
        missing["binarisations"] = (
            f"the other binarisation cannot be shown: {error.found}. Rows need a malignancy (benign, premalignant, "
            "malignant)"
        )
        return {}
    return {side: assess(table, thresholds, settings, groupings=(OVERALL,)) for side, table in tables.items()}


def _comparison(
    predictions: Predictions, thresholds: Mapping[str, Threshold], main: str, settings: AssessmentSettings
) -> pd.DataFrame | None:
    if len(predictions.models) < 2:
        return None
    return compare_models(
        predictions, thresholds, reference=main, metrics=COMPARED, groupings=(OVERALL,), settings=settings
    )
