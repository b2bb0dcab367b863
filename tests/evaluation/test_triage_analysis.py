"""Shares per tier counted row by row, and operating points fitted on val."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.triage_analysis import fit_policies, operating_points, triage_table
from skintag.evaluation.decisions.triage import PUBLISHED, TIERS, TriagePolicy
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, OVERALL
from skintag.evaluation.predictions.predictions import Predictions
from tests.evaluation.simulated import images, scored

QUICK = AssessmentSettings(resamples=200)


def table_of(target: list[int], score: list[float], top: list[int], split: str = "test") -> Predictions:
    n = len(target)
    conditions = np.full((n, 10), 0.05)
    conditions[np.arange(n), top] = 0.55
    frame = pd.DataFrame(
        {
            "image_id": [f"{split}{i}" for i in range(n)],
            "dataset": "ddi",
            "domain": ["clinical", "smartphone"] * (n // 2),
            "split": split,
            "target": target,
            "group_id": [f"c{i // 2}" for i in range(n)],
        }
    )
    return Predictions.from_arrays(frame, "m", score, conditions)


BY_HAND = table_of(
    target=[1, 1, 1, 1, 0, 0, 0, 0],
    score=[0.1, 0.2, 0.5, 0.9, 0.1, 0.1, 0.3, 0.7],
    top=[0, 8, 0, 0, 4, 9, 4, 4],
)


def test_tiers_by_hand() -> None:
    found = triage_table(
        BY_HAND, {"m": {"published": PUBLISHED}}, groupings=(OVERALL, DOMAIN), settings=QUICK
    )
    overall = found[found["grouping"] == "overall"].set_index("tier")
    assert overall["n_tier"].to_dict() == {"LOW": 2, "MODERATE": 4, "HIGH": 2}
    assert overall["n_tier_malignant"].to_dict() == {"LOW": 1, "MODERATE": 2, "HIGH": 1}
    assert overall["share_of_malignancies"].to_dict() == {"LOW": 0.25, "MODERATE": 0.5, "HIGH": 0.25}
    assert overall["share_of_images"].to_dict() == {"LOW": 0.25, "MODERATE": 0.5, "HIGH": 0.25}
    assert overall["n_lifted"].to_dict() == {"LOW": 0, "MODERATE": 2, "HIGH": 0}
    assert overall["prevalence"].to_dict() == {"LOW": 0.5, "MODERATE": 0.5, "HIGH": 0.5}
    assert overall["too_few"].all()
    assert overall["has_conditions"].all()
    clinical = found[found["group"] == "clinical"].set_index("tier")  # rows 0, 2, 4, 6
    assert clinical["n_tier"].to_dict() == {"LOW": 2, "MODERATE": 2, "HIGH": 0}
    assert clinical["share_of_malignancies"].to_dict() == {"LOW": 0.5, "MODERATE": 0.5, "HIGH": 0.0}
    assert np.isnan(clinical.loc["HIGH", "prevalence"])


def test_without_conditions_nothing_is_lifted_and_the_table_says_so() -> None:
    frame = BY_HAND.frame.drop(columns=[f"p_condition_{i}" for i in range(10)])
    found = triage_table(
        Predictions(frame), {"m": {"published": PUBLISHED}}, groupings=(OVERALL,), settings=QUICK
    )
    assert found.set_index("tier")["n_tier"].to_dict() == {"LOW": 4, "MODERATE": 2, "HIGH": 2}
    assert not found["has_conditions"].any()
    assert (found["n_lifted"] == 0).all()


def test_a_group_without_malignancies_has_no_share_of_them() -> None:
    frame = BY_HAND.frame
    kept = frame[(frame["domain"] == "smartphone") | (frame["target"] == 0)]
    found = triage_table(Predictions(kept), {"m": {"p": PUBLISHED}}, groupings=(DOMAIN,), settings=QUICK)
    clinical = found[found["group"] == "clinical"]
    assert (clinical["n_malignant"] == 0).all()
    assert clinical[["share_of_malignancies", "share_of_malignancies_low"]].isna().all(axis=None)
    assert clinical["share_of_images"].notna().all()


@pytest.fixture(scope="module")
def table() -> Predictions:
    return scored(images(1500, seed=9), {"m": 2.0, "n": 1.0})


def test_shares_add_up_and_lie_in_their_intervals(table: Predictions) -> None:
    policies = fit_policies(table)
    assert set(policies) == {"m", "n"}
    assert policies["m"]["published"] == TriagePolicy()
    found = triage_table(table, policies, settings=QUICK)
    cells = found.groupby(["model", "policy", "grouping", "group"])
    np.testing.assert_allclose(cells["share_of_malignancies"].sum(), 1)
    np.testing.assert_allclose(cells["share_of_images"].sum(), 1)
    assert (cells["tier"].agg(list).map(tuple) == TIERS).all()
    for share in ("share_of_malignancies", "share_of_images"):
        assert (found[f"{share}_low"] <= found[share]).all()
        assert (found[share] <= found[f"{share}_high"]).all()
    fitted = found[
        (found["policy"] == "fitted") & (found["grouping"] == "overall") & (found["tier"] == "LOW")
    ]
    assert (fitted["share_of_malignancies"] < 0.12).all()  # 0.05 on val


def test_operating_points_are_fitted_on_val_and_told_on_test(table: Predictions) -> None:
    found = operating_points(table, groupings=(OVERALL, FST_GROUP), settings=QUICK)
    assert len(found) == 2 * 4 * 4
    assert (found["val_sensitivity"] >= found["target_sensitivity"]).all()
    by_target = found[(found["model"] == "m") & (found["group"] == "all")]
    assert by_target["threshold"].is_monotonic_increasing
    assert by_target["specificity"].is_monotonic_increasing
    row = found[
        (found["model"] == "m") & (found["group"] == "V-VI") & (found["target_sensitivity"] == 0.9)
    ].iloc[0]
    rows = table.test("m")
    inside = (rows.frame["fst_group"] == "V-VI").to_numpy(bool)
    target, decision = rows.target[inside], rows.score[inside] >= row["threshold"]
    assert row["sensitivity"] == decision[target == 1].mean()
    assert row["specificity"] == (~decision[target == 0]).mean()
    assert (row["n"], row["n_malignant"]) == (inside.sum(), target.sum())
    assert row["sensitivity_low"] < row["sensitivity"] < row["sensitivity_high"]
    assert row["reached"] == (row["sensitivity"] >= 0.9)


def test_test_rows_do_not_move_a_threshold(table: Predictions) -> None:
    frame = table.frame
    moved = frame.assign(p_malignant=frame["p_malignant"].where(frame["split"] == "val", 0.5))
    before, after = (operating_points(t, settings=QUICK) for t in (table, Predictions(moved)))
    np.testing.assert_array_equal(before["threshold"], after["threshold"])
    assert fit_policies(table) == fit_policies(Predictions(moved))


def test_test_rows_of_one_class_leave_the_other_rate_undefined(table: Predictions) -> None:
    frame = table.frame
    benign = Predictions(frame[(frame["split"] == "val") | (frame["target"] == 0)])
    found = operating_points(benign, settings=QUICK)
    assert found[["sensitivity", "sensitivity_low"]].isna().all(axis=None)
    assert found["reached"].isna().all()
    assert found["specificity"].notna().all()
