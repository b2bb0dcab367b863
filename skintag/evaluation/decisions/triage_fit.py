"""Triage bounds fitted on validation rows: one keeps malignancies out of LOW, the other keeps the rest out of HIGH."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.evaluation.decisions.thresholds import Objective, fit_threshold
from skintag.evaluation.decisions.tolerance import tolerance_bound
from skintag.evaluation.decisions.triage import FITTED_NEVER_LOW, TriagePolicy, condition_scores
from skintag.evaluation.predictions.predictions import ValPredictions, require_val


def fit_triage(
    val: ValPredictions,
    target_sensitivity: float = 0.95,
    target_specificity: float = 0.90,
    confidence: float | None = 0.95,
) -> TriagePolicy:
    """Bounds for one model, fitted on its validation rows.

    The lower one is a one-sided tolerance limit (`skintag.evaluation.decisions.tolerance`), no higher than the plain
    quantile: at least `target_sensitivity` of the val malignancies lie at or above it, and with `confidence` at least
    that share of all patients or lesions with a malignancy have none below it. Val needs 59 of those for 0.95 at 95%;
    with fewer the bound is the lowest malignant score, at most 0.30, and `sensitivity_low` says what that promises.
    Without `confidence` it is the plain quantile, which falls short in about half of all fits. The upper bound is
    the smallest score that at least `target_specificity` of the non-malignant rows lie at or below.

    Where a model tells the classes so well apart that the first is above the second, the scores between them, where
    val had next to nothing, are cut in three: LOW, MODERATE, HIGH. Both promises hold there all the same.

    The bounds are chosen by the score alone, before lifting: the promise then hangs neither on the condition
    head, which domain shift may break, nor on a model having one, and lifting can only better it.

    Raises:
        TypeError: the rows are not `ValPredictions`.
        ConfigError: a target is outside (0, 1], or the confidence outside (0, 1).
        DataError: there are no malignant or no other rows.
    """
    require_val(val, "fit_triage")
    if not 0 < target_specificity <= 1:
        raise ConfigError(f"triage.target_specificity is {target_specificity}: expected a number in (0, 1]")
    sensitive = fit_threshold(val, Objective("target_sensitivity", target_sensitivity)).value
    bound = None if confidence is None else tolerance_bound(val, target_sensitivity, confidence)
    if bound is not None:
        sensitive = min(sensitive, bound.value)
    malignant = val.target == 1
    low, high = _ordered(sensitive, _specific(val.score[~malignant], target_specificity))
    score, conditions = val.score[malignant], condition_scores(val.frame)[malignant]
    fitted = TriagePolicy(low, high, never_low=FITTED_NEVER_LOW)
    return replace(
        fitted, name="fitted", model=val.model, target_sensitivity=target_sensitivity,
        target_specificity=target_specificity, n=len(val), n_malignant=int(malignant.sum()),
        val_low_share=float(np.mean(score < low)),
        val_low_share_lifted=float(np.mean(fitted.tier_codes(score, conditions) == 0)),
        confidence=confidence, n_independent=None if bound is None else bound.n,
        sensitivity_low=None if bound is None else bound.sensitivity_low,
    )  # fmt: skip


def _specific(others: NDArray[np.float64], target: float) -> float:
    """The smallest of the scores that at least the share `target` of them do not exceed."""
    kept = int(np.ceil(target * len(others) - 1e-9))  # 0.9 * 10 must not become 10
    return float(np.sort(others)[max(kept, 1) - 1])


def _ordered(sensitive: float, specific: float) -> tuple[float, float]:
    """Bounds `low` and `high`, of which the first is not above the second, that keep what both stand for."""
    if sensitive <= specific:
        return sensitive, specific
    third = (sensitive - specific) / 3
    return specific + third, sensitive - third
