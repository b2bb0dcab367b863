"""Distorted tables: metrics at the frozen threshold, and paired changes against clean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skintag.core.errors import DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.robustness import CLEAN, robustness_table
from skintag.evaluation.decisions.thresholds import fit_thresholds
from skintag.evaluation.metrics.groups import FST_GROUP, OVERALL, evaluate
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from tests.evaluation.simulated import images, scored

QUICK = AssessmentSettings(resamples=200)


@pytest.fixture(scope="module")
def run() -> Predictions:
    return scored(images(900, seed=11), {"m": 2.5, "n": 1.5})


@pytest.fixture(scope="module")
def distorted(run: Predictions) -> pd.DataFrame:
    """Clean; `blur`, which changes nothing; `noise`, which turns scores to chance."""
    test = run.frame[run.frame["split"] == "test"]
    noise = np.random.default_rng(0).random(len(test))
    return pd.concat(
        [
            test.assign(distortion=CLEAN, severity=np.nan),
            test.assign(distortion="noise", severity=0.2, p_malignant=noise),
            test.assign(distortion="blur", severity=2.0),
        ]
    )


def test_values_are_the_metrics_at_the_clean_threshold(run: Predictions, distorted: pd.DataFrame) -> None:
    thresholds = fit_thresholds(run)
    found = robustness_table(distorted, thresholds, groupings=(OVERALL, FST_GROUP), settings=QUICK)
    assert (
        found.drop_duplicates(["model", "distortion"])["distortion"].tolist() == [CLEAN, "noise", "blur"] * 2
    )
    noisy = distorted[(distorted["distortion"] == "noise") & (distorted["model"] == "m")]
    rows = TestPredictions(noisy.drop(columns=["distortion", "severity"]), "m")
    expected = evaluate(rows, thresholds["m"].value, groupings=(OVERALL, FST_GROUP))
    part = found[(found["model"] == "m") & (found["distortion"] == "noise")]
    assert set(part["metric"]) == set(listed("robustness"))
    assert (part["severity"] == 0.2).all()
    merged = part.merge(expected, on=["grouping", "group", "metric"])
    np.testing.assert_array_equal(merged["value_x"], merged["value_y"])
    clean = found[(found["model"] == "m") & (found["distortion"] == CLEAN)]
    own = evaluate(run.test("m"), thresholds["m"].value, groupings=(OVERALL, FST_GROUP))
    both = clean.merge(own, on=["grouping", "group", "metric"])
    np.testing.assert_array_equal(both["value_x"], both["value_y"])
    change = part.set_index(["group", "metric"])["value"] - clean.set_index(["group", "metric"])["value"]
    np.testing.assert_allclose(part.set_index(["group", "metric"])["change"], change)


def test_a_harmful_distortion_is_told_from_a_harmless_one(run: Predictions, distorted: pd.DataFrame) -> None:
    found = robustness_table(distorted, fit_thresholds(run), settings=QUICK)
    auroc = found[(found["metric"] == "auroc") & (found["model"] == "m")].set_index("distortion")
    assert auroc.loc["noise", "change_high"] < -0.2
    assert auroc.loc["noise", "p_holm"] < 0.01
    assert (auroc.loc["blur", "change"], auroc.loc["blur", "p_value"]) == (0.0, 1.0)
    assert auroc.loc[CLEAN, ["change", "change_low", "p_value", "p_holm"]].isna().all()
    assert auroc.loc["noise", "p_holm"] == pytest.approx(min(2 * auroc.loc["noise", "p_value"], 1))


def test_a_sample_of_the_images_is_compared_on_that_sample(run: Predictions, distorted: pd.DataFrame) -> None:
    few = distorted[distorted["distortion"] != CLEAN]
    few = few[few["image_id"].isin(sorted(few["image_id"].unique())[:150])]
    found = robustness_table(few, fit_thresholds(run), clean=run, settings=QUICK)
    part = found[(found["model"] == "m") & (found["metric"] == "accuracy")].set_index("distortion")
    assert part["n"].to_dict() == {CLEAN: len(run.test("m")), "noise": 150, "blur": 150}
    assert part.loc["blur", "change"] == 0
    # clean's own value stands on all images, so it is not what the change is against
    assert part.loc["noise", "change"] != part.loc["noise", "value"] - part.loc[CLEAN, "value"]


def test_what_cannot_be_judged_is_refused(run: Predictions, distorted: pd.DataFrame) -> None:
    thresholds = fit_thresholds(run)
    with pytest.raises(DataError, match="score the clean images too"):
        robustness_table(distorted[distorted["distortion"] != CLEAN], thresholds, settings=QUICK)
    with pytest.raises(DataError, match="of other splits: val"):
        robustness_table(distorted.assign(split="val"), thresholds, settings=QUICK)
    with pytest.raises(DataError, match="clean val rows"):
        robustness_table(distorted, {"m": thresholds["m"]}, settings=QUICK)
    with pytest.raises(DataError, match="no distortion"):
        robustness_table(distorted.drop(columns="distortion"), thresholds, settings=QUICK)
    with pytest.raises(DataError, match="more than once"):
        robustness_table(pd.concat([distorted, distorted]), thresholds, settings=QUICK)
    with pytest.raises(DataError, match="no rows"):
        robustness_table(distorted.iloc[:0], thresholds, settings=QUICK)
