"""The whole assessment of a table, and thresholds per group beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skintag.core.errors import ConfigError, DataError
from skintag.evaluation.analyses.assess import (
    UNCLUSTERED,
    Assessment,
    AssessmentSettings,
    assess,
)
from skintag.evaluation.analyses.level_table import LEVEL_COLUMNS
from skintag.evaluation.analyses.oracle import fit_group_thresholds, oracle
from skintag.evaluation.decisions.thresholds import Objective, Threshold, fit_threshold, fit_thresholds
from skintag.evaluation.metrics import registry
from skintag.evaluation.metrics.groups import ALL_GROUPINGS, FST_GROUP, OVERALL, SEX, Grouping, evaluate
from skintag.evaluation.metrics.registry import METRICS, WORST
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.gaps import GAP_COLUMNS, PAIR_COLUMNS
from tests.evaluation.peers import table

SMALL = AssessmentSettings(resamples=60, permutations=40)


def two_models(n: int = 260, *, clusters: bool = True) -> Predictions:
    """Models `m`, that knows something, and `n`, that knows nothing, on the same val and test rows."""
    frame = table(n, seed=11, clusters=clusters)
    frame["split"] = np.where(np.arange(n) % 3 == 0, "val", "test")
    rng = np.random.default_rng(0)
    knows = np.clip(0.25 * frame["target"] + 0.75 * rng.random(n), 0, 1).round(2)
    return Predictions(
        pd.concat([frame.assign(p_malignant=knows), frame.assign(model="n", p_malignant=rng.random(n))])
    )


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return two_models()


@pytest.fixture(scope="module")
def thresholds(predictions: Predictions) -> dict[str, Threshold]:
    return fit_thresholds(predictions)


@pytest.fixture(scope="module")
def assessment(predictions: Predictions, thresholds: dict[str, Threshold]) -> Assessment:
    return assess(predictions, thresholds, SMALL)


def test_levels_are_the_metrics_with_limits_around_them(
    predictions: Predictions, thresholds: dict[str, Threshold], assessment: Assessment
) -> None:
    levels = assessment.levels
    assert tuple(levels.columns) == LEVEL_COLUMNS
    assert set(levels["grouping"]) == {g.name for g in ALL_GROUPINGS} - {"age_group"}  # nobody's age is known
    assert set(levels["metric"]) == set(METRICS)
    for model in ("m", "n"):
        expected = evaluate(predictions.test(model), thresholds[model].value, groupings=ALL_GROUPINGS)
        keys = ["grouping", "group", "metric"]
        found = levels[levels["model"] == model].set_index(keys)
        expected = expected.set_index(keys)
        for column in ("n", "n_positive", "value"):
            np.testing.assert_array_equal(found.loc[expected.index, column], expected[column])
    told = levels[levels["value"].notna() & ~levels["too_few"]]
    assert len(told) > 100
    assert ((told["low"] < told["value"]) & (told["value"] < told["high"])).mean() > 0.95


def test_undefined_levels_have_no_limits_but_their_numbers(assessment: Assessment) -> None:
    levels = assessment.levels
    undefined = levels[levels["value"].isna()]
    assert set(undefined["metric"]) == {
        "bpsn_auc",
        "bnsp_auc",
    }  # there is no background to all, nor to one dataset
    assert undefined[["low", "high"]].isna().all(axis=None)
    assert (undefined["note"] == "undefined").all()
    assert (undefined["n"] > 0).all()


def test_what_stands_on_too_little_is_marked_and_left_out_of_gaps(
    predictions: Predictions, thresholds: dict[str, Threshold]
) -> None:
    frame = predictions.frame
    frame.loc[frame["fst_group"] == "V-VI", "target"] = 0
    result = assess(Predictions(frame), thresholds, SMALL, groupings=[FST_GROUP], models=["m"])
    levels = result.levels.set_index(["group", "metric"])
    assert levels.loc[("V-VI", "sensitivity"), "too_few"]
    assert levels.loc[("V-VI", "auroc"), "too_few"]
    assert not levels.loc[("V-VI", "specificity"), "too_few"]
    assert not levels.loc[("I-II", "sensitivity"), "too_few"]
    gaps = result.gaps.set_index("gap")
    assert gaps.loc["sensitivity_gap", "left_out"] == "V-VI"
    assert gaps.loc["specificity_gap", "left_out"] == ""


def test_every_gap_has_an_interval_a_chance_level_and_a_p_value(assessment: Assessment) -> None:
    gaps = assessment.gaps
    assert tuple(gaps.columns) == ("model", *GAP_COLUMNS)
    assert set(gaps["model"]) == {"m", "n"}
    assert set(gaps["grouping"]) == {"domain", "fst_group", "fitzpatrick", "sex", "fst_group_common_cancers"}
    told = gaps[gaps["value"].notna()]
    assert {"sex", "fst_group", "domain"} <= set(told["grouping"])
    assert (told["low"] <= told["high"]).all()
    tested = told["gap"] != WORST
    assert set(told.loc[tested, "gap"]) == set(registry.gaps())
    assert told.loc[tested, ["chance", "p_value"]].notna().all(axis=None)
    assert told.loc[tested, "p_value"].between(1 / 41, 1).all()
    assert told.loc[~tested, ["chance", "p_value"]].isna().all(axis=None)


def test_pairs_name_model_groups_and_metric(assessment: Assessment) -> None:
    assert tuple(assessment.pairs.columns) == ("model", *PAIR_COLUMNS)
    sex = assessment.pairs[(assessment.pairs["grouping"] == "sex") & (assessment.pairs["model"] == "m")]
    assert (sex[["group_a", "group_b"]] == ["female", "male"]).all(axis=None)


def test_a_seed_gives_the_same_figures_in_any_order_of_rows(
    predictions: Predictions, thresholds: dict[str, Threshold], assessment: Assessment
) -> None:
    turned = Predictions(predictions.frame.sample(frac=1, random_state=0))
    again = assess(turned, thresholds, SMALL)
    for name in ("levels", "gaps", "pairs"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(assessment, name))
    other = assess(predictions, thresholds, replace(SMALL, seed=1), models=["m"], groupings=[OVERALL])
    mine = assessment.levels[
        (assessment.levels["model"] == "m") & (assessment.levels["grouping"] == "overall")
    ]
    assert (other.levels["value"].to_numpy() == mine["value"].to_numpy())[:5].all()
    assert (other.levels["low"].to_numpy() != mine["low"].to_numpy())[:5].all()


def test_one_model_alone_gets_what_it_gets_among_others(
    predictions: Predictions, thresholds: dict[str, Threshold], assessment: Assessment
) -> None:
    alone = assess(predictions, thresholds, SMALL, models=["n"])
    for name in ("levels", "gaps", "pairs"):
        among = getattr(assessment, name)
        expected = among[among["model"] == "n"].reset_index(drop=True)
        pd.testing.assert_frame_equal(getattr(alone, name), expected)


def test_models_come_in_the_order_asked_for(
    predictions: Predictions, thresholds: dict[str, Threshold]
) -> None:
    result = assess(predictions, thresholds, SMALL, models=["n", "m"], groupings=[OVERALL, SEX])
    assert list(dict.fromkeys(result.levels["model"])) == ["n", "m"]
    assert list(dict.fromkeys(result.gaps["model"])) == ["n", "m"]


def test_models_on_other_images_are_assessed_on_their_own_and_named(predictions: Predictions) -> None:
    frame = predictions.frame
    table_of = Predictions(frame[(frame["model"] == "m") | (frame.index % 5 != 0)])
    result = assess(table_of, fit_thresholds(table_of), SMALL, groupings=[OVERALL])
    n = result.levels.drop_duplicates("model").set_index("model")["n"]
    assert n["n"] < n["m"] == len(table_of.test("m"))
    assert any("m; n" in note for note in result.notes)


def test_a_table_without_clusters_is_assessed_and_says_so(assessment: Assessment) -> None:
    assert assessment.clustered
    assert assessment.notes == ()
    predictions = two_models(clusters=False)
    result = assess(predictions, fit_thresholds(predictions), SMALL, groupings=[OVERALL], models=["m"])
    assert not result.clustered
    assert result.notes == (UNCLUSTERED,)
    assert (result.levels["n_clusters"] == result.levels["n"]).all()


def test_rows_without_a_cluster_are_counted(
    predictions: Predictions, thresholds: dict[str, Threshold]
) -> None:
    frame = predictions.frame
    frame.loc[frame["image_id"].isin(predictions.test("m").frame["image_id"][:9]), "group_id"] = None
    result = assess(Predictions(frame), thresholds, SMALL, groupings=[OVERALL], models=["m"])
    assert result.notes[0].startswith(f"9 of {len(predictions.test('m'))} test images")


def test_further_columns_are_further_groupings(
    predictions: Predictions, thresholds: dict[str, Threshold]
) -> None:
    ids = predictions.test("m").frame["image_id"]
    camera = pd.DataFrame({"camera": np.where(np.arange(len(ids)) % 2, "a", "b")}, index=ids)
    camera.loc[ids.iloc[0], "camera"] = None
    result = assess(predictions, thresholds, SMALL, groupings=[OVERALL], attributes=camera, models=["m"])
    groups = result.levels.drop_duplicates("group").set_index("group")["n"]
    assert groups.to_dict() == {"all": len(ids), "a": len(ids) // 2, "b": len(ids) - len(ids) // 2 - 1}
    assert set(result.gaps["grouping"]) == {"camera"}
    named = Grouping("device", "camera", ("b", "a"))
    result = assess(predictions, thresholds, SMALL, groupings=[named], attributes=camera, models=["m"])
    assert list(dict.fromkeys(result.levels["group"])) == ["b", "a"]
    assert set(result.levels["grouping"]) == {"device"}


def test_further_columns_must_be_new_and_name_each_image_once(
    predictions: Predictions, thresholds: dict[str, Threshold]
) -> None:
    ids = predictions.test("m").frame["image_id"]
    with pytest.raises(DataError, match="sex"):
        assess(predictions, thresholds, SMALL, attributes=pd.DataFrame({"sex": "x"}, index=ids))
    twice = pd.DataFrame({"camera": "x"}, index=[ids.iloc[0]] * 2)
    with pytest.raises(DataError, match="more than once"):
        assess(predictions, thresholds, SMALL, attributes=twice)


def test_a_model_without_a_threshold_is_an_error(
    predictions: Predictions, thresholds: dict[str, Threshold]
) -> None:
    with pytest.raises(DataError, match="'n'"):
        assess(predictions, {"m": thresholds["m"]}, SMALL)


def test_a_table_without_test_rows_is_undefined_throughout(predictions: Predictions) -> None:
    frame = predictions.frame
    part = Predictions(frame[frame["split"] == "val"])
    result = assess(part, fit_thresholds(part), SMALL)
    assert result.levels["value"].isna().all()
    assert (result.levels["n"] == 0).all()
    assert not len(result.gaps)


@pytest.mark.parametrize(
    ("field", "value"), [("resamples", 0), ("permutations", 0), ("minimum", 0), ("confidence", 1.0)]
)
def test_settings_are_checked(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=field):
        AssessmentSettings(**{field: value})


def test_group_thresholds_are_fitted_on_the_groups_val_rows(predictions: Predictions) -> None:
    val, objective = predictions.val("m"), Objective("target_sensitivity", 0.9)
    found = fit_group_thresholds(val, SEX, objective, minimum=5)
    assert found.common == fit_threshold(val, objective).value
    assert set(found.own) == {"female", "male"}
    part = Predictions(predictions.frame[lambda f: f["sex"] == "female"]).val("m")
    assert found.own["female"] == found.of("female") == fit_threshold(part, objective).value
    small = fit_group_thresholds(val, SEX, objective, minimum=10**6)
    assert small.own == {}
    assert small.of("female") == found.common


def test_group_thresholds_refuse_test_rows(predictions: Predictions) -> None:
    with pytest.raises(TypeError, match="ValPredictions"):
        fit_group_thresholds(predictions.test("m"), SEX)  # type: ignore[arg-type]


def test_the_oracle_decides_each_group_at_its_own_threshold(predictions: Predictions) -> None:
    settings = replace(SMALL, minimum=5)
    found = oracle(predictions, settings=settings, groupings=[SEX, FST_GROUP], models=["m"])
    rows = predictions.test("m")
    for grouping in (SEX, FST_GROUP):
        cuts = fit_group_thresholds(predictions.val("m"), grouping, minimum=5)
        codes, names = grouping.codes(rows.frame)
        levels = found.levels[found.levels["grouping"] == grouping.name].set_index(["group", "metric"])
        for g, name in enumerate(names):
            inside = codes == g
            decided = rows.score[inside] >= cuts.of(name)
            truth = rows.target[inside] == 1
            assert levels.loc[(name, "sensitivity"), "value"] == pytest.approx(decided[truth].mean())
            assert levels.loc[(name, "specificity"), "value"] == pytest.approx(1 - decided[~truth].mean())
            assert levels.loc[(name, "sensitivity"), "threshold"] == cuts.of(name)
            assert levels.loc[(name, "sensitivity"), "own_threshold"] == (name in cuts.own)
        gap = found.gaps[found.gaps["grouping"] == grouping.name].set_index("gap")
        told = levels.xs("sensitivity", level="metric")["value"]
        assert gap.loc["sensitivity_gap", "value"] == pytest.approx(told.max() - told.min())
        assert set(gap.index) == {"equalized_odds_difference", "sensitivity_gap", "specificity_gap", WORST}
    assert found.gaps["note"].str.startswith("oracle").all()


def test_the_oracle_says_which_groups_have_the_common_threshold(predictions: Predictions) -> None:
    frame = predictions.frame
    rare = frame[(frame["split"] == "val") & (frame["sex"] == "female")].index[8:]
    table_of = Predictions(frame.drop(rare))
    found = oracle(table_of, settings=replace(SMALL, minimum=5), groupings=[SEX], models=["m"])
    levels = found.levels.drop_duplicates("group").set_index("group")["own_threshold"]
    assert levels.to_dict() == {"female": False, "male": True}
    assert found.gaps["note"].str.contains("common threshold: female").all()
