"""Group-wise evaluation: the product of groupings and metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skintag.evaluation.metrics.groups import (
    FITZPATRICK,
    FST_GROUP,
    GROUPINGS,
    OVERALL,
    RESULT_COLUMNS,
    Grouping,
    evaluate,
)
from skintag.evaluation.metrics.registry import own_metrics
from skintag.evaluation.predictions.predictions import Predictions


def test_a_missing_value_is_not_a_group() -> None:
    frame = pd.DataFrame({"fst_group": pd.Series(["V-VI", None, "I-II", "V-VI"], dtype="str")})
    codes, names = FST_GROUP.codes(frame)
    assert names == ("I-II", "V-VI")
    assert codes.tolist() == [1, -1, 0, 1]


def test_numbers_name_groups_as_they_are_written() -> None:
    codes, names = FITZPATRICK.codes(pd.DataFrame({"fitzpatrick": pd.array([6, None, 1], dtype="Int8")}))
    assert names == ("1", "6")
    assert codes.tolist() == [1, -1, 0]


def test_groups_that_nobody_thought_of_follow_by_name() -> None:
    frame = pd.DataFrame({"fst_group": pd.Series(["z", "V-VI", "b"], dtype="str")})
    assert FST_GROUP.codes(frame)[1] == ("V-VI", "b", "z")


@pytest.mark.parametrize("grouping", GROUPINGS, ids=lambda g: g.name)
def test_every_group_has_what_its_rows_alone_give(predictions: Predictions, grouping: Grouping) -> None:
    rows = predictions.test("head")
    frame = rows.frame
    column = pd.Series("all", index=frame.index) if grouping.column is None else frame[grouping.column]
    expected = {}
    for group in column.dropna().unique():
        part = frame[(column == group).fillna(False)]
        for metric in own_metrics():
            name = metric.name
            value = metric(part["target"], part["p_malignant"], 0.5)
            expected[str(group), name] = (len(part), part["target"].sum(), value)
    results = evaluate(rows, 0.5, groupings=[grouping])
    got = {(r.group, r.metric): (r.n, r.n_positive, r.value) for r in results.itertuples()}
    assert got.keys() == expected.keys()
    for key, figures in expected.items():
        np.testing.assert_array_equal(got[key], figures)


def test_no_rows_give_one_undefined_overall_group(predictions: Predictions) -> None:
    frame = predictions.frame
    rows = Predictions(frame[frame["split"] == "val"]).test("head")
    results = evaluate(rows, 0.5)
    assert tuple(results.columns) == RESULT_COLUMNS
    assert set(results["grouping"]) == {OVERALL.name}
    assert (results["n"] == 0).all()
    assert results["value"].isna().all()
