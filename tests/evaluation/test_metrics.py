"""Metrics against truth worked out by hand and against scikit-learn."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from skintag.evaluation.metrics import metrics
from skintag.evaluation.metrics.registry import METRICS

# 10 rows; decisions at 0.5: TP 3 (.9 .8 .5), FN 1 (.2), FP 2 (.7 .6), TN 4 (.4 .3 .2 .1)
TARGET = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
SCORE = [0.9, 0.8, 0.5, 0.2, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1]
BY_HAND = {
    "accuracy": 7 / 10,
    "sensitivity": 3 / 4,
    "specificity": 4 / 6,
    "balanced_accuracy": (3 / 4 + 4 / 6) / 2,
    "f1_malignant": 6 / 9,  # 2*3 / (2*3 + 2 + 1)
    "f1_macro": (6 / 9 + 8 / 11) / 2,  # benign: 2*4 / (2*4 + 1 + 2)
    # pairs won by the malignant one: .9 6, .8 6, .5 4, .2 1 and half a tie, of 24
    "auroc": 17.5 / 24,
    # recall rises at .9, .8, .5, and .2 (with the tied benign one): precisions 1/1, 2/2, 3/5, 4/9
    "average_precision": (1 + 1 + 3 / 5 + 4 / 9) / 4,
    "brier": (0.01 + 0.04 + 0.25 + 0.64 + 0.49 + 0.36 + 0.16 + 0.09 + 0.04 + 0.01) / 10,
    # in fifteenths the scores are 13.5, 12, 10.5, 10.5, 9, 7.5, 6, 4.5, 3, 3, 1.5: but for the two 0.2 all are alone
    # in their bins, so the mean of |target - score| with 0.2 + 0.2 against one positive
    "ece": (0.1 + 0.2 + 0.7 + 0.6 + 0.5 + 0.4 + 0.3 + 0.6 + 0.1) / 10,
    "sensitivity_at_specificity_90": 2 / 4,  # above .7: no false alarm; one of 6 leaves a specificity of 0.83
    "specificity_at_sensitivity_95": 1 / 6,  # all four take a threshold of .2, which spares .1 alone
}
EDGES = {  # what is undefined on rows of one class, or on none
    "no_positives": {
        "sensitivity",
        "balanced_accuracy",
        "f1_malignant",
        "f1_macro",
        "auroc",
        "average_precision",
        "sensitivity_at_specificity_90",
        "specificity_at_sensitivity_95",
    },
    "no_negatives": {
        "specificity",
        "balanced_accuracy",
        "f1_macro",
        "auroc",
        "average_precision",
        "sensitivity_at_specificity_90",
        "specificity_at_sensitivity_95",
    },
    "empty": set(BY_HAND),
}
pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=60)


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_metric_is_what_it_is_by_hand(name: str) -> None:
    assert METRICS[name](TARGET, SCORE, 0.5) == pytest.approx(BY_HAND[name], rel=1e-12)


@pytest.mark.parametrize("name", sorted(BY_HAND))
@pytest.mark.parametrize("case", EDGES)
def test_undefined_is_nan_without_a_warning(name: str, case: str) -> None:
    target = {"no_positives": [0, 0, 0], "no_negatives": [1, 1, 1], "empty": []}[case]
    score = [0.2, 0.6, 0.7][: len(target)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = METRICS[name](target, score, 0.5)
    assert math.isnan(value) == (name in EDGES[case])


def calibration(target: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, ...]:
    """Share of positives and mean score (by scikit-learn) and share of rows of the 15 bins that have any."""
    # sklearn's bins are closed above, ours below: turned round, the one is the other
    share, mean = calibration_curve(1 - target, 1 - score, n_bins=15)
    bins = np.minimum((score * 15 + 1e-9).astype(int), 14)
    weight = np.bincount(bins, minlength=15)[::-1]
    return share, mean, weight[weight > 0] / len(score)


@settings(max_examples=60, deadline=None)
@given(pairs, st.integers(0, 21))
def test_metrics_agree_with_scikit_learn(rows: list[tuple[int, int]], cut: int) -> None:
    target, steps = (np.array(column) for column in zip(*rows, strict=True))
    if target.min() == target.max():
        return
    score, threshold = steps / 20, cut / 20
    decision = (score >= threshold).astype(int)
    fpr, tpr, _ = sk.roc_curve(target, score, drop_intermediate=False)
    share, mean, weight = calibration(target, score)
    expected = {
        "accuracy": sk.accuracy_score(target, decision),
        "sensitivity": sk.recall_score(target, decision, pos_label=1),
        "specificity": sk.recall_score(target, decision, pos_label=0),
        "balanced_accuracy": sk.balanced_accuracy_score(target, decision),
        "f1_malignant": sk.f1_score(target, decision, zero_division=np.nan),
        "f1_macro": sk.f1_score(target, decision, average="macro", zero_division=np.nan),
        "auroc": sk.roc_auc_score(target, score),
        "average_precision": sk.average_precision_score(target, score),
        "brier": sk.brier_score_loss(target, score),
        "ece": (weight * abs(share - mean)).sum(),
        "sensitivity_at_specificity_90": tpr[1 - fpr > 0.9 - 1e-12].max(),
        "specificity_at_sensitivity_95": (1 - fpr)[tpr > 0.95 - 1e-12].max(),
    }
    assert set(expected) == set(BY_HAND)
    for name, value in expected.items():
        assert METRICS[name](target, score, threshold) == pytest.approx(value, abs=1e-12), name


def test_a_score_equal_to_the_threshold_is_malignant() -> None:
    assert METRICS["sensitivity"]([1, 0], [0.5, 0.4], 0.5) == 1.0


@pytest.mark.parametrize(
    ("target", "decision"), [([0, 2], [0, 1]), ([0, 1], [0.5, 1]), ([[0, 1]], [[0, 1]]), ([0, 1], [1])]
)
def test_what_is_not_binary_or_not_as_long_is_refused(target: list[int], decision: list[float]) -> None:
    with pytest.raises(ValueError):
        metrics.accuracy(target, decision)


def test_nan_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="nan"):
        metrics.auroc([0, 1], [0.1, float("nan")])


@pytest.mark.parametrize(
    ("name", "n", "n_positive", "few"),
    [
        ("sensitivity", 100, 9, True),
        ("sensitivity", 100, 10, False),
        ("sensitivity", 10, 10, False),
        ("specificity", 100, 9, False),
        ("specificity", 100, 91, True),
        ("auroc", 100, 91, True),
        ("auroc", 100, 9, True),
        ("accuracy", 100, 0, False),
        ("accuracy", 9, 5, True),
    ],
)
def test_too_few_looks_at_the_class_that_the_metric_needs(
    name: str, n: int, n_positive: int, few: bool
) -> None:
    assert METRICS[name].too_few(n, n_positive, 10) is few
