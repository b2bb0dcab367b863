"""From predictions to evidence: everything that can be computed from the table alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import pandas as pd

from skintag.core.errors import ConfigError, DataError, near_matches
from skintag.evaluation.analyses.assess import LARGE, Assessment, AssessmentSettings, assess
from skintag.evaluation.analyses.comparison import compare_models
from skintag.evaluation.analyses.error_analysis import error_table
from skintag.evaluation.analyses.oracle import oracle
from skintag.evaluation.analyses.reliability import calibration_table
from skintag.evaluation.analyses.retention import STUDENT, TEACHER, Retention, Side, retention
from skintag.evaluation.analyses.robustness import robustness_table
from skintag.evaluation.analyses.triage_analysis import fit_policies, operating_points, triage_table
from skintag.evaluation.decisions.calibration import Calibration, fit_calibrations
from skintag.evaluation.decisions.thresholds import GIVEN, Objective, Threshold
from skintag.evaluation.decisions.triage import PUBLISHED, TriagePolicy
from skintag.evaluation.metrics.groups import AGE_GROUP, DATASET, DOMAIN, FST_GROUP, OVERALL, SEX
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.cases import Pictures, error_cases
from skintag.evaluation.report.evidence import Evidence, Origin, main_model
from skintag.evaluation.report.like_for_like import standardised_of
from skintag.evaluation.report.settings import ReportSettings

CALIBRATIONS: Final = ("temperature", "isotonic")
NO_VAL: Final = "there are no validation rows to fit it on"


def gather(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    origin: Origin,
    settings: ReportSettings,
    *,
    distorted: pd.DataFrame | None = None,
    pictures: Callable[[list[str], int], Pictures] | None = None,
    own_groups: pd.DataFrame | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Evidence:
    """Assess, compare and calibrate what is in the table.

    Args:
        predictions, thresholds: the table, and a threshold by model.
        origin, settings: where the table comes from, and what the report is made with.
        distorted: `robustness.parquet` of the run, where there is one.
        pictures: gives the pictures of test images, and of so many nearest training images of each.
        own_groups: further columns to group test rows by, indexed by image_id.
        say: is told what is being done.

    Raises:
        DataError: the table has no test rows, or none of them is in `own_groups`.
        ConfigError: `settings.main` names no model of the table.
    """
    _check(predictions, settings)
    main, reason = (settings.main, "asked for") if settings.main else main_model(predictions)
    rows = max(len(predictions.test(model)) for model in predictions.models)
    draws, cut = settings.assessment.for_rows(rows), thresholds[main].value
    if draws != settings.assessment:
        say(
            f"{rows:,} test rows: {draws.resamples:,} resamples and {draws.permutations:,} exchanges instead of "
            f"{settings.assessment.resamples:,} and {settings.assessment.permutations:,} "
            "(report.assessment.adapt=false for all)"
        )
    missing: dict[str, str] = {}
    say("levels, gaps and pairs")
    assessment = assess(predictions, thresholds, draws, attributes=own_groups, progress=rows > LARGE)
    within = standardised_of(predictions.test(main), cut, assessment, own_groups)
    say("binarisations and paired comparison")
    binarisations = _binarisations(predictions, thresholds, draws, missing)
    comparison = _comparison(predictions, thresholds, main, draws)
    say("calibration and triage")
    fitted = _fitted(predictions, thresholds, main, draws, missing)
    cases = error_cases(
        predictions, main, cut, fitted.policies[main], k=settings.errors, neighbours=settings.neighbours,
        pictures=pictures, missing=missing,
    )  # fmt: skip
    evidence = Evidence(
        origin, predictions, thresholds, assessment, main, reason, binarisations=binarisations,
        comparison=comparison, calibrations=fitted.calibrations, calibration=fitted.calibration,
        policies=fitted.policies, triage=fitted.triage, operating_points=fitted.operating_points,
        oracle=fitted.oracle, errors=error_table(predictions, main, cut, minimum=draws.minimum), cases=cases,
        standardised=within, missing=missing,
    )  # fmt: skip
    return _distilled(_distorted(evidence, distorted, say), say)


def _distorted(evidence: Evidence, distorted: pd.DataFrame | None, say: Callable[[str], None]) -> Evidence:
    """With what distorted images do, where they were scored."""
    if distorted is None:
        return evidence
    say("robustness")
    found = robustness_table(
        distorted, evidence.thresholds, clean=evidence.predictions, settings=evidence.assessment.settings
    )
    return replace(evidence, robustness=found)


def _distilled(evidence: Evidence, say: Callable[[str], None]) -> Evidence:
    """With what a student lost, where the table holds its teacher too."""
    predictions, thresholds = evidence.predictions, evidence.thresholds
    if TEACHER not in predictions.models or len(predictions.models) < 2:
        return evidence
    say("what the student lost")
    lost = _retention(predictions, thresholds, evidence.main, evidence.assessment.settings)
    return replace(evidence, retention=lost)


@dataclass(frozen=True)
class _Fitted:
    """What is fitted on val, and what it does on test; without both classes in val the published policy alone."""

    policies: Mapping[str, Mapping[str, TriagePolicy]]
    triage: pd.DataFrame
    calibrations: Mapping[str, Mapping[str, Calibration]] = field(default_factory=dict)
    calibration: pd.DataFrame | None = None
    operating_points: pd.DataFrame | None = None
    oracle: pd.DataFrame | None = None


def _fitted(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    main: str,
    settings: AssessmentSettings,
    missing: dict[str, str],
) -> _Fitted:
    """Calibrations and triage policies; where val cannot tell them, `missing` gets the reason."""
    if not all(_both_classes(predictions, model) for model in predictions.models):
        missing |= dict.fromkeys(("calibration of scores", "fitted triage", "operating points"), NO_VAL)
        published = {model: {PUBLISHED.name: PUBLISHED} for model in predictions.models}
        return _Fitted(published, triage_table(predictions, published, settings=settings))
    calibrations = {kind: fit_calibrations(predictions, kind) for kind in CALIBRATIONS}
    policies = fit_policies(predictions, thresholds)
    return _Fitted(
        policies,
        triage_table(predictions, policies, settings=settings),
        calibrations,
        _calibration(predictions, calibrations, main, settings),
        operating_points(predictions, settings=settings),
        _oracle(predictions, thresholds[main], main, settings, missing),
    )


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
        calibration_table(
            predictions, own, groupings=(OVERALL, DOMAIN, DATASET, FST_GROUP), settings=settings
        ),
        calibration_table(predictions, others, groupings=(OVERALL,), settings=settings),
    ]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)
