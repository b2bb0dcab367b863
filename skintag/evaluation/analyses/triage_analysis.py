"""Where malignancies and images end up under triage policies, and what other target sensitivities would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.decisions.thresholds import Objective, Threshold, fit_threshold
from skintag.evaluation.decisions.triage import (
    PUBLISHED,
    TIERS,
    TriagePolicy,
    condition_scores,
    top_condition,
)
from skintag.evaluation.decisions.triage_fit import fit_triage
from skintag.evaluation.metrics.groups import DATASET, DOMAIN, FST_GROUP, OVERALL, Grouping
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.shares import Ints, Shares, clustered_shares

TARGETS: Final = (0.99, 0.95, 0.90, 0.85)
TRIAGE_GROUPINGS: Final = (OVERALL, DOMAIN, FST_GROUP, DATASET)


def fit_policies(
    predictions: Predictions, thresholds: Mapping[str, Threshold] | None = None
) -> dict[str, dict[str, TriagePolicy]]:
    """The published policy and one fitted on val, for every model: model -> policy's name -> policy.

    With thresholds, by model, the fitted one never disagrees with the decision (`TriagePolicy.around`).

    Raises:
        DataError: a model's val rows are of one class only.
    """
    out = {}
    for model in predictions.models:
        fitted = fit_triage(predictions.val(model))
        if thresholds is not None and model in thresholds:
            fitted = fitted.around(thresholds[model].value)
        out[model] = {PUBLISHED.name: PUBLISHED, "fitted": fitted}
    return out


def triage_table(
    predictions: Predictions,
    policies: Mapping[str, Mapping[str, TriagePolicy]],
    *,
    groupings: Sequence[Grouping] = TRIAGE_GROUPINGS,
    settings: AssessmentSettings = DEFAULTS,
) -> pd.DataFrame:
    """How test images and their malignancies fall into tiers, per group.

    Args:
        predictions: the table.
        policies: model -> name -> policy (`fit_policies`).
        groupings: how test rows fall into groups.
        settings: resamples, confidence, seed; `minimum` malignancies, below which `too_few` marks a group.

    Returns:
        A row per model, policy, group and tier: `model policy low_bound high_bound grouping group tier n n_malignant`
        (of the group) `n_tier n_tier_malignant` (of its tier), `share_of_malignancies` and `share_of_images` with
        clustered limits (`_low`, `_high`), marked `_doubtful` where these stand on too few patients, `prevalence` (of
        malignancy in the tier), `n_lifted` (images that the likeliest condition lifted out of LOW into this tier),
        `has_conditions` (whether the model gives any) and
        `too_few`. Undefined is nan.
    """
    out = []
    for model, named in policies.items():
        rows = predictions.test(model)
        draws = Resamples.of(rows, settings.resamples, settings.seed)
        conditions = condition_scores(rows.frame)
        known = top_condition(conditions, len(rows)) >= 0
        for name, policy in named.items():
            tier = policy.tier_codes(rows.score, conditions).astype(np.int64)
            lifted = tier != policy.tier_codes(rows.score)
            part = _tiers(rows, tier, lifted, groupings, draws, settings)
            bounds = part.assign(low_bound=policy.low, high_bound=policy.high)
            out.append(bounds.assign(model=model, policy=name, has_conditions=bool(known.any())))
    columns = ["model", "policy", "low_bound", "high_bound", "grouping", "group", "tier", "n", "n_malignant"]
    columns += ["n_tier", "n_tier_malignant", "n_lifted"]
    ends = ("", "_low", "_high", "_doubtful")
    columns += [s + x for s in ("share_of_malignancies", "share_of_images") for x in ends]
    columns += ["prevalence", "has_conditions", "too_few"]
    return pd.concat(out, ignore_index=True)[columns] if out else pd.DataFrame(columns=columns)


def operating_points(
    predictions: Predictions,
    targets: Sequence[float] = TARGETS,
    *,
    models: Sequence[str] | None = None,
    groupings: Sequence[Grouping] = (OVERALL,),
    settings: AssessmentSettings = DEFAULTS,
) -> pd.DataFrame:
    """Sensitivity and specificity on test at thresholds that reach target sensitivities on val.

    Returns:
        A row per model, target and group: `model target_sensitivity threshold val_sensitivity val_specificity n_val
        n_val_malignant grouping group n n_malignant sensitivity sensitivity_low sensitivity_high specificity
        specificity_low specificity_high reached`; `reached` says whether test's sensitivity is at least the target.

    Raises:
        DataError: a model's val rows are of one class only.
    """
    out: list[dict[str, object]] = []
    for model in predictions.models if models is None else models:
        val, rows = predictions.val(model), predictions.test(model)
        draws = Resamples.of(rows, settings.resamples, settings.seed)
        for target in targets:
            fitted = fit_threshold(val, Objective("target_sensitivity", target))
            head = {
                "model": model,
                "target_sensitivity": target,
                "threshold": fitted.value,
                "val_sensitivity": fitted.sensitivity,
                "val_specificity": fitted.specificity,
                "n_val": fitted.n,
                "n_val_malignant": fitted.n_positive,
            }
            for grouping in groupings:
                out += [head | cell for cell in _reached_in(grouping, rows, fitted, target, draws, settings)]
    return pd.DataFrame(out).astype({"reached": "boolean"}) if out else pd.DataFrame()


def _reached_in(
    grouping: Grouping,
    rows: TestPredictions,
    fitted: Threshold,
    target: float,
    draws: Resamples,
    settings: AssessmentSettings,
) -> list[dict[str, object]]:
    """Sensitivity and specificity of each group of a grouping, and whether the target is reached."""
    decision = fitted.apply(rows.score)
    codes, names = grouping.codes(rows.frame)
    cell = np.where(codes >= 0, 2 * codes + rows.target, -1)  # others and malignant of each group
    right = np.where(decision == (rows.target == 1), 0, -1)
    shares = clustered_shares(cell, right, (2 * len(names), 1), draws, confidence=settings.confidence)
    out: list[dict[str, object]] = []
    for i, group in enumerate(names):
        sizes = {
            "n": int(shares.n[2 * i] + shares.n[2 * i + 1]),
            "n_malignant": int(shares.n[2 * i + 1]),
        }
        sensitivity = _limits("sensitivity", shares, 2 * i + 1, 0)
        specificity = _limits("specificity", shares, 2 * i, 0)
        reached = {"reached": _reached(sensitivity["sensitivity"], target)}
        out.append(
            {"grouping": grouping.name, "group": group, **sizes, **sensitivity, **specificity, **reached}
        )
    return out


def _tiers(
    rows: TestPredictions,
    tier: Ints,
    lifted: NDArray[np.bool_],
    groupings: Sequence[Grouping],
    draws: Resamples,
    settings: AssessmentSettings,
) -> pd.DataFrame:
    """A row per grouping, group and tier."""
    malignant = rows.target == 1
    labels: list[tuple[str, str]] = []
    cells: list[Ints] = []  # every group twice: its images, then its malignancies
    for grouping in groupings:
        codes, names = grouping.codes(rows.frame)
        cells.append(np.where(codes >= 0, codes + len(labels), -1))
        labels += [(grouping.name, name) for name in names]
    groups = len(labels)
    cells += [np.where(malignant & (cell >= 0), cell + groups, -1) for cell in cells]
    row = np.tile(np.arange(len(rows)), len(cells))
    cell, outcome = np.concatenate(cells), tier[row]
    shape = (2 * groups, len(TIERS))
    shares = clustered_shares(cell, outcome, shape, draws, row=row, confidence=settings.confidence)
    up = (cell >= 0) & (cell < groups) & lifted[row]
    raised = np.bincount(cell[up] * len(TIERS) + outcome[up], minlength=groups * len(TIERS))
    return pd.DataFrame(
        {"grouping": grouping_name, "group": name, "tier": TIERS[t]}
        | _tier(shares, g, g + groups, t, settings.minimum)
        | {"n_lifted": int(raised[g * len(TIERS) + t])}
        for g, (grouping_name, name) in enumerate(labels)
        for t in range(len(TIERS))
    )


def _tier(shares: Shares, images: int, malignancies: int, tier: int, minimum: int) -> dict[str, object]:
    """What a group, which is two cells of the shares, has in one tier."""
    n, ill = int(shares.hits[images, tier]), int(shares.hits[malignancies, tier])
    figures: dict[str, object] = {
        "n": int(shares.n[images]),
        "n_malignant": int(shares.n[malignancies]),
        "n_tier": n,
        "n_tier_malignant": ill,
        "prevalence": ill / n if n else np.nan,
        "too_few": int(shares.n[malignancies]) < minimum,
    }
    figures |= _limits("share_of_malignancies", shares, malignancies, tier)
    return figures | _limits("share_of_images", shares, images, tier)


def _limits(name: str, shares: Shares, cell: int, outcome: int) -> dict[str, Any]:
    """A share and its limits under their column names, and whether these stand on too few patients."""
    values = (shares.value, shares.low, shares.high)
    limits = {
        name + end: float(v[cell, outcome]) for end, v in zip(("", "_low", "_high"), values, strict=True)
    }
    return limits | {f"{name}_doubtful": bool(shares.doubtful[cell])}


def _reached(sensitivity: float, target: float) -> bool | None:
    return None if np.isnan(sensitivity) else sensitivity >= target
