"""The bootstrap: what is drawn, and every replicate against scikit-learn on the drawn rows."""

# ruff: noqa: PD011 (Replicates.values is no pandas object)
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skintag.evaluation.metrics.groups import ALL_GROUPINGS, FST_GROUP, FST_GROUP_COMMON_CANCERS, OVERALL
from skintag.evaluation.metrics.registry import METRICS
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics import bootstrap
from skintag.evaluation.statistics.bootstrap import Resamples, cluster_names, is_clustered, replicate
from tests.evaluation.peers import rows_of, scikit_learn, table


def test_as_many_clusters_as_there_are_are_drawn_and_numbered_by_name() -> None:
    drawn = Resamples.draw(["b", "a", "b", "c"], 50, seed=1)
    assert drawn.cluster.tolist() == [1, 0, 1, 2]
    assert drawn.counts.shape == (50, 3)
    assert (drawn.counts.sum(axis=1) == 3).all()
    assert len({tuple(row) for row in drawn.counts}) > 5


def test_each_cluster_is_drawn_as_often_as_any_other() -> None:
    counts = Resamples.draw([f"c{i}" for i in range(40)], 4000, seed=2).counts
    # a count is binomial(40, 1/40): variance 0.975; 5 standard errors of the mean of 4000
    assert np.abs(counts.mean(axis=0) - 1).max() < 5 * np.sqrt(0.975 / 4000)
    assert counts.var() == pytest.approx(0.975, rel=0.05)


def test_rows_without_a_cluster_are_clusters_by_themselves() -> None:
    drawn = Resamples.draw(pd.Series(["b", None, "a", None], dtype="str"), 3, seed=0)
    assert drawn.cluster.tolist() == [1, 2, 0, 3]


def test_draws_do_not_hang_on_the_order_of_rows() -> None:
    frame = table(60, seed=3)
    frame.loc[::7, "group_id"] = None
    other = frame.sample(frac=1, random_state=0)
    a, b = (Resamples.draw(cluster_names(f), 20, seed=5) for f in (frame, other))
    np.testing.assert_array_equal(a.counts, b.counts)
    place = pd.Series(b.cluster, index=other["image_id"])
    np.testing.assert_array_equal(a.cluster, place[frame["image_id"]])


def test_a_name_of_an_image_is_never_a_cluster_of_others() -> None:
    frame = table(3, seed=0).assign(group_id=pd.Series(["i0002", None, None], dtype="str"))
    assert Resamples.draw(cluster_names(frame), 1, seed=0).n_clusters == 3


def test_a_table_without_clusters_says_so() -> None:
    assert is_clustered(table(20, seed=0))
    assert not is_clustered(rows_of(table(20, seed=0, clusters=False)).frame)


@pytest.mark.long
@settings(max_examples=7, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 70),
    steps=st.sampled_from([1, 3, 10, 1000]),
    share=st.sampled_from([0.05, 0.4, 0.9]),
    cut=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
def test_replicates_are_what_scikit_learn_gives_on_the_drawn_rows(
    seed: int, n: int, steps: int, share: float, cut: float
) -> None:
    rows = rows_of(table(n, seed, steps=steps, share=share))
    resamples = Resamples.of(rows, 2, seed)
    groupings = (OVERALL, FST_GROUP, FST_GROUP_COMMON_CANCERS)
    found = replicate(rows, cut, resamples, groupings=groupings)
    target, score = rows.target, rows.score
    once = np.ones(n, dtype=int)
    for b, times in enumerate([once, *(counts[resamples.cluster] for counts in resamples.counts)]):
        values = found.index["value"] if b == 0 else found.values[b - 1]
        for row, value in zip(found.index.itertuples(), values, strict=True):
            codes, names = next(g for g in groupings if g.name == row.grouping).codes(rows.frame)
            own = codes == names.index(row.group)
            others = (codes >= 0) & ~own
            if row.metric == "bpsn_auc":
                own, name = (own & (target == 0)) | (others & (target == 1)), "auroc"
            elif row.metric == "bnsp_auc":
                own, name = (own & (target == 1)) | (others & (target == 0)), "auroc"
            else:
                name = row.metric
            members = np.repeat(np.flatnonzero(own), times[own])
            expected = scikit_learn(name, target[members], score[members], cut)
            np.testing.assert_allclose(value, expected, rtol=0, atol=1e-9, err_msg=f"{row} {b}")


def test_counts_say_what_a_value_stands_on() -> None:
    frame = pd.DataFrame(
        {
            "image_id": list("abcdefg"),
            "dataset": "d",
            "domain": "smartphone",
            "split": "test",
            "model": "m",
            "p_malignant": 0.5,
            "target": [1, 1, 0, 0, 0, 1, 0],
            "group_id": ["p", "p", "p", "q", "r", None, None],
        }
    )
    rows = rows_of(frame)
    found = replicate(rows, 0.5, Resamples.of(rows, 2, 0), groupings=[OVERALL])
    index = found.index.set_index("metric")
    assert index[["n", "n_positive", "n_clusters"]].drop_duplicates().to_numpy().tolist() == [[7, 3, 5]]
    # positives in p and f; negatives in p, q, r and g
    expected = {"sensitivity": 2, "specificity": 4, "auroc": 2, "f1_malignant": 2, "accuracy": 5, "ece": 5}
    assert index["n_units"][list(expected)].to_dict() == expected


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "BLOCK", 16)
    rows = rows_of(table(80, seed=4))
    resamples = Resamples.of(rows, 100, seed=0)
    one, *others = (replicate(rows, 0.5, resamples, threads=k).values for k in (1, 2, 5))
    for other in others:
        np.testing.assert_array_equal(one, other)


def test_blocks_hold_every_resample_once_and_are_smaller_where_rows_are_many() -> None:
    for number, rows in ((1000, 100), (1000, 10**6), (3, 0), (1000, 10**9)):
        sizes = [len(range(number)[block]) for block in bootstrap.blocks(number, rows)]
        assert sum(sizes) == number
        assert max(sizes) * rows * 8 <= max(2**27, 8 * rows)
        assert max(sizes) <= bootstrap.BLOCK


def test_models_on_the_same_images_get_the_same_resamples() -> None:
    frame = table(80, seed=6)
    # another order, another name, scores that order alike: decisions and ranks are the same in every resample
    other = frame.sample(frac=1, random_state=1).assign(model="n", p_malignant=frame["p_malignant"] ** 2)
    predictions = Predictions(pd.concat([frame, other], ignore_index=True))
    drawn = {
        model: replicate(rows, cut, Resamples.of(rows, 30, seed=0), metrics=("auroc", "f1_macro"))
        for model, cut in (("m", 0.5), ("n", 0.25))
        for rows in [predictions.test(model)]
    }
    np.testing.assert_array_equal(drawn["m"].values, drawn["n"].values)


def test_asking_for_one_metric_gives_what_asking_for_all_gives() -> None:
    rows = rows_of(table(60, seed=7))
    resamples = Resamples.of(rows, 10, seed=0)
    every = replicate(rows, 0.5, resamples)
    for metric in METRICS:
        one = replicate(rows, 0.5, resamples, metrics=(metric,))
        for grouping in one.groupings:
            a, b = one.levels(grouping, metric), every.levels(grouping, metric)
            assert a.groups == b.groups
            np.testing.assert_array_equal(a.values, b.values)
            np.testing.assert_array_equal(a.value, b.value)


def test_images_of_one_patient_make_the_spread_wider() -> None:
    # 30 patients with 6 alike images each: the mean of 180 rows varies like that of 30
    n = 180
    frame = table(n, seed=0).assign(
        target=1,
        p_malignant=np.repeat(np.arange(30) % 2, 6).astype(float),
        group_id=np.repeat(np.arange(30), 6),
    )
    frame["group_id"] = frame["group_id"].astype("str")
    spread = {}
    for name, part in (("patients", frame), ("images", frame.assign(group_id=None))):
        rows = rows_of(part)
        found = replicate(
            rows, 0.5, Resamples.of(rows, 2000, seed=0), groupings=[OVERALL], metrics=["accuracy"]
        )
        spread[name] = found.values.std()
    assert spread["patients"] == pytest.approx(np.sqrt(0.25 / 30), rel=0.06)
    assert spread["images"] == pytest.approx(np.sqrt(0.25 / 180), rel=0.06)


def test_no_rows_give_one_undefined_group() -> None:
    predictions = Predictions(table(10, seed=0).assign(split="val"))
    rows = predictions.test("m")
    found = replicate(rows, 0.5, Resamples.of(rows, 3, seed=0), groupings=ALL_GROUPINGS)
    assert set(found.index["grouping"]) == {"overall"}
    assert found.index["value"].isna().all()
    assert np.isnan(found.values).all()
    assert found.values.shape == (3, len(METRICS))


def test_levels_of_groups_come_in_the_order_asked_for() -> None:
    rows = rows_of(table(60, seed=8))
    levels = replicate(rows, 0.5, Resamples.of(rows, 5, seed=0)).levels("fst_group", "sensitivity")
    assert levels.groups == ("I-II", "III-IV", "V-VI")
    turned = levels.of(["V-VI", "I-II"])
    assert turned.groups == ("V-VI", "I-II")
    np.testing.assert_array_equal(turned.values, levels.values[:, [2, 0]])
    np.testing.assert_array_equal(turned.n, levels.n[[2, 0]])


def test_resamples_of_other_rows_and_unknown_metrics_are_refused() -> None:
    rows, other = rows_of(table(20, seed=0)), rows_of(table(21, seed=0))
    with pytest.raises(ValueError, match="21 rows"):
        replicate(rows, 0.5, Resamples.of(other, 2, seed=0))
    with pytest.raises(ValueError, match="auc"):
        replicate(rows, 0.5, Resamples.of(rows, 2, seed=0), metrics=("auc",))


def test_common_cancers_keep_all_negatives_and_three_conditions_of_positives() -> None:
    frame = rows_of(table(120, seed=9)).frame
    codes, names = FST_GROUP_COMMON_CANCERS.codes(frame)
    plain, plain_names = FST_GROUP.codes(frame)
    assert names == plain_names == ("I-II", "III-IV", "V-VI")
    dropped = (frame["target"] == 1) & ~frame["condition"].isin([0, 1, 2])
    assert dropped.any()
    np.testing.assert_array_equal(codes, np.where(dropped, -1, plain))
    frame["condition"] = pd.array([None] * len(frame), dtype="Int8")
    assert (FST_GROUP_COMMON_CANCERS.codes(frame)[0][frame["target"] == 1] == -1).all()
