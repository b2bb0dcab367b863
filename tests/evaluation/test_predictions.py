"""The predictions table: what it takes, what it refuses, and that test rows cannot pass for val rows."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

from skintag.core.errors import DataError
from skintag.evaluation.decisions import thresholds
from skintag.evaluation.predictions import predictions as tables
from skintag.evaluation.predictions.predictions import Predictions, ValPredictions, require_val


def small(**changes: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "image_id": ["b", "a", "c"],
            "dataset": "d",
            "domain": "clinical",
            "split": ["test", "test", "val"],
            "model": "m",
            "p_malignant": [0.25, 1.0, 0.0],
            "target": [0, 1, 0],
        }
    )
    return frame.assign(**changes)


def test_columns_and_their_order_are_those_of_the_architecture(predictions: Predictions) -> None:
    before = ["image_id", "dataset", "domain", "split", "model", "p_malignant"]
    conditions = [f"p_condition_{i}" for i in range(10)]
    groups = ["fitzpatrick", "fst_group", "sex", "age_group", "site", "lesion_id", "patient_id", "group_id"]
    assert list(predictions.frame.columns) == [
        *before,
        *conditions,
        "target",
        "condition",
        "malignancy",
        *groups,
    ]


def test_ages_fall_into_bands_by_their_lower_edge() -> None:
    ages = pd.Series([0, 29.9, 30, 49.9, 50, 70, None], dtype="Float32")
    groups = tables.age_group_of(ages)
    assert groups[:6].tolist() == ["<30", "<30", "30-49", "30-49", "50-69", "70+"]
    assert pd.isna(groups[6])


def test_rows_keep_their_scores_whatever_order_they_come_in(view_frame: pd.DataFrame) -> None:
    score = np.linspace(0, 1, len(view_frame))
    shuffled = np.random.default_rng(0).permutation(len(view_frame))
    one = Predictions.from_arrays(view_frame, "m", score)
    other = Predictions.from_arrays(view_frame.iloc[shuffled], "m", score[shuffled])
    pd.testing.assert_frame_equal(one.frame, other.frame)
    expected = dict(zip(view_frame["image_id"], score, strict=True))
    assert dict(zip(one.frame["image_id"], one.frame["p_malignant"], strict=True)) == expected


def test_rows_are_sorted_by_model_split_and_image() -> None:
    frame = pd.concat([small(), small(model="a")])
    out = Predictions(frame).frame
    keys = list(zip(out["model"], out["split"], out["image_id"], strict=True))
    assert keys == [(m, s, i) for m in ("a", "m") for s, i in [("val", "c"), ("test", "a"), ("test", "b")]]


def test_the_view_target_condition_wins_over_the_catalog_condition(view_frame: pd.DataFrame) -> None:
    out = Predictions.from_arrays(view_frame, "m", np.zeros(len(view_frame))).frame.set_index("image_id")
    expected = view_frame.set_index("image_id")["target_condition"]
    assert (out["condition"] == expected.loc[out.index]).all()


def test_unknown_stays_null_through_parquet(predictions: Predictions, tmp_path: Path) -> None:
    predictions.write(tmp_path / "p.parquet")
    again = Predictions.read(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(again.frame, predictions.frame)
    assert again.frame["patient_id"].isna().all()
    assert again.frame["fitzpatrick"].isna().any()
    noise = again.frame[again.frame["model"] == "noise"]
    assert noise["p_condition_3"].isna().all()


def test_equal_tables_give_equal_bytes(predictions: Predictions, tmp_path: Path) -> None:
    predictions.write(tmp_path / "a.parquet")
    Predictions(predictions.frame.sample(frac=1, random_state=1)).write(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_eleventh_condition_is_kept_beside_tables_without_it(view_frame: pd.DataFrame) -> None:
    n = len(view_frame)
    extended = Predictions.from_arrays(view_frame, "e", np.zeros(n), np.full((n, 11), 1 / 11))
    both = Predictions.concat([extended, Predictions.from_arrays(view_frame, "t", np.zeros(n))]).frame
    assert both.loc[both["model"] == "e", "p_condition_10"].notna().all()
    assert both.loc[both["model"] == "t", "p_condition_10"].isna().all()


def test_anybodys_table_needs_no_group_columns() -> None:
    assert Predictions(small()).frame["fst_group"].isna().all()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"p_malignant": [0.1, 1.01, 0.2]}, r"a: 1\.01"),
        ({"p_malignant": [0.1, -1e-9, 0.2]}, r"in \[0, 1\]"),
        ({"p_malignant": [0.1, np.nan, 0.2]}, "'p_malignant' in every row"),
        ({"p_malignant": [0.1, np.inf, 0.2]}, "a: inf"),
        ({"target": [0, None, 1]}, "'target' in every row"),
        ({"target": [0, 2, 1]}, "'target' from 0 to 1"),
        ({"target": [0, 0.5, 1]}, "Int8 values in 'target'"),
        ({"split": ["test", "holdout", "val"]}, "a: holdout"),
        ({"image_id": ["a", "a", "c"]}, "m a"),
        ({"image_id": ["a", None, "c"]}, "'image_id' in every row"),
        ({"fitzpatrick": [0, 1, 2]}, "'fitzpatrick' from 1 to 6"),
        ({"condition": [11, 1, 2]}, "'condition' from 0 to 10"),
        ({"fitzpatric": [1, 2, 3]}, "did you mean 'fitzpatrick'"),
        ({"p_condition_0": 0.5}, r"all of p_condition_0\.\.9 or none"),
    ],
)
def test_bad_values_are_refused_with_their_rows(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        Predictions(small(**changes))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="no 'target'"):
        Predictions(small().drop(columns="target"))


def test_one_model_cannot_come_twice(predictions: Predictions) -> None:
    with pytest.raises(DataError, match="more than once"):
        Predictions.concat([predictions, predictions])


@pytest.mark.parametrize("content", [b"", b"not parquet at all"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"p\.parquet"):
        Predictions.read(tmp_path / "p.parquet")


def test_arrays_of_another_length_are_refused(view_frame: pd.DataFrame) -> None:
    n = len(view_frame)
    with pytest.raises(ValueError, match="p_malignant has shape"):
        Predictions.from_arrays(view_frame, "m", np.zeros(n - 1))
    with pytest.raises(ValueError, match="p_condition has shape"):
        Predictions.from_arrays(view_frame, "m", np.zeros(n), np.zeros((n, 9)))


def test_val_and_test_hold_their_own_rows(predictions: Predictions) -> None:
    frame = predictions.frame
    for rows, split in ((predictions.val("head"), "val"), (predictions.test("head"), "test")):
        expected = frame[(frame["model"] == "head") & (frame["split"] == split)]
        assert rows.frame["image_id"].tolist() == expected["image_id"].tolist()
        np.testing.assert_array_equal(rows.score, expected["p_malignant"])


def test_an_unknown_model_gets_near_matches(predictions: Predictions) -> None:
    with pytest.raises(DataError, match="did you mean 'head'"):
        predictions.val("haed")


def test_val_predictions_cannot_be_made_of_test_rows(predictions: Predictions) -> None:
    with pytest.raises(DataError, match="split 'val'"):
        ValPredictions(predictions.test("head").frame, "head")
    with pytest.raises(DataError, match="model 'noise'"):
        ValPredictions(predictions.val("head").frame, "noise")


def test_changing_a_frame_leaves_the_table_as_it_was(predictions: Predictions) -> None:
    val = predictions.val("head")
    frame, before = val.frame, val.score.copy()
    frame["split"] = "test"
    frame.loc[:, "p_malignant"] = 0.0
    np.testing.assert_array_equal(val.score, before)
    assert (val.frame["split"] == "val").all()


def test_whatever_is_not_val_is_refused_at_run_time(predictions: Predictions) -> None:
    for value in (predictions.test("head"), predictions, predictions.val("head").frame):
        with pytest.raises(TypeError, match="never see test rows"):
            require_val(value, "this")
    require_val(predictions.val("head"), "this")


def test_whatever_fits_takes_val_by_its_types_too() -> None:
    assert not issubclass(tables.TestPredictions, ValPredictions)
    assert not issubclass(ValPredictions, tables.TestPredictions)
    first = next(iter(inspect.signature(thresholds.fit_threshold).parameters))
    # the module imports the class for type checkers alone: what is deployed has no pandas
    hints = get_type_hints(thresholds.fit_threshold, localns=vars(tables))
    assert hints[first] is ValPredictions


def test_premalignant_rows_move_with_the_binarisation_and_nothing_else_does() -> None:
    table = Predictions(small(malignancy=["premalignant", "malignant", "benign"]))
    as_malignant = table.with_premalignant(malignant=True).frame.set_index("image_id")["target"]
    as_benign = table.with_premalignant(malignant=False).frame.set_index("image_id")["target"]
    assert as_malignant.to_dict() == {"a": 1, "b": 1, "c": 0}
    assert as_benign.to_dict() == {"a": 1, "b": 0, "c": 0}
    with pytest.raises(DataError, match="malignancy"):
        Predictions(small()).with_premalignant(malignant=True)
    with pytest.raises(DataError, match="premalignant, malignant"):
        Predictions(small(malignancy="suspicious"))
