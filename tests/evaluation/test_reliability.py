"""Reliability bins against scikit-learn's, and calibration errors before and after."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.reliability import calibration_table, expected_ece, reliability
from skintag.evaluation.decisions.calibration import calibrated, fit_calibrations
from skintag.evaluation.metrics.groups import FST_GROUP, OVERALL
from skintag.evaluation.metrics.metrics import brier, ece
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.shares import clustered_shares
from tests.evaluation.simulated import images, scored

QUICK = AssessmentSettings(resamples=200)


@pytest.fixture(scope="module")
def table() -> Predictions:
    return scored(images(1200, seed=3), {"m": 2.0, "n": 0.5})


def test_bins_are_scikit_learns_group_by_group(table: Predictions) -> None:
    rows = table.test("m")
    found = reliability(rows, Resamples.of(rows, 100, 0), groupings=(OVERALL, FST_GROUP))
    for group in ("all", "I-II", "V-VI"):
        inside = (
            np.ones(len(rows), bool) if group == "all" else (rows.frame["fst_group"] == group).to_numpy(bool)
        )
        share, mean = calibration_curve(
            rows.target[inside], rows.score[inside], n_bins=15, strategy="uniform"
        )
        part = found[found["group"] == group]
        np.testing.assert_allclose(part["observed"], share)
        np.testing.assert_allclose(part["mean_score"], mean)
        assert part["n"].sum() == inside.sum()
        assert part["n_positive"].sum() == rows.target[inside].sum()
        gaps = (part["observed"] - part["mean_score"]).abs()
        assert np.average(gaps, weights=part["n"]) == pytest.approx(
            ece(rows.target[inside], rows.score[inside])
        )
    assert ((found["lower"] <= found["mean_score"]) & (found["mean_score"] <= found["upper"])).all()
    assert (found["low"] <= found["observed"] + 1e-12).all()
    assert (found["observed"] <= found["high"] + 1e-12).all()


def test_errors_before_and_after_are_the_metrics_themselves(table: Predictions) -> None:
    maps = {kind: fit_calibrations(table, kind) for kind in ("temperature", "isotonic")}
    found = calibration_table(table, maps, groupings=(OVERALL, FST_GROUP), settings=QUICK)
    rows = table.test("m")
    inside = (rows.frame["fst_group"] == "V-VI").to_numpy(bool)
    versions = {"none": rows} | {kind: calibrated(rows, by_model["m"]) for kind, by_model in maps.items()}
    part = found[(found["model"] == "m") & (found["group"] == "V-VI")]
    values = part.set_index(["calibration", "metric"])
    assert len(part) == 6
    for kind, version in versions.items():
        t, s = version.target[inside], version.score[inside]
        for metric, function in (("ece", ece), ("brier", brier)):
            assert values.loc[(kind, metric), "value"] == pytest.approx(function(t, s))
            before = function(t, rows.score[inside])
            change = values.loc[(kind, metric), "change"]
            assert np.isnan(change) if kind == "none" else change == pytest.approx(function(t, s) - before)
        chance = values.loc[
            (kind, "ece"), "expected"
        ]  # its rows come in clusters: never below that of single rows
        assert expected_ece(s) - 1e-12 <= chance < 2 * expected_ece(s)
        assert np.isnan(values.loc[(kind, "brier"), "expected"])


def test_a_map_that_mends_scores_is_seen_to() -> None:
    frame = images(3000, seed=5)
    good = scored(frame, {"m": 2.0}, common=0.0).frame
    z = np.log(good["p_malignant"] / (1 - good["p_malignant"]))
    sure = Predictions(good.assign(p_malignant=1 / (1 + np.exp(-8 * z))))
    maps = {"temperature": fit_calibrations(sure)}
    found = calibration_table(sure, maps, groupings=(OVERALL,), settings=QUICK)
    row = found[(found["calibration"] == "temperature") & (found["metric"] == "ece")].iloc[0]
    assert row["change_high"] < -0.05
    assert row["value"] < 0.05


def test_the_expected_error_is_what_calibrated_scores_have_by_chance() -> None:
    rng = np.random.default_rng(0)
    score = rng.beta(2, 3, 500)
    drawn = [ece((rng.random(500) < score).astype(int), score) for _ in range(400)]
    assert expected_ece(score) == pytest.approx(np.mean(drawn), rel=0.06)
    assert np.isnan(expected_ece(np.array([])))


def test_shares_are_those_of_every_resample_by_itself() -> None:
    rng = np.random.default_rng(1)
    cluster = rng.integers(0, 30, 120)
    draws = Resamples.draw(pd.Series(cluster).astype("str"), 50, seed=2)
    cell, outcome = rng.integers(-1, 3, 120), rng.integers(-1, 2, 120)
    found = clustered_shares(cell, outcome, (4, 2), draws)
    weights = draws.counts[:, draws.cluster]
    for c in range(4):
        inside = cell == c
        assert found.n[c] == inside.sum()
        assert found.units[c] == len(np.unique(draws.cluster[inside]))
        for o in range(2):
            hits = inside & (outcome == o)
            assert found.hits[c, o] == hits.sum()
            if c == 3:
                assert np.isnan([found.value[c, o], found.low[c, o], found.high[c, o]]).all()
                continue
            assert found.value[c, o] == hits.sum() / inside.sum()
            drawn = weights[:, hits].sum(1) / weights[:, inside].sum(1)
            assert found.low[c, o] < drawn.mean() < found.high[c, o]


def test_entries_of_rows_that_lie_in_several_cells_are_as_rows_of_their_own() -> None:
    rng = np.random.default_rng(4)
    draws = Resamples.draw(pd.Series(rng.integers(0, 20, 60)).astype("str"), 40, seed=0)
    cell, outcome = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    both = clustered_shares(
        np.concatenate([cell, cell + 2]),
        np.tile(outcome, 2),
        (4, 2),
        draws,
        row=np.tile(np.arange(60), 2),
    )
    alone = clustered_shares(cell, outcome, (2, 2), draws)
    for name in ("value", "low", "high", "hits"):
        np.testing.assert_array_equal(getattr(both, name)[:2], getattr(alone, name))
        np.testing.assert_array_equal(getattr(both, name)[2:], getattr(alone, name))
