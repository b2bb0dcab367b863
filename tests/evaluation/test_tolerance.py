"""The bound of LOW keeps its word in 95% of fits, whatever the scores and however pictures cluster."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skintag.core.errors import ConfigError
from skintag.evaluation.decisions.tolerance import (
    CAUTIOUS,
    allowed_misses,
    lower_limit,
    lowest_malignant,
    needed,
    tolerance_bound,
)
from skintag.evaluation.decisions.triage_fit import fit_triage
from skintag.evaluation.predictions.predictions import Predictions, ValPredictions


def val_rows(malignant: np.ndarray, others: np.ndarray, groups: np.ndarray | None = None) -> ValPredictions:
    """Validation rows; `groups`: patients of the malignant ones."""
    n = len(malignant) + len(others)
    group = (
        [None] * n if groups is None else [f"p{g}" for g in groups] + [f"o{i}" for i in range(len(others))]
    )
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i:05d}" for i in range(n)],
            "dataset": "d",
            "domain": "clinical",
            "split": "val",
            "target": [1] * len(malignant) + [0] * len(others),
            "group_id": pd.Series(group, dtype="str"),
        }
    )
    return Predictions.from_arrays(frame, "m", np.concatenate([malignant, others])).val("m")


@pytest.mark.parametrize(
    ("n", "expected"), [(1, None), (58, None), (59, 0), (92, 0), (93, 1), (124, 2), (1000, 38)]
)
def test_allowed_misses_are_the_most_that_keep_the_promise(n: int, expected: int | None) -> None:
    assert allowed_misses(n, 0.95, 0.95) == expected
    misses = -1 if expected is None else expected
    if expected is not None:
        assert lower_limit(misses, n, 0.95) >= 0.95
    assert lower_limit(misses + 1, n, 0.95) < 0.95


def test_fifty_nine_malignancies_are_needed() -> None:
    assert (needed(0.95, 0.95), needed(0.9, 0.95), needed(0.99, 0.95), needed(1.0, 0.95)) == (
        59,
        29,
        299,
        None,
    )
    assert 0.95**59 <= 0.05 < 0.95**58


@pytest.mark.long
@pytest.mark.parametrize("n", [60, 154, 400])
def test_true_sensitivity_falls_short_in_at_most_five_of_a_hundred_fits(n: int) -> None:
    rng = np.random.default_rng(n)
    fits, truth = 300, stats.norm(1.0, 1.0)  # of the logits of malignant scores
    short = plain = 0
    for _ in range(fits):
        z = truth.rvs(n, random_state=rng)
        val = val_rows(1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-rng.normal(-1, 1, 50))))
        for confidence in (0.95, None):
            low = fit_triage(val, confidence=confidence).low
            missed = truth.cdf(np.log(low / (1 - low))) > 0.05
            short, plain = (
                short + (missed and confidence is not None),
                plain + (missed and confidence is None),
            )
    assert short / fits <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / fits)
    assert plain / fits > 0.3  # the plain quantile is a coin flip


def patients(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores and patients of n patients of 1 to 10 pictures, alike within a patient."""
    patient = np.repeat(np.arange(n), rng.choice([1, 2, 5, 10], n))
    return 1 / (1 + np.exp(-rng.normal(rng.normal(1.5, 0.5, n)[patient], 0.8))), patient


@pytest.mark.long
def test_patients_with_many_pictures_count_once() -> None:
    rng = np.random.default_rng(3)
    score, patient = patients(rng, 20_000)
    lowest = np.sort(pd.Series(score).groupby(patient).min())
    short, by_picture, fits = 0, 0, 300
    for _ in range(fits):
        own, groups = patients(rng, 120)
        policy = fit_triage(val_rows(own, np.linspace(0.01, 0.99, 99), groups))
        assert policy.n_independent == 120
        short += np.searchsorted(lowest, policy.low) / len(lowest) > 0.05
        alone = fit_triage(val_rows(own, np.linspace(0.01, 0.99, 99)))
        by_picture += np.searchsorted(lowest, alone.low) / len(lowest) > 0.05
    assert short / fits <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / fits)
    assert by_picture / fits > 0.3  # pictures taken as independent would promise too much


def test_one_patient_is_one_by_the_lowest_of_their_pictures() -> None:
    val = val_rows(np.array([0.9, 0.2, 0.6, 0.8]), np.array([0.1]), np.array([1, 1, 2, 3]))
    assert lowest_malignant(val).tolist() == [0.2, 0.6, 0.8]
    assert lowest_malignant(val_rows(np.array([0.9, 0.2]), np.array([0.1]))).tolist() == [0.2, 0.9]


def test_bounds_by_hand() -> None:
    score = np.linspace(0.305, 0.9, 93)
    bound = tolerance_bound(val_rows(score, np.array([0.1])), 0.95, 0.95)
    assert (bound.value, bound.n, bound.misses) == (score[1], 93, 1)
    fewer = tolerance_bound(val_rows(score[:58], np.array([0.1])), 0.95, 0.95)
    assert fewer.value == CAUTIOUS == 0.30  # no promise: not above the published bound
    assert fewer.sensitivity_low == pytest.approx(0.05 ** (1 / 58))
    assert tolerance_bound(val_rows(score[:58] / 2, np.array([0.1])), 0.95, 0.95).value == score[0] / 2


def test_policy_says_whether_it_promises() -> None:
    others = np.linspace(0.01, 0.5, 40)
    enough = fit_triage(val_rows(np.linspace(0.2, 0.9, 59), others))
    few = fit_triage(val_rows(np.linspace(0.2, 0.9, 58), others))
    assert (enough.promised, few.promised) == (True, False)
    assert (enough.confidence, enough.n_independent) == (0.95, 59)
    assert enough.sensitivity_low == pytest.approx(0.05 ** (1 / 59))
    plain = fit_triage(val_rows(np.linspace(0.2, 0.9, 59), others), confidence=None)
    assert (plain.promised, plain.sensitivity_low) == (False, None)
    assert plain.low > enough.low


@pytest.mark.parametrize("confidence", [0.0, 1.0, -1.0, float("nan")])
def test_confidence_that_nothing_has_is_refused(confidence: float) -> None:
    with pytest.raises(ConfigError, match="confidence"):
        fit_triage(val_rows(np.array([0.5, 0.6]), np.array([0.1])), confidence=confidence)
