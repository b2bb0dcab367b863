"""Thresholds against brute force over every score, ties and edges included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json
from skintag.evaluation.decisions.thresholds import (
    OBJECTIVES,
    Objective,
    Threshold,
    fit_threshold,
    fit_thresholds,
    read_thresholds,
    write_thresholds,
)
from skintag.evaluation.predictions.predictions import Predictions, ValPredictions


def val_rows(target: list[int], score: list[float]) -> ValPredictions:
    rows = {
        "image_id": range(len(target)),
        "split": "val",
        "model": "m",
        "p_malignant": score,
        "target": target,
    }
    return ValPredictions(pd.DataFrame(rows), "m")


def rates(target: np.ndarray, score: np.ndarray, threshold: float) -> tuple[float, float, float]:
    """Sensitivity, specificity and F1, counted one by one."""
    decision = score >= threshold
    tp, fp = int((decision & (target == 1)).sum()), int((decision & (target == 0)).sum())
    positive, negative = int((target == 1).sum()), int((target == 0).sum())
    return tp / positive, (negative - fp) / negative, 2 * tp / (tp + fp + positive)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=40),
    name=st.sampled_from(OBJECTIVES),
    target_rate=st.sampled_from([0.05, 0.5, 0.8, 0.95, 1.0]),
)
def test_no_threshold_does_better(rows: list[tuple[int, int]], name: str, target_rate: float) -> None:
    target, score = np.array([t for t, _ in rows]), np.array([s / 12 for _, s in rows])
    if target.min() == target.max():
        return
    fitted = fit_threshold(val_rows(target.tolist(), score.tolist()), Objective(name, target_rate))
    # every way of cutting the scores, also between them and outside
    cuts = sorted({*score, *(score + 1 / 24), -1.0, 2.0})
    options = [rates(target, score, cut) for cut in cuts]
    sens, spec, f1 = rates(target, score, fitted.value)
    assert (fitted.sensitivity, fitted.specificity) == (sens, spec)
    if name == "youden":
        assert sens + spec == pytest.approx(max(a + b for a, b, _ in options))
        assert fitted.achieved == pytest.approx(sens + spec - 1)
    elif name == "f1":
        assert f1 == max(f for _, _, f in options) == fitted.achieved
    elif name == "target_sensitivity":
        assert sens >= target_rate
        assert (spec, sens) == max((b, a) for a, b, _ in options if a >= target_rate)
        assert fitted.achieved == sens
    else:
        assert spec >= target_rate
        assert (sens, spec) == max((a, b) for a, b, _ in options if b >= target_rate)
        assert fitted.achieved == spec


def test_the_threshold_itself_is_called_malignant() -> None:
    fitted = fit_threshold(val_rows([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9]))
    assert fitted.value == 0.6
    assert fitted.apply([0.6, 0.5999999]).tolist() == [True, False]
    assert (fitted.n, fitted.n_positive, fitted.achieved) == (4, 2, 1.0)


def test_between_equally_good_ones_fewer_cancers_are_missed() -> None:
    # J is 0.5 at 0.8 (sensitivity 0.5, specificity 1) and at 0.2 (sensitivity 1, specificity 0.5)
    fitted = fit_threshold(val_rows([1, 0, 1, 0], [0.8, 0.5, 0.2, 0.1]))
    assert (fitted.value, fitted.sensitivity) == (0.2, 1.0)


def test_nineteen_of_twenty_reach_a_sensitivity_of_095() -> None:
    target = [1] * 20 + [0] * 5
    score = [0.1] + [0.5 + i / 100 for i in range(19)] + [0.2] * 5
    fitted = fit_threshold(val_rows(target, score), Objective("target_sensitivity", 0.95))
    assert (fitted.value, fitted.sensitivity, fitted.specificity) == (0.5, 0.95, 1.0)


def test_a_specificity_that_no_score_reaches_calls_nothing_malignant() -> None:
    val = val_rows([1, 0, 1], [0.5, 1.0, 1.0])
    fitted = fit_threshold(val, Objective("target_specificity", 1.0))
    assert not fitted.apply(val.score).any()
    assert fitted.specificity == 1.0


def test_scores_that_are_all_equal_are_decided_alike() -> None:
    fitted = fit_threshold(val_rows([0, 1, 1], [0.3, 0.3, 0.3]), Objective("f1"))
    assert (fitted.value, fitted.sensitivity, fitted.specificity) == (0.3, 1.0, 0.0)


@pytest.mark.parametrize("target", [[0, 0], [1, 1]])
def test_one_class_in_val_is_an_error(target: list[int]) -> None:
    with pytest.raises(DataError, match="malignant and benign rows"):
        fit_threshold(val_rows(target, [0.1, 0.2]))


def test_no_val_rows_are_an_error(predictions: Predictions) -> None:
    frame = predictions.frame
    with pytest.raises(DataError, match="0 malignant and 0 benign"):
        fit_thresholds(Predictions(frame[frame["split"] == "test"]))


def test_test_rows_are_refused(predictions: Predictions) -> None:
    with pytest.raises(TypeError, match="fit_threshold takes ValPredictions, got TestPredictions"):
        fit_threshold(predictions.test("head"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got Predictions"):
        fit_threshold(predictions)  # type: ignore[arg-type]


def test_test_rows_have_no_influence(predictions: Predictions) -> None:
    frame = predictions.frame
    frame.loc[frame["split"] == "test", "p_malignant"] = 0.5
    assert fit_thresholds(Predictions(frame)) == fit_thresholds(predictions)


def test_thresholds_survive_their_file_to_the_last_bit(predictions: Predictions, tmp_path: Path) -> None:
    fitted = fit_thresholds(predictions, Objective("target_sensitivity"))
    write_thresholds(tmp_path / "thresholds.json", fitted)
    assert read_thresholds(tmp_path / "thresholds.json") == fitted
    assert json.loads((tmp_path / "thresholds.json").read_text())["fitted_on"] == "val"


@pytest.mark.parametrize("text", ["{}", "[]", '{"thresholds": {"m": {"value": 0.5}}}', '{"thresh'])
def test_a_damaged_thresholds_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "thresholds.json").write_text(text)
    with pytest.raises(DataError, match=r"thresholds\.json"):
        read_thresholds(tmp_path / "thresholds.json")


def test_a_misspelt_objective_gets_near_matches() -> None:
    with pytest.raises(ConfigError, match="did you mean 'youden'"):
        Objective("yuoden")
    with pytest.raises(ConfigError, match=r"\(0, 1\]"):
        Objective("target_sensitivity", 95)


def test_a_given_threshold_survives_its_file(tmp_path: Path) -> None:
    nan = float("nan")
    path = tmp_path / "thresholds.json"
    write_thresholds(path, {"m": Threshold(0.5, "given", 0, 0, nan, nan, nan)})
    (again,) = read_thresholds(path).values()
    assert (again.value, again.objective, again.n, again.n_positive) == (0.5, "given", 0, 0)
    assert all(np.isnan([again.achieved, again.sensitivity, again.specificity]))
    assert json.loads(path.read_text())["fitted_on"] is None


@pytest.mark.parametrize(
    ("name", "objective"), [("value", "given"), ("value", "youden"), ("sensitivity", "youden")]
)
def test_a_null_where_a_number_belongs_is_refused(tmp_path: Path, name: str, objective: str) -> None:
    path = tmp_path / "thresholds.json"
    write_thresholds(path, {"m": Threshold(0.5, objective, 4, 2, 0.5, 0.5, 0.5)})
    content = read_json(path)
    content["thresholds"]["m"][name] = None
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=f"{name} is null"):
        read_thresholds(path)


def test_a_missing_thresholds_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"thresholds\.json"):
        read_thresholds(tmp_path / "thresholds.json")


@pytest.mark.parametrize("objective", [Objective("f1"), Objective("target_specificity", 0.9), Objective()])
def test_an_objective_is_read_back_from_its_text(objective: Objective) -> None:
    assert str(Objective.parse(str(objective))) == str(objective)
    with pytest.raises(ConfigError, match="a number after"):
        Objective.parse("target_sensitivity much")
    with pytest.raises(ConfigError):
        Objective.parse("given")
