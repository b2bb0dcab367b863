"""Tiers at and around every bound, the two lifting rules, and policies fitted on val."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import Condition
from skintag.evaluation.decisions.triage import (
    ADVICE,
    DISCLAIMER,
    PUBLISHED,
    TIERS,
    TriagePolicy,
    advice,
    read_policies,
    top_condition,
    write_policies,
)
from skintag.evaluation.decisions.triage_fit import fit_triage
from skintag.evaluation.predictions.predictions import Predictions, ValPredictions


def sure_of(*conditions: int, width: int = 10) -> np.ndarray:
    """A row per condition with 0.5 on it and the rest spread evenly."""
    table = np.full((len(conditions), width), 0.5 / (width - 1))
    table[np.arange(len(conditions)), conditions] = 0.5
    return table


def val_rows(target: list[int], score: list[float], conditions: np.ndarray | None = None) -> ValPredictions:
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i:04d}" for i in range(len(target))],
            "dataset": "d",
            "domain": "clinical",
            "split": "val",
            "target": target,
        }
    )
    return Predictions.from_arrays(frame, "m", score, conditions).val("m")


def test_bounds_belong_to_moderate() -> None:
    scores = [0.0, np.nextafter(0.3, 0), 0.3, 0.45, 0.6, np.nextafter(0.6, 1), 1.0]
    expected = ["LOW", "LOW", "MODERATE", "MODERATE", "MODERATE", "HIGH", "HIGH"]
    assert PUBLISHED.tiers(scores).tolist() == expected


@pytest.mark.parametrize("condition", range(11))
def test_only_inflammatory_and_unknown_lift_low(condition: int) -> None:
    tiers = PUBLISHED.tiers([0.1, 0.5, 0.9], sure_of(condition, condition, condition, width=11)).tolist()
    first = "MODERATE" if condition in (Condition.NON_NEOPLASTIC, Condition.OTHER_UNKNOWN) else "LOW"
    assert tiers == [first, "MODERATE", "HIGH"]


def test_a_row_without_conditions_is_not_lifted() -> None:
    table = sure_of(8, 8)
    table[1] = np.nan
    assert PUBLISHED.tiers([0.1, 0.1], table).tolist() == ["MODERATE", "LOW"]
    assert top_condition(table, 2).tolist() == [8, -1]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 10), st.floats(0, 1), st.floats(0, 1)
)
def test_a_higher_score_never_has_a_lower_tier(scores: list[float], top: int, a: float, b: float) -> None:
    policy = TriagePolicy(min(a, b), max(a, b))
    ordered = sorted(scores)
    codes = policy.tier_codes(ordered, sure_of(*[top] * len(ordered), width=11))
    assert (np.diff(codes) >= 0).all()
    assert (codes >= policy.tier_codes(ordered)).all()  # conditions never lower a tier


def test_categories_agree_with_tiers_and_conditions() -> None:
    table = sure_of(0, 8, 4, 4, 8)
    got = PUBLISHED.categories([0.9, 0.1, 0.1, 0.55, 0.32], table).tolist()
    assert got == ["malignant", "inflammatory", "benign", "malignant", "inflammatory"]
    # without conditions the rest is benign
    assert PUBLISHED.categories([0.2, 0.45, 0.5, 0.7]).tolist() == [
        "benign",
        "benign",
        "malignant",
        "malignant",
    ]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_high_is_malignant_and_low_is_not(seed: int, a: float, b: float) -> None:
    rng = np.random.default_rng(seed)
    score, table = rng.random(30), rng.dirichlet(np.full(10, 0.3), 30)
    policy = TriagePolicy(min(a, b), max(a, b))
    tiers, categories = policy.tiers(score, table), policy.categories(score, table)
    assert (categories[tiers == "HIGH"] == "malignant").all()
    assert (categories[tiers == "LOW"] == "benign").all()


def test_fitted_bounds_by_hand() -> None:
    # 20 malignancies 0.05, 0.10 ... 1.00; at most one of them may lie below: low is the second
    malignant = [i / 20 for i in range(1, 21)]
    # 10 others; at most one of them may lie above high
    other = [0.01, 0.02, 0.03, 0.04, 0.06, 0.07, 0.2, 0.21, 0.52, 0.81]
    conditions = sure_of(*[9 if score == 0.05 else 0 for score in malignant + other])
    policy = fit_triage(val_rows([1] * 20 + [0] * 10, malignant + other, conditions), confidence=None)
    assert policy.low == 0.10
    assert policy.high == 0.52
    assert policy.name == "fitted"
    assert (policy.model, policy.n, policy.n_malignant) == ("m", 30, 20)
    assert policy.val_low_share == pytest.approx(1 / 20)
    assert policy.val_low_share_lifted == 0.0  # the only one below is of unknown kind


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=60),
    sensitivity=st.sampled_from([0.5, 0.8, 0.95, 1.0]),
    specificity=st.sampled_from([0.5, 0.9, 1.0]),
)
def test_fitted_bounds_keep_both_promises_on_val(
    rows: list[tuple[int, int]], sensitivity: float, specificity: float
) -> None:
    target, score = np.array([t for t, _ in rows]), np.array([s / 12 for _, s in rows])
    if target.min() == target.max():
        return
    policy = fit_triage(val_rows(target.tolist(), score.tolist()), sensitivity, specificity)
    tiers = policy.tiers(score)
    assert (tiers[target == 1] != "LOW").mean() >= sensitivity - 1e-12
    assert (tiers[target == 0] != "HIGH").mean() >= specificity - 1e-12


def test_a_model_that_separates_the_classes_has_moderate_between_them() -> None:
    policy = fit_triage(val_rows([0] * 60 + [1] * 60, [0.1] * 60 + [0.85] * 60))
    assert (policy.low, policy.high) == pytest.approx((0.35, 0.60))
    assert policy.tiers([0.1, 0.3, 0.5, 0.7, 0.85]).tolist() == ["LOW", "LOW", "MODERATE", "HIGH", "HIGH"]
    # scores of 0 and 1 are no exception: each tier can be reached
    sure = fit_triage(val_rows([0] * 60 + [1] * 60, [0.0] * 60 + [1.0] * 60))
    assert sure.tiers([0.0, 0.5, 1.0]).tolist() == ["LOW", "MODERATE", "HIGH"]
    # nor are neighbours, between which there is no number
    close = fit_triage(val_rows([0] * 60 + [1] * 60, [float(np.nextafter(0.2, 0))] * 60 + [0.2] * 60))
    assert (close.tiers([0.2]) != "LOW").all()
    assert (close.tiers([np.nextafter(0.2, 0)]) != "HIGH").all()


def test_no_promise_is_broken_by_scores_that_cannot_be_told_apart() -> None:
    for score in (0.0, 0.4, 1.0):
        policy = fit_triage(val_rows([0] * 60 + [1] * 60, [score] * 120))
        assert policy.tiers([score]).tolist() == ["MODERATE"]


@pytest.mark.parametrize("condition", range(11))
def test_fitted_policy_never_lets_a_likely_cancer_into_low(condition: int) -> None:
    policy = fit_triage(val_rows([0] * 60 + [1] * 60, [0.1] * 60 + [0.85] * 60))
    tier = policy.tiers([0.05], sure_of(condition, width=11)).item()
    assert tier == ("MODERATE" if condition in (0, 1, 2, 8, 9, 10) else "LOW")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_policy_about_a_threshold_never_disagrees_with_it(
    seed: int, a: float, b: float, threshold: float
) -> None:
    rng = np.random.default_rng(seed)
    score = np.concatenate([rng.random(20), [a, b, threshold]])
    table = rng.dirichlet(np.full(11, 0.3), len(score))
    bounds = TriagePolicy(min(a, b), max(a, b), never_low=(0, 8, 10))
    policy = bounds.around(threshold)
    tiers, categories, called = (
        policy.tiers(score, table),
        policy.categories(score, table),
        score >= threshold,
    )
    assert ((categories == "malignant") == called).all()
    assert not called[tiers == "LOW"].any()
    assert called[tiers == "HIGH"].all()
    # what the bounds promise holds
    assert (bounds.tiers(score, table)[tiers == "LOW"] == "LOW").all()
    assert (bounds.tiers(score, table)[tiers == "HIGH"] == "HIGH").all()


def test_fitting_refuses_test_rows_and_one_class() -> None:
    rows = val_rows([0, 1], [0.2, 0.8])
    frame = rows.frame.assign(split="test")
    with pytest.raises(TypeError, match="ValPredictions"):
        fit_triage(Predictions(frame).test("m"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="0 malignant"):
        fit_triage(val_rows([0, 0], [0.1, 0.2]))
    with pytest.raises(ConfigError, match="target_specificity is 0"):
        fit_triage(rows, target_specificity=0)
    with pytest.raises(ConfigError, match=r"target 1\.5"):
        fit_triage(rows, 1.5)


@pytest.mark.parametrize("bounds", [(0.6, 0.3), (-0.1, 0.5), (0.1, 1.1), (float("nan"), 0.5)])
def test_bounds_that_make_no_sense_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="low <= high"):
        TriagePolicy(*bounds)


@pytest.mark.parametrize("score", [[0.2, float("nan")], [1.2], [[0.1]]])
def test_scores_that_are_no_probabilities_are_refused(score: list[float]) -> None:
    with pytest.raises(ValueError, match="p_malignant"):
        PUBLISHED.tiers(score)


def test_policies_come_back_from_json_as_they_were(tmp_path: Path) -> None:
    policies = {"a": PUBLISHED, "b": fit_triage(val_rows([0, 1, 0, 1], [0.1, 0.2, 0.7 / 3, 0.9]))}
    write_policies(tmp_path / "triage.json", policies)
    assert read_policies(tmp_path / "triage.json") == policies
    entry = json.loads((tmp_path / "triage.json").read_text())["policies"]["a"]
    assert entry["version"] == 2
    with pytest.raises(DataError, match="version 3"):
        TriagePolicy.from_json({**entry, "version": 3})
    # version 1 had neither a confidence nor lifts of its own
    names = ("low", "high", "name", "model", "target_sensitivity", "target_specificity", "n", "n_malignant",
             "val_low_share", "val_low_share_lifted")  # fmt: skip
    first = {"version": 1, **{name: entry[name] for name in names}}
    assert TriagePolicy.from_json(first) == PUBLISHED
    with pytest.raises(DataError, match="never_low"):
        TriagePolicy.from_json({**entry, "never_low": [11]})
    with pytest.raises(DataError, match="'low'"):
        TriagePolicy.from_json({k: v for k, v in entry.items() if k != "low"})
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(DataError, match="triage policies"):
        read_policies(tmp_path / "other.json")


def test_every_advice_carries_the_disclaimer() -> None:
    for tier in TIERS:
        for category in ("malignant", "inflammatory", "benign"):
            text = advice(tier, category)
            assert ADVICE[tier] in text
            assert text.endswith(DISCLAIMER)
    assert "not a diagnosis" in DISCLAIMER
    assert advice("LOW", "inflammatory") != advice("LOW")
    with pytest.raises(ValueError, match="URGENT"):
        advice("URGENT")


@pytest.mark.parametrize("module", ["triage", "thresholds", "calibration"])
def test_what_is_deployed_decides_without_pandas(module: str) -> None:
    heavy = {"pandas", "pyarrow", "torch", "sklearn", "matplotlib"}
    program = f"import sys, skintag.evaluation.decisions.{module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json"):
        read_policies(tmp_path / "gone.json")
