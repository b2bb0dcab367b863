"""Calibration maps against scikit-learn's, planted temperatures, and what may not be fitted on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json
from skintag.evaluation.decisions.calibration import (
    KINDS,
    Isotonic,
    Platt,
    Temperature,
    calibrated,
    fit_calibration,
    fit_calibrations,
    fit_isotonic,
    fit_platt,
    fit_temperature,
    read_calibrations,
    write_calibrations,
)
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions, ValPredictions


def val_rows(target: np.ndarray, score: np.ndarray) -> ValPredictions:
    frame = pd.DataFrame(
        {"image_id": range(len(target)), "split": "val", "model": "m", "p_malignant": score, "target": target}
    )
    return ValPredictions(frame, "m")


def overconfident(n: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets drawn from true probabilities, and scores whose logits are `temperature` times too large."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, n)
    return (rng.random(n) < expit(z)).astype(int), expit(temperature * z)


class Scores(ClassifierMixin, BaseEstimator):
    """A fitted scikit-learn classifier whose decision function is the logit of its only feature."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Scores:
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        return logit(X[:, 0])

    def predict(self, X: np.ndarray) -> np.ndarray:
        return (X[:, 0] > 0.5).astype(int)


def sklearn_calibrated(method: str, target: np.ndarray, score: np.ndarray, new: np.ndarray) -> np.ndarray:
    base = FrozenEstimator(Scores().fit(score[:, None], target))
    fitted = CalibratedClassifierCV(base, method=method).fit(score[:, None], target)
    return fitted.predict_proba(new[:, None])[:, 1]


NEW = np.linspace(0.01, 0.99, 99)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_temperature_is_scikit_learns_and_logistic_regressions(temperature: float) -> None:
    target, score = overconfident(400, temperature)
    fitted = fit_temperature(val_rows(target, score))
    np.testing.assert_allclose(
        fitted.apply(NEW), sklearn_calibrated("temperature", target, score, NEW), atol=1e-4
    )
    slope = (
        LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(logit(score)[:, None], target).coef_
    )
    assert 1 / fitted.temperature == pytest.approx(slope[0, 0], rel=1e-4)


def test_a_planted_temperature_is_found() -> None:
    target, score = overconfident(60_000, 2.5, seed=1)
    assert fit_temperature(val_rows(target, score)).temperature == pytest.approx(2.5, rel=0.05)


def test_platt_is_scikit_learns() -> None:
    target, score = overconfident(300, 2.0, seed=2)
    fitted = fit_platt(val_rows(target, score))
    np.testing.assert_allclose(
        fitted.apply(NEW), sklearn_calibrated("sigmoid", target, score, NEW), atol=1e-4
    )


def test_isotonic_is_scikit_learns_and_constant_outside() -> None:
    target, score = overconfident(300, 2.0, seed=3)
    score = score.round(2)  # ties
    fitted = fit_isotonic(val_rows(target, score))
    expected = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, target).predict(NEW)
    np.testing.assert_allclose(fitted.apply(NEW), expected, atol=1e-12)
    assert fitted.apply([0.0])[0] == fitted.probability[0]
    assert fitted.apply([1.0])[0] == fitted.probability[-1]


def test_maps_that_change_nothing() -> None:
    np.testing.assert_allclose(Temperature(1.0).apply(NEW), NEW)
    np.testing.assert_allclose(Platt(1.0, 0.0).apply(NEW), NEW)
    np.testing.assert_allclose(Isotonic((0.0, 1.0), (0.0, 1.0)).apply(NEW), NEW)


def test_temperature_by_hand() -> None:
    assert Temperature(2.0).apply([0.9])[0] == pytest.approx(0.75)  # odds 9 become 3


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), min_size=2, max_size=40))
def test_every_map_rises_and_stays_a_probability(kind: str, rows: list[tuple[int, int]]) -> None:
    target, score = np.array([t for t, _ in rows]), np.array([s / 10 for _, s in rows])
    if target.min() == target.max():
        return
    fitted = fit_calibration(val_rows(target, score), kind)
    out = fitted.apply(np.linspace(0, 1, 50))
    assert ((out >= 0) & (out <= 1)).all()
    assert (np.diff(out) >= -1e-15).all()


def test_an_order_the_wrong_way_round_becomes_one_probability() -> None:
    target, score = overconfident(200, 1.0)
    rows = val_rows(target, 1 - score)
    fitted = fit_platt(rows)
    assert fitted.slope == 0
    assert fitted.apply([0.1, 0.9]) == pytest.approx([target.mean()] * 2, abs=0.01)


@pytest.mark.parametrize("kind", ["temperature", "platt"])
def test_scores_that_are_nearly_0_keep_their_order(kind: str) -> None:
    rng = np.random.default_rng(5)
    target = rng.integers(0, 2, 500)
    score = expit(rng.normal(-18 + 6 * target, 2))  # most below 1e-6
    fitted = fit_calibration(val_rows(target, score), kind)
    assert (np.diff(fitted.apply(np.sort(score))) > 0).all()


def test_a_temperature_is_found_where_most_scores_are_nearly_0_or_1() -> None:
    target, score = overconfident(20_000, 15.0, seed=6)
    assert fit_temperature(val_rows(target, score)).temperature == pytest.approx(15, rel=0.05)


def test_scores_of_exactly_0_do_not_rule_the_fit() -> None:
    target, score = overconfident(2000, 1.0, seed=7)
    score[:2], target[:2] = 0.0, 1  # rounded, and wrong
    assert fit_temperature(val_rows(target, score)).temperature == pytest.approx(1, abs=0.15)


def test_rows_that_are_told_apart_perfectly_have_finite_maps() -> None:
    rows = val_rows(np.array([0] * 20 + [1] * 20), np.array([0.2] * 20 + [0.8] * 20))
    assert 0.001 <= fit_temperature(rows).temperature < 0.1
    np.testing.assert_allclose(fit_temperature(rows).apply([0.2, 0.8]), [0, 1], atol=1e-6)
    assert np.isfinite([fit_platt(rows).slope, fit_platt(rows).intercept]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_only_val_rows_of_both_classes_will_do(kind: str) -> None:
    rows = val_rows(np.array([0, 1]), np.array([0.2, 0.7]))
    test = TestPredictions(rows.frame.assign(split="test"), "m")
    with pytest.raises(TypeError, match="takes ValPredictions"):
        fit_calibration(test, kind)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="2 malignant and 0 benign"):
        fit_calibration(val_rows(np.array([1, 1]), np.array([0.2, 0.7])), kind)


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'isotonic'"):
        fit_calibration(val_rows(np.array([0, 1]), np.array([0.2, 0.7])), "isotonik")


def test_calibrated_rows_differ_in_their_scores_alone(predictions: Predictions) -> None:
    rows = predictions.test("head")
    cooler = calibrated(rows, Temperature(2.0))
    assert isinstance(cooler, TestPredictions)
    np.testing.assert_allclose(cooler.score, Temperature(2.0).apply(rows.score))
    columns = [c for c in rows.frame if c != "p_malignant"]
    pd.testing.assert_frame_equal(cooler.frame[columns], rows.frame[columns])


@pytest.mark.parametrize("kind", KINDS)
def test_calibrations_come_back_from_json_as_they_were(
    predictions: Predictions, tmp_path: Path, kind: str
) -> None:
    fitted = fit_calibrations(predictions, kind)
    assert set(fitted) == {"head", "noise"}
    write_calibrations(tmp_path / "calibration.json", fitted)
    assert read_calibrations(tmp_path / "calibration.json") == fitted


def test_a_file_of_another_kind_is_refused(predictions: Predictions, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_calibrations(path, fit_calibrations(predictions, "isotonic"))
    content = read_json(path)
    for change in ({"version": 2}, {"calibrations": {"m": {"kind": "spline"}}}, {"calibrations": None}):
        path.write_text(json.dumps(content | change))
        with pytest.raises(DataError, match="calibrations of version 1"):
            read_calibrations(path)
    falling = {"kind": "isotonic", "score": [0.1, 0.2], "probability": [0.5, 0.4]}
    path.write_text(json.dumps(content | {"calibrations": {"m": falling}}))
    with pytest.raises(DataError, match="do not fall"):
        read_calibrations(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json"):
        read_calibrations(tmp_path / "gone.json")
