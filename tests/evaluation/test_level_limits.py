"""Limits of levels where they used to miss: few positives, a giant patient, calibration errors, rankings near 1."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import binomtest
from scipy.stats import t as student

from skintag.evaluation.analyses.level_table import level_table, level_warnings
from skintag.evaluation.analyses.reliability import expected_ece
from skintag.evaluation.metrics.groups import OVERALL
from skintag.evaluation.metrics.levels import standing
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples, replicate
from skintag.evaluation.statistics.curves import precision_recall_curve, roc_curve
from skintag.evaluation.statistics.intervals import level_intervals
from skintag.evaluation.statistics.shares import clustered_shares

Floats = NDArray[np.float64]


def table(
    target: NDArray[np.int64], score: Floats, cluster: NDArray[np.int64] | None = None
) -> TestPredictions:
    n = len(target)
    group = np.arange(n) if cluster is None else cluster
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(n)], "dataset": "d", "domain": "clinical", "split": "test",
            "model": "m", "p_malignant": score, "target": target.astype("int8"), "group_id": [f"g{c}" for c in group],
        }
    )  # fmt: skip
    return TestPredictions(frame, "m")


def levels(rows: TestPredictions, *metrics: str) -> pd.DataFrame:
    found = replicate(rows, 0.5, Resamples.of(rows, 400, 0), groupings=(OVERALL,), metrics=metrics, threads=1)
    return level_table(found).set_index("metric")


def test_balanced_accuracy_keeps_the_doubt_of_a_class_without_a_miss() -> None:
    target = np.repeat([1, 0], [10, 100])
    score = np.where(target == 1, 0.9, np.where(np.arange(110) % 10 == 0, 0.8, 0.1))
    found = levels(table(target, score), "sensitivity", "specificity", "balanced_accuracy")
    low, value = found.loc["balanced_accuracy", ["low", "value"]]
    sure, spared = (
        binomtest(10, 10).proportion_ci(method="wilson"),
        binomtest(90, 100).proportion_ci(method="wilson"),
    )
    assert value == pytest.approx(0.95)
    assert low == pytest.approx(
        0.95 - np.hypot(1 - sure.low, 0.9 - spared.low) / 2, abs=1e-6
    )  # Zou & Donner, by hand


def test_calibration_error_of_perfect_scores_may_be_zero() -> None:
    rng, covered = np.random.default_rng(0), []
    for _ in range(40):
        score = rng.beta(1, 3, 300)
        at = levels(table((rng.random(300) < score).astype(np.int64), score), "ece").loc["ece"]
        covered.append(at["low"] <= 1e-9)
    assert np.mean(covered) >= 0.9  # the plug-in's own interval never reached 0


def test_calibration_error_that_is_there_is_covered_and_told() -> None:
    rng, hits = np.random.default_rng(1), []
    for _ in range(40):
        truth = rng.beta(2, 2, 600)
        at = levels(table((rng.random(600) < truth * 0.7).astype(np.int64), truth), "ece").loc["ece"]
        assert at["low"] > 0
        hits.append(at["low"] <= 0.15 <= at["high"])  # E |0.3 p| = 0.15
    assert np.mean(hits) >= 0.85


def test_patients_with_many_images_weigh_by_their_effective_number() -> None:
    assert standing(np.array([0, 30, *[1] * 60]))[:2] == pytest.approx((61, 90**2 / 960))
    assert standing(np.array([1, 1, 0, 1])) == (3, 3.0, True)
    rng = np.random.default_rng(0)
    target, cluster = np.repeat([1, 0], [90, 90]), np.concatenate([np.zeros(30, np.int64), np.arange(1, 151)])
    score = rng.random(180)
    one = levels(table(target, score, cluster), "sensitivity").loc["sensitivity"]
    alone = levels(table(target, score), "sensitivity").loc["sensitivity"]
    assert "8 independent" in one["note"]
    assert alone["note"] == ""
    assert one["high"] - one["low"] > alone["high"] - alone["low"]


def test_rankings_get_students_limits_on_the_logit_scale() -> None:
    values = np.array([[0.9], [0.94]] * 100)  # a variance of 0.02^2
    low, high = level_intervals([0.92], values, n=[16], kind="ranking")
    reach = student.ppf(0.975, 15) * 0.02 * np.sqrt(16 / 15) / (0.92 * 0.08)
    assert (low[0], high[0]) == pytest.approx((expit(logit(0.92) - reach), expit(logit(0.92) + reach)))
    assert level_intervals([1.0], np.ones((10, 1)), n=[16], kind="ranking")[1][0] == 1


def test_shares_of_single_images_are_binomial_whatever_the_resamples_say() -> None:
    noisy = np.array([[0.7], [0.9]] * 50)
    low, high = level_intervals([0.8], noisy, n=[50], kind="proportion", alone=[True])
    expected = binomtest(40, 50).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


def test_a_level_on_few_patients_says_so() -> None:
    assert level_warnings("sensitivity", 40, 40.0) == []
    assert "15 independent" in level_warnings("auroc", 15, 15.0)[0]
    assert "fewer than 60" in level_warnings("specificity_at_sensitivity_95", 40, 40.0)[0]
    assert "weigh like 72" in level_warnings("brier", 151, 72.0)[0]
    assert level_warnings("accuracy", 151, 72.0) == []


def test_chance_level_of_the_calibration_error_counts_patients() -> None:
    rng = np.random.default_rng(0)
    score = np.repeat(rng.beta(1, 3, 200), 4)
    alike = np.repeat(
        (rng.random(200) < score[::4]).astype(np.int64), 4
    )  # four images of a patient say the same
    patient = np.repeat(np.arange(200), 4)
    rows = expected_ece(score)
    assert expected_ece(score, alike, patient) == pytest.approx(2 * rows)  # sqrt of a design effect of 4
    assert expected_ece(score, alike, np.arange(800)) == pytest.approx(rows)


def test_a_precision_stands_on_its_alarms() -> None:
    # 40 malignant of 160; the four highest scores are malignant, so precision at a recall of 0.1 is 4 of 4
    target = np.zeros(160, dtype=np.int64)
    target[[0, 1, 2, 3, *range(6, 42)]] = 1
    curve = precision_recall_curve(
        rows := table(target, np.linspace(0.99, 0.01, 160)), Resamples.of(rows, 200, 0)
    )
    assert curve.y[10] == 1
    least = student.ppf(0.975, 3) ** 2
    assert curve.low[10] == pytest.approx(4 / (4 + least), abs=0.01)  # Wilson's of 4 of 4; of 40 it was 0.91
    assert curve.doubtful


def test_curves_of_many_single_patients_are_not_marked_and_those_with_a_giant_are() -> None:
    rng = np.random.default_rng(0)
    target = np.repeat([1, 0], [100, 100])
    score = np.clip(rng.normal(0.4 + 0.2 * target, 0.1), 0, 1)
    many = table(target, score)
    giant = table(target, score, np.maximum(np.arange(200) - 60, 0))
    for curve in (roc_curve, precision_recall_curve):
        assert not curve(many, Resamples.of(many, 50, 0)).doubtful
        assert curve(giant, Resamples.of(giant, 50, 0)).doubtful


def test_shares_of_few_patients_are_marked() -> None:
    cell = np.repeat([0, 1, 2], [30, 30, 20])
    patient = np.concatenate([np.arange(30), np.full(20, 30), np.arange(31, 61)])  # 30; one of 20 and 10; 20
    rows = table(np.ones(80, dtype=np.int64), np.full(80, 0.5), patient)
    shares = clustered_shares(cell, np.zeros(80, np.int64), (4, 1), Resamples.of(rows, 20, 0))
    assert shares.doubtful.tolist() == [False, True, True, True]  # an empty cell too


def test_calibration_errors_on_few_images_of_a_class_say_so() -> None:
    assert "40 images of the rarer class" in level_warnings("ece", 160, 160.0, 40)[0]
    assert level_warnings("ece", 300, 300.0, 60) == []
    assert "fewer than 25" in level_warnings("brier", 110, 110.0, 10)[0]
    assert level_warnings("brier", 110, 110.0, 30) == []
    assert level_warnings("accuracy", 110, 110.0, 10) == []
