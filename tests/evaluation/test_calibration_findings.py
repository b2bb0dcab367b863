"""Calibration by group among what was found: without the plug-in estimate's bias, and which group stands out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.reliability import expected_ece
from skintag.evaluation.decisions.thresholds import fit_thresholds, thresholds_of
from skintag.evaluation.metrics.metrics import ece
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Origin
from skintag.evaluation.report.gather import gather
from skintag.evaluation.report.settings import ReportSettings
from skintag.evaluation.statistics.folded import Folded, debiased

SETTINGS = ReportSettings(AssessmentSettings(resamples=100, permutations=50), errors=0)


def table(too_low: float, n: int = 3000, seed: int = 0) -> Predictions:
    """Calibrated scores, but on V-VI malignancies are that much more frequent than promised."""
    rng = np.random.default_rng(seed)
    skin = rng.choice(["I-II", "III-IV", "V-VI"], n, p=[0.5, 0.3, 0.2])
    p = rng.beta(1.5, 3, n) * (1 - too_low)
    target = (rng.random(n) < p + too_low * (skin == "V-VI")).astype("int8")
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i:05d}" for i in range(n)],
            "dataset": np.where(np.arange(n) % 2, "ddi", "fitzpatrick17k"),
            "domain": "clinical",
            "split": np.where(rng.random(n) < 0.4, "val", "test"),
            "target": target,
            "fst_group": pd.Series(skin, dtype="str"),
            "group_id": [f"p{i:05d}" for i in range(n)],
        }
    )
    return Predictions.from_arrays(frame, "m", p)


def said(predictions: Predictions) -> list[tuple[str, str]]:
    evidence = gather(predictions, fit_thresholds(predictions), Origin("x", "y"), SETTINGS)
    groups = [g for g in build_page(evidence).findings if g.verdict == "calibration"]
    return [*groups[0].texts] if groups else []


def test_a_group_whose_scores_promise_too_little_stands_out_among_what_was_found() -> None:
    predictions = table(0.25)
    text, detail = said(predictions)[0]
    assert text.startswith("Calibration error by skin type: from 0.")
    assert "(V-VI, 0." in text
    test = predictions.test("m").frame
    dark = test[test["fst_group"] == "V-VI"]
    mean, share = dark["p_malignant"].mean(), dark["target"].mean()
    assert f"It stands out in V-VI (scores average {mean:.2f}, {share:.2f} are malignant)." in text
    assert share - mean > 0.2
    assert (
        f"V-VI: {len(dark):,} images, {ece(dark['target'], dark['p_malignant']):.2f} before debiasing"
        in detail
    )
    assert "after temperature scaling" in detail


def test_no_group_stands_out_where_all_are_calibrated_and_small_ones_are_not_the_worst_by_noise() -> None:
    predictions = table(0.0)
    test = predictions.test("m").frame
    few = test[test["fst_group"] == "V-VI"].iloc[60:]
    sentences = said(Predictions(predictions.frame.drop(few.index)))
    assert len(sentences) == 2  # skin types and datasets: there is one domain
    assert not [text for text, _ in sentences if "out in" in text]


def test_without_val_rows_there_is_no_such_finding() -> None:
    frame = table(0.2).frame
    alone = Predictions(frame[frame["split"] == "test"])
    evidence = gather(alone, thresholds_of(alone, given=0.5), Origin("x", "y"), SETTINGS)
    assert "calibration" not in [g.verdict for g in build_page(evidence).findings]


@pytest.mark.parametrize("error", [0.0, 0.05, 0.2])
def test_the_debiased_error_is_nearer_the_truth_than_the_plug_in_one(error: float) -> None:
    """Ten bins in the middle of which scores lie, all off by `error` upwards; 120 rows, 200 tables."""
    rng = np.random.default_rng(7)
    plug_in, unbiased = [], []
    for _ in range(200):
        bins = rng.integers(3, 13, 120)
        score = (bins + 0.5) / 15
        target = (rng.random(120) < np.clip(score - error, 0, 1)).astype(int)
        sums = np.bincount(bins, weights=score - target, minlength=15)[3:13] / 120
        promised = np.bincount(bins, weights=score * (1 - score), minlength=15)[3:13] / 120**2
        found = Folded(sums, np.diag(promised))
        assert found.value == pytest.approx(ece(target, score))
        plug_in.append(found.value)
        unbiased.append(debiased(found))
    assert np.mean(plug_in) > error + (0.03 if error < 0.1 else 0.0)
    assert abs(np.median(unbiased) - error) < 0.02
    if error < 0.1:
        assert abs(np.mean(unbiased) - error) < abs(np.mean(plug_in) - error)
    if error == 0:
        assert np.mean(plug_in) == pytest.approx(expected_ece(score), rel=0.2)
        assert np.mean(np.array(unbiased) == 0) > 0.4


def test_nothing_has_no_debiased_error() -> None:
    assert np.isnan(debiased(Folded(np.zeros(0), np.zeros((0, 0)))))
