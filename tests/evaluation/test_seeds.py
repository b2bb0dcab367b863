"""Runs over seeds: means by hand, pairing, and intervals that hold both kinds of noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import SeedSummary, over_seeds
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.metrics.groups import FST_GROUP, OVERALL, evaluate
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.differences import paired_differences, seed_differences
from tests.evaluation.simulated import images, scored

HALF = {"m": Threshold(0.5, "by hand", 1, 1, 1.0, 1.0, 1.0)}
QUICK = AssessmentSettings(resamples=300)
METRICS = ("auroc", "sensitivity", "specificity")
Runs = dict[tuple[str, int], Predictions]


def summary(runs: Runs, **kwargs: object) -> SeedSummary:
    thresholds = dict.fromkeys(runs, HALF)
    return over_seeds(
        runs, thresholds, groupings=(OVERALL, FST_GROUP), metrics=METRICS, settings=QUICK, **kwargs
    )


def runs_of(separations: dict[str, float], seeds: int, **kwargs: object) -> Runs:
    frame = images(900, seed=8)
    return {
        (name, seed): scored(frame, {"m": s}, seed=100 * i + seed, **kwargs)
        for i, (name, s) in enumerate(separations.items())
        for seed in range(seeds)
    }


def only(frame: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.fixture(scope="module")
def runs() -> Runs:
    return runs_of({"balanced": 2.6, "plain": 1.2}, 3)


@pytest.fixture(scope="module")
def found(runs: Runs) -> SeedSummary:
    return summary(runs, reference="plain")


def test_means_and_spreads_are_those_of_the_single_runs(runs: Runs, found: SeedSummary) -> None:
    for metric in METRICS:
        values = {
            key: evaluate(run.test("m"), 0.5, groupings=(FST_GROUP,)).set_index(["group", "metric"])["value"][
                "V-VI", metric
            ]
            for key, run in runs.items()
        }
        ours = [values["balanced", s] for s in range(3)]
        theirs = [values["plain", s] for s in range(3)]
        level = only(found.levels, name="balanced", group="V-VI", metric=metric)
        assert (level["mean"], level["sd"]) == pytest.approx((np.mean(ours), np.std(ours, ddof=1)))
        assert (level["least"], level["most"], level["n_seeds"]) == (min(ours), max(ours), 3)
        assert 0 <= level["low"] < level["mean"] < level["high"] <= 1
        row = only(found.differences, group="V-VI", metric=metric)
        difference = np.subtract(ours, theirs)
        assert row["difference"] == pytest.approx(difference.mean())
        assert row["sd"] == pytest.approx(difference.std(ddof=1))
        limits = stats.ttest_rel(ours, theirs).confidence_interval()
        assert (row["seed_low"], row["seed_high"]) == pytest.approx((limits.low, limits.high))


def test_a_large_difference_exceeds_seed_noise_and_test_set_noise(found: SeedSummary) -> None:
    row = only(found.differences, grouping="overall", metric="auroc")
    assert row["exceeds_seed_noise"]
    assert row["low"] > 0
    assert row["p_holm"] < 0.05
    assert (row["name"], row["reference"], row["model"]) == ("balanced", "plain", "m")


def test_gaps_are_averaged_and_compared(found: SeedSummary) -> None:
    row = only(found.differences, grouping="fst_group", metric="sensitivity_gap")
    level = only(found.levels, name="plain", metric="sensitivity_gap")
    assert level["mean"] == pytest.approx(row["mean_b"])
    assert np.isnan(level["low"])  # the limits of a gap do not come from its mean
    assert np.isfinite(row["difference"])
    assert np.isnan(
        [row["low"], row["p_value"], row["p_holm"]]
    ).all()  # nor does a difference of two gaps have any


def test_the_interval_is_wider_than_that_of_either_kind_of_noise_alone(found: SeedSummary) -> None:
    row = only(found.differences, grouping="overall", metric="auroc")
    seed_se = row["sd"] / np.sqrt(3)
    assert (row["high"] - row["low"]) / 2 > 1.96 * seed_se
    # three runs that differ in their name only have no seed noise: what is left is the test set's
    frame = images(900, seed=8)
    a, b = scored(frame, {"m": 2.6}, seed=1), scored(frame, {"m": 1.2}, seed=2)
    quiet = summary({(n, s): t for n, t in (("a", a), ("b", b)) for s in range(3)}, reference="b")
    alone = only(quiet.differences, grouping="overall", metric="auroc")
    assert alone["sd"] == 0
    assert alone["high"] - alone["low"] > 0.02


def test_one_seed_says_nothing_of_seed_noise() -> None:
    single = summary(runs_of({"a": 2.0, "b": 1.0}, 1), reference="b")
    assert single.differences["exceeds_seed_noise"].isna().all()
    assert single.differences["seed_low"].isna().all()
    row = only(single.differences, grouping="overall", metric="auroc")
    assert row["low"] < row["difference"] < row["high"]
    assert "one seed" in row["note"]
    assert single.levels["sd"].isna().all()


def test_seeds_that_one_name_lacks_are_left_out_and_counted(runs: Runs) -> None:
    fewer = {key: run for key, run in runs.items() if key != ("plain", 1)}
    row = only(summary(fewer, reference="plain").differences, grouping="overall", metric="auroc")
    assert row["n_seeds"] == 2
    assert "1 run(s) left out" in row["note"]
    values = [
        evaluate(run.test("m"), 0.5, groupings=(OVERALL,)).set_index("metric")["value"]["auroc"]
        for key, run in runs.items()
        if key[0] == "balanced" and key[1] != 1
    ]
    assert row["mean_a"] == pytest.approx(np.mean(values))


def test_seeds_may_have_test_sets_of_their_own() -> None:
    mixed = {
        (name, seed): scored(images(900, seed=8, split_seed=seed), {"m": s}, seed=10 * seed + i)
        for i, (name, s) in enumerate({"a": 2.4, "b": 1.0}.items())
        for seed in range(2)
    }
    result = summary(mixed, reference="b")
    row = only(result.differences, grouping="overall", metric="auroc")
    assert row["n_seeds"] == 2
    assert 0 < row["difference"] < row["high"]
    sizes = [len(run.test("m")) for run in mixed.values()]
    assert only(result.levels, name="a", grouping="overall", metric="auroc")["n"] == min(sizes)


def test_holding_seed_noise_keeps_the_level_where_the_test_sets_alone_would_not() -> None:
    """Equal regimes whose runs differ by the luck of the seed: 1000 experiments of 4 seeds on 80 images each."""
    rng = np.random.default_rng(5)
    rejected = {"both": 0, "test set": 0}
    for _ in range(1000):
        luck = rng.normal(0, 0.08, 4)
        per_image = luck[:, None] + rng.normal(0, 0.3, (4, 80)) + rng.normal(0, 0.3, 80)  # [seed, image]
        points = per_image.mean(axis=1, keepdims=True)
        weights = rng.multinomial(80, np.full(80, 1 / 80), size=150) / 80
        drawn = (weights @ per_image.mean(axis=0))[:, None]
        mean, sd, _, _ = seed_differences(points)
        extra = (sd**2 / 4, np.array([3.0]))
        for name, more in (("both", extra), ("test set", None)):
            result = paired_differences(mean, drawn, n_units=[80], n_rows=[np.nan], extra=more)
            rejected[name] += int(result.p_value[0] < 0.05)
    assert rejected["both"] / 1000 <= 0.06
    assert rejected["both"] / 1000 >= 0.01
    assert rejected["test set"] / 1000 > 0.1


def test_one_name_has_levels_and_nothing_to_compare() -> None:
    result = summary(runs_of({"a": 2.0}, 2))
    assert set(result.levels["name"]) == {"a"}
    assert result.differences.empty
    assert "p_holm" in result.differences
