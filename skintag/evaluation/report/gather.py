"""From predictions to evidence: everything that can be computed from the table alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from skintag.core.errors import ConfigError, DataError, near_matches
from skintag.evaluation.analyses.assess import Assessment, AssessmentSettings, assess
from skintag.evaluation.analyses.comparison import compare_models
from skintag.evaluation.analyses.error_analysis import error_table
from skintag.evaluation.analyses.oracle import oracle
from skintag.evaluation.analyses.reliability import calibration_table
from skintag.evaluation.analyses.retention import STUDENT, TEACHER, Retention, Side, retention
from skintag.evaluation.analyses.robustness import robustness_table
from skintag.evaluation.analyses.triage_analysis import fit_policies, operating_points, triage_table
from skintag.evaluation.decisions.calibration import Calibration, fit_calibrations
from skintag.evaluation.decisions.thresholds import GIVEN, Objective, Threshold
from skintag.evaluation.decisions.triage import PUBLISHED
from skintag.evaluation.metrics.groups import AGE_GROUP, DOMAIN, FST_GROUP, OVERALL, SEX
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.cases import Pictures, error_cases
from skintag.evaluation.report.evidence import Evidence, Origin, main_model

CALIBRATIONS: Final = ("temperature", "isotonic")
NO_VAL: Final = "there are no validation rows to fit it on"


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


def gather(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    origin: Origin,
    settings: ReportSettings,
    *,
    distorted: pd.DataFrame | None = None,
    pictures: Callable[[list[str], int], Pictures] | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Evidence:
    """Assess, compare and calibrate what is in the table.

    Args:
        predictions: the table.
        thresholds: by model.
        origin: where the table comes from.
        settings: what the report is made with.
        distorted: `robustness.parquet` of the run, where there is one.
        pictures: gives the pictures of test images, and of so many nearest training images of each.
        say: is told what is being done.

    Raises:
        DataError: the table has no test rows.
        ConfigError: `settings.main` names no model of the table.
    """
    _check(predictions, settings)
    main, reason = (settings.main, "asked for") if settings.main else main_model(predictions)
    draws = settings.assessment
    parts: dict[str, Any] = {}
    missing: dict[str, str] = {}
    say("levels, gaps and pairs")
    assessment = assess(predictions, thresholds, draws)
    say("binarisations and paired comparison")
    parts["binarisations"] = _binarisations(predictions, thresholds, draws, missing)
    parts["comparison"] = _comparison(predictions, thresholds, main, draws)
    say("calibration and triage")
    fitted = all(_both_classes(predictions, model) for model in predictions.models)
    calibrations = {kind: fit_calibrations(predictions, kind) for kind in CALIBRATIONS} if fitted else {}
    policies = (
        fit_policies(predictions) if fitted else {m: {PUBLISHED.name: PUBLISHED} for m in predictions.models}
    )
    parts |= {"calibrations": calibrations, "policies": policies}
    parts["triage"] = triage_table(predictions, policies, settings=draws)
    if fitted:
        parts["calibration"] = _calibration(predictions, calibrations, main, draws)
        parts["operating_points"] = operating_points(predictions, settings=draws)
        parts["oracle"] = _oracle(predictions, thresholds[main], main, draws, missing)
    else:
        missing |= dict.fromkeys(("calibration of scores", "fitted triage", "operating points"), NO_VAL)
    if distorted is not None:
        say("robustness")
        parts["robustness"] = robustness_table(distorted, thresholds, clean=predictions, settings=draws)
    if TEACHER in predictions.models and len(predictions.models) > 1:
        say("what the student lost")
        parts["retention"] = _retention(predictions, thresholds, main, draws)
    cut = thresholds[main].value
    parts["errors"] = error_table(predictions, main, cut, minimum=draws.minimum)
    parts["cases"] = error_cases(
        predictions, main, cut, policies[main], k=settings.errors, neighbours=settings.neighbours,
        pictures=pictures, missing=missing,
    )  # fmt: skip
    return Evidence(origin, predictions, thresholds, assessment, main, reason, missing=missing, **parts)


def _check(predictions: Predictions, settings: ReportSettings) -> None:
    if settings.main is not None and settings.main not in predictions.models:
        raise ConfigError(f"report.main={settings.main}: {near_matches(settings.main, predictions.models)}")
    without = [m for m in predictions.models if not len(predictions.test(m))]
    if without:
        raise DataError(
            "predictions table",
            expected="test rows of every model",
            found=f"none of {', '.join(without)}",
            fix="evaluate a split that has a test set; for a table of one split only, split=test",
        )


def _both_classes(predictions: Predictions, model: str) -> bool:
    target = predictions.val(model).target
    return 0 < int(target.sum()) < len(target)


def _binarisations(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    settings: AssessmentSettings,
    missing: dict[str, str],
) -> dict[str, Assessment]:
    """Overall levels with premalignant counted either way; empty, with a reason, where rows do not say."""
    try:
        sides = {
            side: predictions.with_premalignant(malignant=side == "malignant")
            for side in ("malignant", "benign")
        }
    except DataError as error:
        missing["the other binarisation of premalignant"] = error.found.split(":")[0]
        return {}
    return {side: assess(table, thresholds, settings, groupings=(OVERALL,)) for side, table in sides.items()}


def _comparison(
    predictions: Predictions, thresholds: Mapping[str, Threshold], main: str, settings: AssessmentSettings
) -> pd.DataFrame | None:
    if len(predictions.models) < 2:
        return None
    return compare_models(
        predictions,
        thresholds,
        reference=main,
        metrics=listed("comparison"),
        groupings=(OVERALL,),
        settings=settings,
    )


def _retention(
    predictions: Predictions, thresholds: Mapping[str, Threshold], main: str, settings: AssessmentSettings
) -> Retention | None:
    """The student against its teacher: its head, or the main model of a table without one."""
    student = STUDENT if STUDENT in predictions.models else main
    if student == TEACHER:
        return None
    sides = [Side.of(predictions, name, thresholds[name]) for name in (TEACHER, student)]
    return retention(sides[0], sides[1], settings=settings)


def _oracle(
    predictions: Predictions,
    common: Threshold,
    main: str,
    settings: AssessmentSettings,
    missing: dict[str, str],
) -> pd.DataFrame | None:
    """Gaps under a threshold per group, each fitted for what the common one was fitted for."""
    if common.objective == GIVEN:
        missing["a threshold per group"] = (
            "the common threshold was given, so there is no objective to fit others for"
        )
        return None
    objective = Objective.parse(common.objective)
    groupings = (DOMAIN, FST_GROUP, SEX, AGE_GROUP)
    return oracle(predictions, objective, settings, groupings=groupings, models=[main]).gaps


def _calibration(
    predictions: Predictions,
    calibrations: Mapping[str, Mapping[str, Calibration]],
    main: str,
    settings: AssessmentSettings,
) -> pd.DataFrame:
    """The main model in groups, the others overall."""
    own = {kind: {main: by_model[main]} for kind, by_model in calibrations.items()}
    others = {
        kind: {m: c for m, c in by_model.items() if m != main} for kind, by_model in calibrations.items()
    }
    tables = [
        calibration_table(predictions, own, groupings=(OVERALL, DOMAIN, FST_GROUP), settings=settings),
        calibration_table(predictions, others, groupings=(OVERALL,), settings=settings),
    ]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)
