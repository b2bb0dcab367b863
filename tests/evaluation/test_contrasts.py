"""Contrasts against values worked out by hand, and against scikit-learn on the drawn rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from skintag.evaluation.statistics.contrasts import (
    ConditionPairs,
    auroc_of,
    auroc_of_pairs,
    standardised_difference,
)
from skintag.evaluation.statistics.sides import RowDraws, mean_of


def ones(n: int) -> RowDraws:
    return RowDraws.as_they_are(n)


def test_the_mantel_haenszel_difference_worked_out_by_hand() -> None:
    # stratum 0: side 1 has 3 of 4 right, side 0 has 1 of 2; stratum 1: side 1 has 0 of 1, side 0 has 2 of 3
    outcome = np.array([1, 1, 1, 0, 1, 0, 0, 1, 1, 0], dtype=float)
    side = np.array([1, 1, 1, 1, 0, 0, 1, 0, 0, 0])
    strata = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    w0, w1 = 4 * 2 / 6, 1 * 3 / 4
    expected = (w0 * (3 / 4 - 1 / 2) + w1 * (0 - 2 / 3)) / (w0 + w1)
    contrast = standardised_difference(outcome, side, strata, ones(10))
    assert contrast.value == pytest.approx(expected, abs=1e-6)
    assert (contrast.n_a, contrast.n_b) == (5, 5)


def test_a_gap_that_is_all_confounding_vanishes() -> None:
    # side 1 is seen mostly in the hard stratum; within each stratum both sides do equally well
    outcome = np.concatenate([np.tile([1, 1, 1, 0], 30), np.tile([1, 0, 0, 0], 30)]).astype(float)
    strata = np.repeat([0, 1], 120)
    side = np.concatenate([np.repeat([1, 0], [20, 100]), np.repeat([1, 0], [100, 20])])
    raw = outcome[side == 1].mean() - outcome[side == 0].mean()
    assert raw < -0.2
    assert standardised_difference(outcome, side, strata, ones(240)).value == pytest.approx(0, abs=1e-6)


def test_strata_with_one_side_and_rows_of_no_side_take_no_part() -> None:
    outcome = np.array([1, 0, 1, 1, 0], dtype=float)
    side, strata = np.array([1, 0, 1, -1, 0]), np.array([0, 0, 1, 0, -1])
    contrast = standardised_difference(outcome, side, strata, ones(5))
    assert contrast.value == pytest.approx(1.0)
    assert (contrast.n_a, contrast.n_b) == (1, 1)
    nothing = standardised_difference(outcome, np.full(5, 1), strata, ones(5))
    assert np.isnan(nothing.value)
    assert nothing.n_b == 0


def test_a_weight_of_two_counts_as_two_rows() -> None:
    rng = np.random.default_rng(0)
    outcome, side, strata = (
        rng.integers(0, 2, 60).astype(float),
        rng.integers(0, 2, 60),
        rng.integers(0, 3, 60),
    )
    counts = rng.integers(0, 3, 60)
    rows = np.repeat(np.arange(60), counts)
    counted = RowDraws(counts[None].astype(np.float32), np.arange(60))
    weighted = standardised_difference(outcome, side, strata, counted).value
    repeated = standardised_difference(outcome[rows], side[rows], strata[rows], ones(len(rows))).value
    assert weighted == pytest.approx(repeated, abs=1e-6)


def test_auroc_of_pairs_agrees_with_scikit_learn_on_drawn_rows_with_ties() -> None:
    rng = np.random.default_rng(1)
    score, target = rng.integers(0, 20, 200) / 20, rng.integers(0, 2, 200)
    weights = RowDraws.draw(pd.Series([f"c{i // 3}" for i in range(200)]), 5, seed=2)
    found = auroc_of_pairs(
        score, [np.flatnonzero(target == 1)], [np.flatnonzero(target == 0)], weights.weights
    )
    for w, value in zip(weights.weights, found[:, 0], strict=True):
        assert value == pytest.approx(roc_auc_score(target, score, sample_weight=w), abs=1e-6)
    assert auroc_of(score, target, np.ones(200, bool), weights).draws == pytest.approx(found[:, 0])


def test_only_pairs_that_both_sides_have_are_compared_and_with_the_same_weights() -> None:
    condition = np.array([0, 0, 4, 4, 0, 0, 4, 4, 5, 5, 1, 1])
    target = np.array([1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1])
    a = np.arange(12) < 4
    pairs = ConditionPairs.shared(condition, target, a, ~a, conditions=range(8), minimum=2)
    assert pairs.pairs == ((0, 4),)
    assert pairs.weights.tolist() == [1.0]
    score = np.array([0.9, 0.4, 0.5, 0.1, 0.9, 0.8, 0.1, 0.2, 1.0, 1.0, 0.0, 0.0])
    assert pairs.auroc(score, condition, target, a, ones(12)).value == pytest.approx(0.75)
    assert pairs.auroc(score, condition, target, ~a, ones(12)).value == pytest.approx(
        1.0
    )  # 5 and 1 play no part
    assert np.isnan(ConditionPairs((), np.zeros(0)).auroc(score, condition, target, a, ones(12)).value)


def test_contrasts_of_the_same_resamples_subtract_and_average_draw_by_draw() -> None:
    rng = np.random.default_rng(3)
    side, strata = rng.integers(0, 2, 90), np.zeros(90, int)
    weights = RowDraws.draw(pd.Series(np.arange(90).astype(str)), 20, seed=0)
    a, b = (standardised_difference(rng.random(90), side, strata, weights) for _ in range(2))
    assert (a - b).draws == pytest.approx(a.draws - b.draws)
    assert mean_of([a, b]).draws == pytest.approx((a.draws + b.draws) / 2)
    assert (a - a).draws == pytest.approx(np.zeros(21))
