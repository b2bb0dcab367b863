"""Group by group, our figures are those of scikit-learn, fairlearn and torchmetrics."""

from __future__ import annotations

import fairlearn.metrics as fl
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, recall_score, roc_auc_score
from torchmetrics.functional.classification import binary_calibration_error

from skintag.evaluation.metrics.groups import DOMAIN, FITZPATRICK, FST_GROUP, OVERALL, SEX, evaluate
from skintag.evaluation.metrics.metrics import ece
from skintag.evaluation.metrics.registry import own_metrics
from skintag.evaluation.statistics.bootstrap import Resamples, replicate
from skintag.evaluation.statistics.gaps import gap_table
from tests.evaluation.peers import rows_of, scikit_learn, table

tables = st.builds(
    table,
    n=st.integers(1, 120),
    seed=st.integers(0, 10**6),
    steps=st.sampled_from([1, 4, 15, 10**6]),
    unknown=st.sampled_from([0.0, 0.3]),
    share=st.sampled_from([0.05, 0.5, 0.9]),
)


@settings(max_examples=12, deadline=None)
@given(tables, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_every_metric_in_every_group_is_scikit_learns(frame: pd.DataFrame, cut: float) -> None:
    rows = rows_of(frame)
    for grouping in (OVERALL, FST_GROUP, SEX):
        codes, names = grouping.codes(rows.frame)
        found = evaluate(rows, cut, groupings=[grouping])
        assert len(found) == len(names) * len(own_metrics())
        for row in found.itertuples():
            inside = codes == names.index(row.group)
            expected = scikit_learn(row.metric, rows.target[inside], rows.score[inside], cut)
            np.testing.assert_allclose(row.value, expected, rtol=0, atol=1e-12, err_msg=str(row))


@settings(max_examples=12, deadline=None)
@given(tables, st.sampled_from([0.25, 0.5]))
def test_groups_are_those_of_fairlearns_metric_frame(frame: pd.DataFrame, cut: float) -> None:
    rows = rows_of(frame)
    for grouping in (DOMAIN, FITZPATRICK):
        codes, names = grouping.codes(rows.frame)
        known = codes >= 0
        if not known.any():
            continue
        peer = fl.MetricFrame(
            metrics={
                "n": fl.count,
                "accuracy": accuracy_score,
                "sensitivity": fl.true_positive_rate,
                "specificity": fl.true_negative_rate,
                "positives": lambda target, _: target.sum(),
            },
            y_true=rows.target[known],
            y_pred=(rows.score[known] >= cut).astype(int),
            sensitive_features=pd.Series(np.array(names)[codes[known]]),
        ).by_group
        found = evaluate(rows, cut, groupings=[grouping]).set_index(["metric", "group"])
        assert set(found.loc["accuracy"].index) == set(peer.index)
        peer = peer.loc[found.loc["accuracy"].index]
        np.testing.assert_array_equal(found.loc["accuracy", "n"], peer["n"])
        found = found["value"]
        np.testing.assert_allclose(found["accuracy"], peer["accuracy"], rtol=0, atol=1e-12)
        # fairlearn has 0 where a class is absent, we have nan
        for metric, defined in (
            ("sensitivity", peer["positives"] > 0),
            ("specificity", peer["positives"] < peer["n"]),
        ):
            np.testing.assert_allclose(found[metric][defined], peer[metric][defined], rtol=0, atol=1e-12)
            assert found[metric][~defined].isna().all()


@pytest.mark.long
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.2, 0.5, 0.8]))
def test_gaps_are_fairlearns_differences(seed: int, cut: float) -> None:
    rows = rows_of(table(150, seed))
    found = replicate(rows, cut, Resamples.of(rows, 20, 0), groupings=[DOMAIN, FST_GROUP])
    gaps = gap_table(found, {}, minimum=1).set_index(["grouping", "gap"])["value"]
    for grouping in (DOMAIN, FST_GROUP):
        codes, names = grouping.codes(rows.frame)
        known = codes >= 0
        target, score = rows.target[known], rows.score[known]
        decision = (score >= cut).astype(int)
        group = np.array(names)[codes[known]]
        by_group = {"y_true": target, "sensitive_features": group}
        expected = {
            "equalized_odds_difference": fl.equalized_odds_difference(
                target, decision, sensitive_features=group
            ),
            "sensitivity_gap": fl.equal_opportunity_difference(target, decision, sensitive_features=group),
            "specificity_gap": fl.MetricFrame(
                metrics=fl.true_negative_rate, y_pred=decision, **by_group
            ).difference(),
            "auroc_gap": fl.MetricFrame(metrics=roc_auc_score, y_pred=score, **by_group).difference(),
            "worst_group_sensitivity": fl.MetricFrame(
                metrics=recall_score, y_pred=decision, **by_group
            ).group_min(),
        }
        for name, value in expected.items():
            assert gaps[grouping.name, name] == pytest.approx(value, abs=1e-12), name


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.integers(0, 10**6))
def test_ece_is_that_of_torchmetrics(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, score = rng.integers(0, 2, n), rng.random(n)
    peer = binary_calibration_error(torch.from_numpy(score), torch.from_numpy(target), n_bins=15, norm="l1")
    assert ece(target, score) == pytest.approx(peer.item(), abs=1e-6)  # theirs in single precision


def test_a_score_of_one_is_in_the_last_bin() -> None:
    # 0.95 and 1 share a bin: mean score 0.975, share of positives a half
    assert ece([1, 0], [1.0, 0.95]) == pytest.approx(0.475, abs=1e-12)
