"""Shared images, joint clusters and common draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skintag.core.errors import DataError
from skintag.evaluation.metrics.groups import FST_GROUP, OVERALL
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.paired import Entry, Panel, joint_clusters
from tests.evaluation.simulated import images, scored

METRICS = ("auroc", "sensitivity")


def panel(**entries: TestPredictions) -> Panel:
    given = {name: Entry(rows, 0.5) for name, rows in entries.items()}
    return Panel(given, resamples=40, seed=1, groupings=(OVERALL, FST_GROUP), metrics=METRICS)


def part(rows: TestPredictions, chosen: slice) -> TestPredictions:
    return TestPredictions(rows.frame.iloc[chosen].reset_index(drop=True), rows.model)


def clusters(ids: list[str], groups: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"image_id": ids, "group_id": pd.Series(groups, dtype="str")})


def test_what_one_frame_joins_stays_joined() -> None:
    first = clusters(["a", "b", "c", "d"], ["x", "x", "y", None])
    second = clusters(["c", "b", "e", "d"], ["p", "p", "q", "q"])
    joint = joint_clusters([first, second])
    assert joint.to_dict() == {"a": "a", "b": "a", "c": "a", "d": "d", "e": "d"}
    assert joint_clusters([second.iloc[::-1], first]).to_dict() == joint.to_dict()
    assert joint_clusters([first]).to_dict() == {"a": "a", "b": "a", "c": "c", "d": "d"}


def test_a_patient_is_one_cluster_though_each_run_tests_other_pictures_of_them() -> None:
    first, second = clusters(["a", "b"], ["p", "q"]), clusters(["c", "d"], ["p", None])
    assert joint_clusters([first, second]).to_dict() == {"a": "a", "b": "b", "c": "a", "d": "d"}


def test_a_group_name_that_is_an_image_of_another_cluster_joins_nothing() -> None:
    assert joint_clusters([clusters(["a", "b"], ["b", None])]).to_dict() == {"a": "a", "b": "b"}


def test_pairs_stand_on_shared_images_and_say_what_is_left_out() -> None:
    table = scored(images(), {"m": 1.5, "other": 1.0})
    a, b = part(table.test("m"), slice(0, 300)), part(table.test("other"), slice(60, 400))
    pair = panel(a=a, b=b).pair("a", "b")
    assert (pair.only_a, pair.only_b) == (60, len(b) - 240)
    assert pair.a.index.loc[0, "n"] == pair.b.index.loc[0, "n"] == 240
    assert len(b) > 240


def test_the_same_rows_under_two_names_have_the_same_replicates() -> None:
    rows = scored(images(), {"m": 1.5}).test("m")
    shuffled = TestPredictions(rows.frame.sample(frac=1, random_state=3), "m")
    pair = panel(a=rows, b=shuffled).pair("a", "b")
    np.testing.assert_allclose(pair.a.values, pair.b.values, rtol=1e-12)
    assert np.nanstd(pair.a.values, axis=0).min() > 0


def test_a_pair_without_a_shared_image_is_refused() -> None:
    rows = scored(images(), {"m": 1.5}).test("m")
    with pytest.raises(DataError, match="none shared"):
        panel(a=part(rows, slice(0, 100)), b=part(rows, slice(100, 200))).pair("a", "b")


def test_other_targets_for_the_same_image_are_refused() -> None:
    frame = images()
    flipped = frame.assign(
        target=np.where(frame["image_id"] == "i00007", 1 - frame["target"], frame["target"])
    )
    flipped["split"], frame["split"] = "test", "test"
    a, b = (scored(f, {"m": 1.5}).test("m") for f in (frame, flipped))
    with pytest.raises(DataError, match=r"(?s)1 image\(s\) with another: i00007.*with_premalignant"):
        panel(a=a, b=b)


def test_groups_are_those_of_the_first() -> None:
    frame = images().assign(split="test")
    a = scored(frame, {"m": 1.5}).test("m")
    b = scored(frame.assign(fst_group=None), {"m": 1.5}).test("m")
    pair = panel(a=a, b=b).pair("a", "b")
    assert set(pair.b.index["group"]) == {"all", "I-II", "III-IV", "V-VI"}
    np.testing.assert_array_equal(pair.a.values, pair.b.values)


def test_clustering_is_said() -> None:
    frame = images(60).assign(split="test")
    alone = Predictions(scored(frame, {"m": 1.0}).frame.assign(group_id=None)).test("m")
    assert panel(a=scored(frame, {"m": 1.0}).test("m")).clustered
    assert not panel(a=alone).clustered
