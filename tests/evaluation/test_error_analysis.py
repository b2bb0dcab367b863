"""Worst errors and error rates, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skintag.core.vocabulary import CONDITIONS
from skintag.evaluation.analyses.error_analysis import error_table, worst_errors
from skintag.evaluation.decisions.triage import PUBLISHED, TriagePolicy
from skintag.evaluation.metrics.groups import SEX
from skintag.evaluation.predictions.predictions import Predictions


@pytest.fixture
def table() -> Predictions:
    """Malignant a-e (one patient has a and b), others f-j; decided at 0.5."""
    score = [0.05, 0.1, 0.4, 0.7, 0.49, 0.2, 0.95, 0.6, 0.3, 0.9]
    top = [4, 8, 4, 0, 0, 4, 1, 0, 4, 1]
    conditions = np.full((10, 10), 0.05)
    conditions[np.arange(10), top] = 0.55
    frame = pd.DataFrame(
        {
            "image_id": list("abcdefghij"),
            "dataset": "ddi",
            "domain": "clinical",
            "split": "test",
            "target": [1] * 5 + [0] * 5,
            "condition": pd.array([0, 0, 1, 1, None, 4, 4, 4, 8, 9], dtype="Int8"),
            "fst_group": pd.Series(
                ["I-II", "I-II", "V-VI", None, "V-VI", "I-II", "V-VI", None, "I-II", "V-VI"], dtype="str"
            ),
            "group_id": pd.Series(["p", "p", "q", None, None, "r", "s", "s", "t", "u"], dtype="str"),
        }
    )
    return Predictions.from_arrays(frame, "m", score, conditions)


def test_condition_names_are_the_taxonomys() -> None:
    assert CONDITIONS == CONDITIONS


def test_worst_first_one_per_patient_with_both_tiers(table: Predictions) -> None:
    policies = {"published": PUBLISHED, "fitted": TriagePolicy(0.08, 0.55, name="fitted")}
    found = worst_errors(table, "m", 0.5, policies, k=2)
    assert found["image_id"].tolist() == ["a", "c", "g", "j"]
    assert found["kind"].tolist() == ["false_negative"] * 2 + ["false_positive"] * 2
    assert found["rank"].tolist() == [1, 2, 1, 2]
    assert found["n_cluster_errors"].tolist() == [2, 1, 2, 1]  # b is wrong too, and so is h of g's patient
    assert found["tier_published"].tolist() == ["LOW", "MODERATE", "HIGH", "HIGH"]
    assert found["tier_fitted"].tolist() == ["LOW", "MODERATE", "HIGH", "HIGH"]
    first = found.iloc[0]
    assert (first["condition"], first["predicted_condition"]) == ("melanoma", "melanocytic_nevus")
    assert first["p_top"] == pytest.approx(0.55)
    assert (first["fst_group"], first["dataset"], first["score"], first["threshold"]) == (
        "I-II",
        "ddi",
        0.05,
        0.5,
    )


def test_every_image_where_that_is_asked_for(table: Predictions) -> None:
    found = worst_errors(table, "m", 0.5, {"published": PUBLISHED}, one_per_cluster=False)
    assert found["image_id"].tolist() == ["a", "b", "c", "e", "g", "j", "h"]
    tiers = found.set_index("image_id")["tier_published"]
    assert (tiers["a"], tiers["b"]) == ("LOW", "MODERATE")  # b's likeliest condition is inflammatory
    assert found.loc[found["image_id"] == "e", "condition"].isna().all()


def test_a_model_without_conditions_or_errors(table: Predictions) -> None:
    bare = Predictions(table.frame.drop(columns=[f"p_condition_{i}" for i in range(10)]))
    found = worst_errors(bare, "m", 0.5, k=1)
    assert found[["predicted_condition", "p_top"]].isna().all(axis=None)
    right = Predictions(bare.frame.assign(p_malignant=bare.frame["target"].astype(float)))
    assert worst_errors(right, "m", 0.5).empty
    assert (error_table(right, "m", 0.5)["rate"] == 0).all()


def test_groups_called_like_a_margin_are_told_from_it(table: Predictions) -> None:
    named = pd.Series(["all"] * 3 + ["unknown"] * 2 + [None] * 5, dtype="str")
    found = error_table(Predictions(table.frame.assign(sex=named)), "m", 0.5, grouping=SEX)
    margin = found[found["condition"] == "all"].set_index("group")["n"]
    assert margin.to_dict() == {"all": 10, "'all'": 3, "'unknown'": 2, "unknown": 5}


def test_error_table_by_hand(table: Predictions) -> None:
    found = error_table(table, "m", 0.5, minimum=2).set_index(["condition", "group"])
    # of the malignant a, b, c and e are missed; of the others g, h and j are called malignant
    assert found.loc[("all", "all"), ["n", "errors", "false_negatives", "false_positives"]].tolist() == [
        10,
        7,
        4,
        3,
    ]
    assert found.loc[("melanoma", "I-II"), ["n", "n_malignant", "errors"]].tolist() == [2, 2, 2]
    assert found.loc[("basal_cell_carcinoma", "all"), "rate"] == 0.5
    assert found.loc[("basal_cell_carcinoma", "unknown"), "errors"] == 0
    assert found.loc[("unknown", "V-VI"), "false_negatives"] == 1  # a row without a condition is not lost
    assert found.loc[("melanocytic_nevus", "V-VI"), "too_few"]
    assert not found.loc[("melanoma", "I-II"), "too_few"]
    assert ("melanoma", "V-VI") not in found.index
    margins = found.loc["all"]
    assert margins.drop("all")["n"].sum() == margins.loc["all", "n"]
    assert list(margins.index) == ["all", "I-II", "V-VI", "unknown"]
    assert list(found.index.unique("condition"))[:3] == ["all", "melanoma", "basal_cell_carcinoma"]
