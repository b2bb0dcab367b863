"""Comparisons of models and runs: values against the metrics themselves, planted truths, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import equalized_odds_difference

from skintag.core.errors import DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.comparison import compare_models, compare_runs
from skintag.evaluation.decisions.thresholds import Threshold, fit_thresholds
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, OVERALL, evaluate
from skintag.evaluation.metrics.registry import METRICS, own_metrics
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.differences import holm
from skintag.evaluation.statistics.gap_replicates import BETWEEN
from tests.evaluation.simulated import images, scored

QUICK = AssessmentSettings(resamples=300, seed=2)
GROUPINGS = (OVERALL, DOMAIN, FST_GROUP)
SOME = ("accuracy", "auroc", "sensitivity", "specificity", "f1_malignant")


def fixed(value: float) -> Threshold:
    return Threshold(value, "by hand", 1, 1, 1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def table() -> Predictions:
    """`good` knows more than `weak`; `copy` is `good` again."""
    frame = images(900, seed=4)
    both = scored(frame, {"good": 2.5, "weak": 0.8})
    good = both.frame[both.frame["model"] == "good"]
    return Predictions(pd.concat([both.frame, good.assign(model="copy")]))


@pytest.fixture(scope="module")
def compared(table: Predictions) -> pd.DataFrame:
    return compare_models(table, fit_thresholds(table), groupings=GROUPINGS, settings=QUICK)


def cell(frame: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_a_single_model_has_nothing_to_be_compared_with(table: Predictions, compared: pd.DataFrame) -> None:
    alone = Predictions(table.frame[table.frame["model"] == "good"])
    for reference in (None, "good"):
        found = compare_models(alone, fit_thresholds(alone), reference=reference, settings=QUICK)
        assert found.empty
        assert found.columns.tolist() == compared.columns.tolist()


def test_values_are_those_of_each_model_at_its_own_threshold(
    table: Predictions, compared: pd.DataFrame
) -> None:
    thresholds = fit_thresholds(table)
    assert thresholds["good"].value != thresholds["weak"].value
    for side, model in (("value_a", "good"), ("value_b", "weak")):
        expected = evaluate(table.test(model), thresholds[model].value, groupings=GROUPINGS)
        part = compared[(compared["model_a"] == "good") & (compared["model_b"] == "weak")]
        merged = part.merge(expected, on=["grouping", "group", "metric"], validate="one_to_one")
        assert len(merged) == len(expected) == 6 * len(own_metrics())
        np.testing.assert_array_equal(merged[side], merged["value"])
        np.testing.assert_array_equal(merged["n_x"], merged["n_y"])
    assert set(compared["metric"]) > set(METRICS)
    difference = compared["value_a"] - compared["value_b"]
    np.testing.assert_array_equal(compared["difference"], difference)


def test_a_model_does_not_differ_from_its_copy(compared: pd.DataFrame) -> None:
    same = compared[(compared["model_a"] == "copy") & (compared["model_b"] == "good")]
    told = same[same["difference"].notna() & same["low"].notna()]
    assert len(told) > 60
    assert (told["difference"] == 0).all()
    assert (told["p_value"] == 1).all()
    assert (told["low"] <= 0).all()
    assert (told["high"] >= 0).all()


def test_a_better_model_is_found_better(compared: pd.DataFrame) -> None:
    found = cell(compared, model_a="good", model_b="weak", grouping="overall", metric="auroc")
    assert 0 < found["low"] < found["difference"] < found["high"]
    assert found["p_value"] < 1e-4
    assert found["clustered"]
    assert (found["n_only_a"], found["n_only_b"]) == (0, 0)


def test_gaps_are_compared_and_agree_with_fairlearn(table: Predictions, compared: pd.DataFrame) -> None:
    found = cell(
        compared, model_a="good", model_b="weak", grouping="fst_group", metric="equalized_odds_difference"
    )
    assert found["group"] == BETWEEN
    thresholds = fit_thresholds(table)
    for side, model in (("value_a", "good"), ("value_b", "weak")):
        rows = table.test(model)
        known = rows.frame["fst_group"].notna().to_numpy()
        expected = equalized_odds_difference(
            rows.target[known],
            thresholds[model].apply(rows.score)[known],
            sensitive_features=rows.frame["fst_group"][known],
        )
        assert found[side] == pytest.approx(expected, abs=1e-12)
    assert found[["low", "high", "p_value", "p_holm"]].isna().all()  # two biased figures: no interval holds
    assert "bias" in found["note"] or "gap lies above" in found["note"]


def test_what_a_fairer_model_gives_a_group_is_found() -> None:
    frame = images(3000, seed=5, per_cluster=1).assign(split="test")
    fair = scored(frame, {"fair": 2.0})
    unfair = scored(frame, {"unfair": 2.0}, harder={"V-VI": 1.6})
    both = Predictions.concat([fair, unfair])
    found = compare_models(
        both, {"fair": fixed(0.5), "unfair": fixed(0.5)}, groupings=(FST_GROUP,), metrics=SOME, settings=QUICK
    )
    dark = cell(found, metric="sensitivity", group="V-VI")
    assert dark["low"] > 0
    assert dark["p_holm"] < 0.01
    light = cell(found, metric="sensitivity", group="I-II")
    assert light["low"] <= 0 <= light["high"]
    assert cell(found, metric="sensitivity_gap")["difference"] < 0
    worst = cell(found, metric="worst_group_sensitivity")
    assert worst["difference"] > 0


def test_families_are_adjusted_by_themselves_and_small_groups_are_in_none(table: Predictions) -> None:
    settings = AssessmentSettings(resamples=100, minimum=150)
    found = compare_models(
        table, fit_thresholds(table), groupings=(OVERALL, FST_GROUP), metrics=SOME, settings=settings
    )
    assert set(found["family"]) >= {"overall / auroc", "fst_group / auroc"}
    small = found[found["too_few"]]
    assert set(small["grouping"]) == {"fst_group"}
    assert small["p_holm"].isna().all()
    assert small["p_value"].notna().any()
    assert small["note"].str.contains("fewer than 150").all()
    family = found[found["family"] == "overall / auroc"]
    assert len(family) == 3
    np.testing.assert_array_equal(family["p_holm"], holm(family["p_value"]))
    # with no group large enough there is no gap
    gap = found[(found["metric"] == "auroc_gap")]
    assert gap["difference"].isna().all()
    assert (gap["note"] == "undefined").all()


def test_a_reference_is_compared_with_every_other_model(table: Predictions) -> None:
    found = compare_models(
        table, fit_thresholds(table), reference="weak", groupings=(OVERALL,), metrics=SOME, settings=QUICK
    )
    pairs = set(zip(found["model_a"], found["model_b"], strict=True))
    assert pairs == {("copy", "weak"), ("good", "weak")}
    with pytest.raises(DataError, match="did you mean 'weak'"):
        compare_models(table, fit_thresholds(table), reference="waek", settings=QUICK)
    with pytest.raises(DataError, match="threshold fitted on its val rows"):
        compare_models(table, {"weak": fixed(0.5)}, pairs=[("good", "weak")], settings=QUICK)


def test_runs_are_compared_on_what_they_share_and_say_what_they_do_not() -> None:
    first = scored(images(600, seed=6, split_seed=1), {"head": 2.5, "only_here": 1.0}, seed=1)
    second = scored(images(600, seed=6, split_seed=2), {"head": 0.7}, seed=2)
    runs = {"strong": first, "weak": second}
    thresholds = {name: fit_thresholds(run) for name, run in runs.items()}
    found = compare_runs(runs, thresholds, groupings=(OVERALL,), metrics=SOME, settings=QUICK)
    tests = [set(run.test("head").frame["image_id"]) for run in runs.values()]
    row = cell(found, model="head", metric="auroc")
    assert row["n"] == len(tests[0] & tests[1]) < min(map(len, tests))
    assert (row["n_only_a"], row["n_only_b"]) == (len(tests[0] - tests[1]), len(tests[1] - tests[0]))
    assert set(found["model"]) == {"head"}
    # each run decides by the threshold of its own val rows
    shared = first.test("head").frame["image_id"].isin(tests[1]).to_numpy()
    rows = first.test("head")
    decided = thresholds["strong"]["head"].apply(rows.score)[shared]
    accuracy = (decided == (rows.target[shared] == 1)).mean()
    assert cell(found, metric="accuracy")["value_a"] == pytest.approx(accuracy)
    assert row["low"] > 0


def test_runs_with_other_labels_or_without_a_common_model_are_refused() -> None:
    frame = images(120, seed=6)
    thresholds = {"a": {"m": fixed(0.5)}, "b": {"m": fixed(0.5), "n": fixed(0.5)}}
    a = scored(frame, {"m": 1.0})
    flipped = scored(frame.assign(target=1 - frame["target"]), {"m": 1.0})
    with pytest.raises(DataError, match="same target for the same image"):
        compare_runs({"a": a, "b": flipped}, thresholds, settings=QUICK)
    with pytest.raises(DataError, match=r"a: m; b: n"):
        compare_runs({"a": a, "b": scored(frame, {"n": 1.0})}, thresholds, settings=QUICK)


def test_a_comparison_is_a_function_of_its_seed(table: Predictions, compared: pd.DataFrame) -> None:
    again = compare_models(table, fit_thresholds(table), groupings=GROUPINGS, settings=QUICK)
    pd.testing.assert_frame_equal(again, compared)
