"""Repeated splits: the corrected resampled t interval by hand, and against the truth of simulated patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import Key, SeedSummary, over_seeds
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.metrics.groups import OVERALL, evaluate
from skintag.evaluation.predictions.predictions import Predictions

HALF = {"m": Threshold(0.5, "by hand", 1, 1, 1.0, 1.0, 1.0)}
QUICK = AssessmentSettings(resamples=60)
PATIENTS, FEATURES = 150, 12
ALL = list(range(FEATURES))


def patients(rng: np.random.Generator, n: int = PATIENTS) -> pd.DataFrame:
    """Two pictures of each of n patients: features that share what is the patient's own, and a target."""
    own = np.repeat(rng.normal(size=(n, FEATURES)), 2, axis=0)
    x = own + 0.5 * rng.normal(size=own.shape)
    target = (rng.random(2 * n) < expit(1.2 * x[:, 0] - x[:, 1])).astype(int)
    return pd.DataFrame(x).assign(target=target, patient=np.repeat(np.arange(n), 2))


def run(frame: pd.DataFrame, split: int, columns: list[int]) -> Predictions:
    """A logistic regression fitted on four fifths of the patients, with its scores on the last."""
    tested = np.random.default_rng(split).permutation(frame["patient"].nunique()) % 5 == 0
    test, train = frame[tested[frame["patient"]]], frame[~tested[frame["patient"]]]
    model = LogisticRegression().fit(train[columns].to_numpy(), train["target"])
    rows = {
        "image_id": "x/" + test.index.astype(str),
        "dataset": "x",
        "domain": "clinical",
        "split": "test",
        "model": "m",
        "malignancy": None,
        "p_malignant": model.predict_proba(test[columns].to_numpy())[:, 1],
        "target": test["target"].to_numpy(),
        "group_id": test["patient"].astype(str).to_numpy(),
    }
    return Predictions(pd.DataFrame(rows))


def summary(runs: dict[Key, Predictions], **kwargs: object) -> SeedSummary:
    thresholds = dict.fromkeys(runs, HALF)
    return over_seeds(runs, thresholds, groupings=(OVERALL,), metrics=("auroc",), settings=QUICK, **kwargs)


def auroc(table: Predictions) -> float:
    return float(evaluate(table.test("m"), 0.5, groupings=(OVERALL,)).set_index("metric")["value"]["auroc"])


def test_limits_over_splits_alone_are_those_of_nadeau_and_bengio() -> None:
    frame = patients(np.random.default_rng(0))
    runs: dict[Key, Predictions] = {
        (name, (split, 0)): run(frame, split, columns)
        for name, columns in (("all", ALL), ("one", [0]))
        for split in range(5)
    }
    row = summary(runs, reference="one", overlap={"all": 0.25, "one": 0.25}).differences.iloc[0]
    by_split = np.array([auroc(runs["all", (s, 0)]) - auroc(runs["one", (s, 0)]) for s in range(5)])
    reach = stats.t.ppf(0.975, 4) * np.sqrt((1 / 5 + 0.25) * by_split.var(ddof=1))
    middle = by_split.mean()
    assert row["difference"] == pytest.approx(middle)
    assert (row["seed_low"], row["seed_high"]) == pytest.approx((middle - reach, middle + reach))
    assert row["low"] <= row["seed_low"]
    assert row["high"] >= row["seed_high"]
    by_hand = 2 * stats.t.sf(middle / (reach / stats.t.ppf(0.975, 4)), 4)
    assert row["p_value"] >= by_hand * (1 - 1e-9)


def test_seeds_of_a_split_are_averaged_before_splits_are_counted() -> None:
    frame = patients(np.random.default_rng(1))
    once: dict[Key, Predictions] = {("a", (split, 0)): run(frame, split, [0, 1]) for split in range(4)}
    twice = once | {("a", (split, 1)): run(frame, split, [0, 1]) for split in range(4)}
    more = once | {("a", (0, seed)): once["a", (0, 0)] for seed in range(1, 4)}
    levels = [summary(runs, overlap={"a": 0.25}).levels.iloc[0] for runs in (once, twice, more)]
    for found in levels:
        assert found["n_seeds"] == 4
        for name in ("mean", "sd", "low", "high"):
            assert found[name] == pytest.approx(levels[0][name])


@pytest.mark.parametrize("repeats", [20, pytest.param(600, marks=pytest.mark.long)])
def test_intervals_over_five_splits_hold_what_is_learned_from_such_patients(repeats: int) -> None:
    """The truth: the AUROC, on a great many new patients, of models fitted on 120 patients."""
    rng = np.random.default_rng(5)
    new = patients(rng, 5_000)
    images, target = new[ALL].to_numpy(), new["target"].to_numpy()
    truths, limits, naive = [], [], []
    for _ in range(repeats):
        frame = patients(rng)
        runs: dict[Key, Predictions] = {("a", (split, 0)): run(frame, split, ALL) for split in range(5)}
        row = summary(runs, overlap={"a": 0.25}).levels.iloc[0]
        limits.append((row["low"], row["high"]))
        reach = stats.t.ppf(0.975, 4) * row["sd"] / np.sqrt(5)
        naive.append((row["mean"] - reach, row["mean"] + reach))
        part = frame[frame["patient"] < 120]
        fitted = LogisticRegression().fit(part[ALL].to_numpy(), part["target"])
        ranks = stats.rankdata(fitted.decision_function(images))[target == 1]
        n, m = len(ranks), len(target) - len(ranks)
        truths.append((ranks.sum() - n * (n + 1) / 2) / (n * m))
    truth = float(np.mean(truths))
    covered, plain = (np.mean([low <= truth <= high for low, high in given]) for given in (limits, naive))
    print(f"{repeats} repeats: corrected {covered:.3f}, uncorrected {plain:.3f}")
    assert covered >= 0.93 - 2.6 * np.sqrt(0.95 * 0.05 / repeats)
    assert plain < covered - 0.03, "without the correction they would not"
