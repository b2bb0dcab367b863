"""Gaps, the worst group, pairs, and what chance makes of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, GROUPINGS, OVERALL, SEX
from skintag.evaluation.metrics.levels import too_few
from skintag.evaluation.metrics.registry import WORST, listed
from skintag.evaluation.metrics.registry import gaps as gaps_of
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import Replicates, Resamples, replicate
from skintag.evaluation.statistics.chance import Exchange, Scored, chances
from skintag.evaluation.statistics.gaps import gap_table, members, pair_table
from skintag.evaluation.statistics.level_limits import limits_by_kind
from skintag.evaluation.statistics.permutation import PermutationResult
from tests.evaluation.peers import rows_of, table


def by_hand(groups: dict[str, tuple[int, int, int, int]]) -> TestPredictions:
    """Test rows with these (TP, FN, FP, TN) at 0.5 in the groups of `fst_group`; each row its own cluster."""
    parts = []
    for group, (tp, fn, fp, tn) in groups.items():
        target = [1] * (tp + fn) + [0] * (fp + tn)
        score = [0.9] * tp + [0.1] * fn + [0.8] * fp + [0.2] * tn
        parts.append(pd.DataFrame({"fst_group": group, "target": target, "p_malignant": score}))
    frame = pd.concat(parts, ignore_index=True)
    ids = [f"i{i}" for i in range(len(frame))]
    fixed = {"dataset": "d", "domain": "smartphone", "split": "test", "model": "m"}
    return rows_of(frame.assign(image_id=ids, fst_group=frame["fst_group"].replace("?", None), **fixed))


def drawn(rows: TestPredictions, resamples: int = 200) -> Replicates:
    return replicate(rows, 0.5, Resamples.of(rows, resamples, seed=0), groupings=GROUPINGS)


def scored(*rows: TestPredictions) -> Scored:
    first = rows[0]
    scores = np.stack([part.score for part in rows])
    return Scored(first.frame, first.target, scores, scores >= 0.5, Resamples.of(first, 1, 0).cluster)


THREE = {"I-II": (18, 2, 4, 36), "III-IV": (15, 5, 2, 38), "V-VI": (12, 8, 10, 30)}


def test_gaps_are_what_they_are_by_hand() -> None:
    gaps = gap_table(drawn(by_hand(THREE)), {}).set_index(["grouping", "gap"])
    assert set(gaps.index.get_level_values("grouping")) == {"fst_group"}  # no gap over a single group
    gap = gaps.loc["fst_group"]
    assert set(gap.index) == {*gaps_of(), WORST}
    expected = {
        "sensitivity_gap": 0.90 - 0.60,
        "specificity_gap": 0.95 - 0.75,
        "equalized_odds_difference": 0.30,
        # F1 = 2 TP / (2 TP + FP + FN)
        "f1_gap": 36 / 42 - 24 / 42,
        WORST: 0.60,
    }
    assert gap["value"][list(expected)].to_dict() == pytest.approx(expected, abs=1e-12)
    assert (gap["groups"] == "I-II, III-IV, V-VI").all()
    assert (gap["n_groups"] == 3).all()
    assert (gap["low"] <= gap["high"]).all()
    assert gap["chance"].isna().all()  # nobody drew any


def test_equalized_odds_is_the_larger_of_both_ranges() -> None:
    rows = by_hand({"I-II": (18, 2, 4, 36), "V-VI": (17, 3, 20, 20)})
    gap = gap_table(drawn(rows), {}).set_index("gap")["value"]
    assert gap["equalized_odds_difference"] == pytest.approx(0.4, abs=1e-12)
    assert gap["sensitivity_gap"] == pytest.approx(0.05, abs=1e-12)


def test_small_groups_are_named_and_left_out_where_they_are_small() -> None:
    rows = by_hand({**THREE, "V-VI": (0, 9, 10, 30)})
    gap = gap_table(drawn(rows), {}, minimum=10).set_index("gap")
    for name in ("sensitivity_gap", "f1_gap", "auroc_gap", "equalized_odds_difference", WORST):
        assert (gap.loc[name, "groups"], gap.loc[name, "left_out"]) == ("I-II, III-IV", "V-VI")
    assert gap.loc["sensitivity_gap", "value"] == pytest.approx(0.15, abs=1e-12)
    assert gap.loc[WORST, "value"] == pytest.approx(0.75, abs=1e-12)
    assert gap.loc["specificity_gap", "left_out"] == ""
    assert gap.loc["specificity_gap", "value"] == pytest.approx(0.2, abs=1e-12)


def test_a_gap_over_one_group_is_undefined_and_says_why() -> None:
    rows = by_hand({"I-II": (18, 2, 4, 36), "V-VI": (5, 4, 10, 30)})
    gap = gap_table(drawn(rows), {}, minimum=10).set_index("gap")
    assert math.isnan(gap.loc["sensitivity_gap", "value"])
    assert "fewer than two groups" in gap.loc["sensitivity_gap", "note"]
    assert gap.loc["specificity_gap", "value"] == pytest.approx(0.15, abs=1e-12)


def test_rows_without_a_skin_type_are_no_group() -> None:
    with_unknown = by_hand({**THREE, "?": (0, 50, 50, 0)})
    gap = gap_table(drawn(with_unknown), {}).set_index("gap")["value"]
    assert gap["sensitivity_gap"] == pytest.approx(0.30, abs=1e-12)


def test_a_background_metric_needs_one_class_of_the_group_itself() -> None:
    assert too_few("bpsn_auc", n=30, n_positive=21, minimum=10)
    assert not too_few("bnsp_auc", n=30, n_positive=21, minimum=10)
    assert too_few("bnsp_auc", n=30, n_positive=9, minimum=10)


def test_the_worst_groups_limits_hold_the_worst_value() -> None:
    gap = gap_table(drawn(by_hand(THREE), 1000), {}).set_index("gap").loc[WORST]
    assert gap["low"] < gap["value"] < gap["high"]
    # no lower than the group's own lower limit, no higher than what the others leave it
    assert gap["low"] > 0.3
    assert gap["high"] < 0.9


def test_every_pair_of_groups_has_a_difference() -> None:
    pairs = pair_table(drawn(by_hand(THREE)))
    assert set(pairs["metric"]) == set(listed("gaps"))
    found = pairs[pairs["metric"] == "sensitivity"].set_index(["group_a", "group_b"])["difference"]
    expected = {("I-II", "III-IV"): 0.15, ("I-II", "V-VI"): 0.30, ("III-IV", "V-VI"): 0.15}
    assert found.to_dict() == pytest.approx(expected, abs=1e-12)
    inside = (pairs["low"] <= pairs["single_low"]) & (pairs["single_high"] <= pairs["high"])
    assert inside.all()


def test_pairs_leave_small_groups_out() -> None:
    pairs = pair_table(drawn(by_hand({**THREE, "V-VI": (0, 9, 10, 30)})), minimum=10)
    named = pairs[pairs["metric"] == "sensitivity"][["group_a", "group_b"]].to_numpy()
    assert "V-VI" not in named
    assert (pairs[pairs["metric"] == "specificity"][["group_a", "group_b"]] == "V-VI").to_numpy().any()


def exchange_of(rows: Scored, permutations: int = 5) -> tuple[Exchange, np.ndarray]:
    codes = FST_GROUP.codes(rows.frame)[0]
    return Exchange(rows, codes, permutations, seed=3), codes


def test_levels_after_an_exchange_are_those_of_the_exchanged_rows() -> None:
    rows = rows_of(table(150, seed=1, steps=9, unknown=0.1))
    other = TestPredictions(rows.frame.assign(p_malignant=1 - rows.score), "m")
    table_of = scored(rows, other)
    exchange, codes = exchange_of(table_of)
    labels = [exchange.permutations.groups, *exchange.permutations.labels]
    found = {metric: exchange.levels((metric,))[..., 0] for metric in listed("gaps")}
    for model, score in enumerate(table_of.score):
        for p, units in enumerate(labels):
            group = np.full(len(codes), -1)
            group[exchange.known] = units[exchange.unit]
            if p == 0:
                np.testing.assert_array_equal(group, codes)
            for g in range(3):
                t, s = rows.target[group == g], score[group == g]
                expected = {
                    "sensitivity": (s[t == 1] >= 0.5).mean(),
                    "specificity": (s[t == 0] < 0.5).mean(),
                    "f1_malignant": f1_score(t, s >= 0.5),
                    "auroc": roc_auc_score(t, s),
                }
                got = {metric: found[metric][model, p, g] for metric in listed("gaps")}
                assert got == pytest.approx(expected, abs=1e-9)


def test_an_exchange_moves_whole_clusters_and_keeps_what_a_group_has() -> None:
    rows = scored(rows_of(table(200, seed=2)))
    exchange, codes = exchange_of(rows, 50)
    # rows of a cluster that were in one group stay together
    pieces = pd.Series(rows.cluster[exchange.known].astype("str")) + "/" + codes[exchange.known].astype("str")
    assert pieces.groupby(exchange.unit).nunique().max() == 1
    assert pieces.nunique() == len(exchange.permutations.groups)
    # every group keeps its number of units with positives, so that its precision stays what it is
    positive = exchange.classes[:, 1] > 0
    before = np.bincount(exchange.permutations.groups[positive])
    for labels in exchange.permutations.labels:
        np.testing.assert_array_equal(np.bincount(labels[positive]), before)


def test_a_planted_gap_is_found_and_no_other() -> None:
    equal = {"I-II": (80, 20, 30, 170), "V-VI": (80, 20, 30, 170)}
    unequal = {**equal, "V-VI": (50, 50, 30, 170)}
    found = {}
    for name, groups in (("equal", equal), ("unequal", unequal)):
        rows = by_hand(groups)
        (found[name],) = chances(
            scored(rows), drawn(rows, 2).index, FST_GROUP, minimum=10, permutations=400, seed=0
        )
    assert set(found["equal"]) == set(gaps_of())
    for gap in ("equalized_odds_difference", "sensitivity_gap", "f1_gap", "auroc_gap"):
        assert found["unequal"][gap].p_value < 0.02
    for name in ("equal", "unequal"):
        assert found[name]["specificity_gap"].p_value > 0.9
    # |difference| of two shares of 100 around 0.8: mean sqrt(2 / pi) x its standard deviation
    expected = math.sqrt(2 / math.pi) * math.sqrt(2 * 0.8 * 0.2 / 100)
    assert found["equal"]["sensitivity_gap"].chance == pytest.approx(expected, rel=0.15)


def test_chances_leave_small_groups_out_and_skip_what_has_no_gap() -> None:
    rows = by_hand({**THREE, "V-VI": (0, 9, 10, 30)})
    index = drawn(rows, 2).index
    (found,) = chances(scored(rows), index, FST_GROUP, minimum=10, permutations=50, seed=0)
    two = by_hand({k: v for k, v in THREE.items() if k != "V-VI"})
    (expected,) = chances(scored(two), drawn(two, 2).index, FST_GROUP, minimum=10, permutations=50, seed=0)
    assert found["sensitivity_gap"] == expected["sensitivity_gap"]
    assert chances(scored(rows), index, DOMAIN, minimum=10, permutations=50, seed=0) == [{}]
    assert chances(scored(rows), index, SEX, minimum=10, permutations=50, seed=0) == [{}]


def test_models_are_tested_one_by_one() -> None:
    good, bad = by_hand({**THREE, "V-VI": (18, 2, 4, 36)}), by_hand(THREE)
    bad = TestPredictions(good.frame.assign(p_malignant=bad.score), "m")
    index = drawn(good, 2).index
    together = chances(scored(good, bad), index, FST_GROUP, minimum=10, permutations=100, seed=0)
    alone = [
        chances(scored(rows), index, FST_GROUP, minimum=10, permutations=100, seed=0)[0]
        for rows in (good, bad)
    ]
    assert together == alone
    assert together[0]["sensitivity_gap"].chance != together[1]["sensitivity_gap"].chance


def test_chance_and_p_value_come_into_the_table() -> None:
    replicates = drawn(by_hand(THREE))
    table_of = gap_table(replicates, {("fst_group", "f1_gap"): PermutationResult(0.25, 0.1)}).set_index("gap")
    assert table_of.loc["f1_gap", ["p_value", "chance"]].tolist() == [0.25, 0.1]
    assert table_of["chance"].notna().sum() == 1


def test_members_follow_the_index() -> None:
    index = drawn(by_hand(THREE), 2).index
    assert members(index, "fst_group", ("sensitivity",), 21).groups == ()
    assert members(index, OVERALL.name, ("sensitivity",), 10).groups == ("all",)


def clustered_rows(seed: int) -> TestPredictions:
    """Test rows whose groups differ in size, a score of few steps, in clusters of one to several images."""
    frame = table(240, seed)
    rng = np.random.default_rng(seed)
    score = np.clip(0.35 * frame["target"] + rng.normal(0.35, 0.2, len(frame)), 0, 1)
    domain = rng.choice(["dermoscopic", "clinical", "smartphone"], len(frame), p=[0.6, 0.25, 0.15])
    return rows_of(frame.assign(p_malignant=score, domain=domain))


@pytest.mark.parametrize("seed", range(6))
def test_a_gaps_upper_limit_is_no_less_than_what_the_pairs_and_its_parts_allow(seed: int) -> None:
    replicates = drawn(clustered_rows(seed))
    gaps = gap_table(replicates, {}).set_index(["grouping", "gap"])
    pairs = pair_table(replicates)
    pairs = pairs[pairs["grouping"] == "domain"]
    for metric in ("sensitivity", "specificity", "auroc"):
        most = pairs.loc[pairs["metric"] == metric, ["low", "high"]].abs().to_numpy().max()
        assert gaps.loc[("domain", f"{metric}_gap"), "high"] >= most - 1e-12
    whole = gaps.loc[("domain", "equalized_odds_difference")]
    parts = gaps.loc[[("domain", "sensitivity_gap"), ("domain", "specificity_gap")]]
    assert (parts["left_out"] == whole["left_out"]).all()
    assert whole["high"] >= parts["high"].max()
    assert whole["low"] <= parts["low"].max()


def test_a_model_that_scores_all_images_alike_has_no_interval() -> None:
    replicates = drawn(rows_of(clustered_rows(0).frame.assign(p_malignant=0.3)))
    low, high = limits_by_kind(replicates.index, replicates.index["value"], replicates.values, None, 0.95)
    still = replicates.index["metric"].isin(["auroc", "balanced_accuracy"]).to_numpy()
    assert (replicates.index["value"][still] == 0.5).all()
    assert np.isnan([low[still], high[still]]).all()
    shares = (replicates.index["metric"] == "sensitivity").to_numpy()
    assert np.isfinite(low[shares]).all()  # none is called malignant here, which says something of others
    gap = gap_table(replicates, {}).set_index(["grouping", "gap"]).loc[("domain", "auroc_gap")]
    assert gap["value"] == 0
    assert np.isnan(gap["high"])
    assert "alike" in gap["note"]
