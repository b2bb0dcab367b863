"""Gaps within the same dataset and condition: mixture alone is no gap there, and what mixture hides is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skintag.evaluation.analyses.assess import AssessmentSettings, assess
from skintag.evaluation.analyses.standardised import standardised_gaps, standardised_pairs
from skintag.evaluation.decisions.thresholds import fit_thresholds, thresholds_of
from skintag.evaluation.metrics.groups import DATASET, DOMAIN, FST_GROUP, SEX, Grouping
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Origin
from skintag.evaluation.report.findings import family
from skintag.evaluation.report.gather import gather
from skintag.evaluation.report.numbers import metrics_of
from skintag.evaluation.report.settings import ReportSettings

EXPERIMENT = Path(__file__).resolve().parents[2] / "experiments" / "calibrated_intervals"
DRAWS = AssessmentSettings(resamples=300, permutations=300)
EASY, HARD = 3.0, 0.3
"""How far malignant scores lie above benign ones in `fitzpatrick17k` and in `ddi`."""


def mixed(n: int = 4000, seed: int = 0, *, dark: tuple[float, float] = (0.0, 0.0)) -> Predictions:
    """Skin types of two datasets, one of them hard; most of its images are of dark skin.

    `dark` is taken off the separation on V-VI in the easy and in the hard dataset: (0, 0) is a true null within each.
    """
    rng = np.random.default_rng(seed)
    hard = rng.random(n) < 0.35
    skin = np.where(rng.random(n) < np.where(hard, 0.75, 0.15), "V-VI", "I-II")
    target = (rng.random(n) < 0.4).astype("int8")
    condition = np.where(target == 1, rng.choice([0, 1], n), rng.choice([4, 5], n))
    separation = np.where(hard, HARD, EASY) - np.where(skin == "V-VI", np.where(hard, dark[1], dark[0]), 0.0)
    z = separation * (target - 0.5) + rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i:05d}" for i in range(n)],
            "dataset": np.where(hard, "ddi", "fitzpatrick17k"),
            "domain": "clinical",
            "split": np.where(rng.random(n) < 0.3, "val", "test"),
            "target": target,
            "condition": pd.array(condition, dtype="Int8"),
            "fst_group": pd.Series(skin, dtype="str"),
            "group_id": [f"p{i // 2:05d}" for i in range(n)],
        }
    )
    return Predictions.from_arrays(frame, "m", 1 / (1 + np.exp(-z)))


def within(
    predictions: Predictions, groupings=(FST_GROUP,), settings: AssessmentSettings = DRAWS
) -> pd.DataFrame:
    thresholds = thresholds_of(predictions, given=0.5)
    found = assess(predictions, thresholds, settings, groupings=groupings)
    return standardised_pairs(predictions.test("m"), 0.5, found.pairs, groupings, settings)


def test_a_gap_that_is_mixture_alone_is_raw_and_not_standardised() -> None:
    pairs = within(mixed()).set_index("metric")
    assert set(pairs["over"]) == {"dataset and condition"}
    for metric in ("sensitivity", "specificity", "auroc"):
        row = pairs.loc[metric]
        assert row["raw_low"] > 0.08, metric  # I-II minus V-VI
        assert row["low"] < 0 < row["high"], metric
        assert abs(row["value"]) < 0.06 < row["raw"]


def test_a_gap_that_mixture_hides_is_standardised_and_not_raw() -> None:
    """Dark skin is judged worse in each dataset, but most of it comes from the easy one."""
    made = mixed(6000)
    frame = made.frame
    rng = np.random.default_rng(5)
    hard = frame["dataset"] == "ddi"
    skin = np.where(rng.random(len(frame)) < np.where(hard, 0.2, 0.6), "V-VI", "I-II")
    right = rng.random(len(frame)) < np.where(hard, 0.55, 0.9) - 0.12 * (skin == "V-VI")
    score = np.where(right == (frame["target"] == 1), 0.9, 0.1)
    table = Predictions(
        frame.assign(fst_group=pd.Series(skin, dtype="str", index=frame.index), p_malignant=score)
    )
    row = within(table).set_index("metric").loc["sensitivity"]
    assert abs(row["raw"]) < 0.05
    assert row["low"] > 0.03
    assert row["value"] == pytest.approx(0.12, abs=0.05)


def test_rates_are_those_of_mantel_and_haenszel_by_hand() -> None:
    # ddi, melanoma: 20 of 30 found against 15 of 20; fitzpatrick17k, melanoma: 9 of 10 against 30 of 40
    rows = []
    for dataset, skin, found, n in (
        ("ddi", "I-II", 20, 30), ("ddi", "V-VI", 15, 20),
        ("fitzpatrick17k", "I-II", 9, 10), ("fitzpatrick17k", "V-VI", 30, 40),
        ("pad_ufes_20", "I-II", 50, 50),  # no counterpart: plays no part
    ):  # fmt: skip
        rows += [(dataset, skin, 1, 0, 0.9 if i < found else 0.1) for i in range(n)]
    frame = pd.DataFrame(rows, columns=["dataset", "fst_group", "target", "condition", "p"])
    frame = frame.assign(
        image_id=[f"i{i}" for i in range(len(frame))], domain="clinical", split="test",
        condition=frame["condition"].astype("Int8"), group_id=[f"g{i}" for i in range(len(frame))],
    )  # fmt: skip
    row = within(Predictions.from_arrays(frame, "m", frame.pop("p").to_numpy())).iloc[0]
    w = 30 * 20 / 50, 10 * 40 / 50
    assert row["value"] == pytest.approx(
        (w[0] * (20 / 30 - 15 / 20) + w[1] * (0.9 - 0.75)) / sum(w), abs=1e-6
    )
    assert row["raw"] == pytest.approx(79 / 90 - 45 / 60)
    assert (row["shared_a"], row["n_a"], row["shared_b"], row["n_b"]) == (40, 90, 60, 60)


def test_auroc_is_taken_over_pairs_of_conditions_of_one_dataset() -> None:
    """Between datasets nothing is ranked: a shift of all scores of a dataset changes no standardised figure."""
    made = mixed(2000)
    frame = made.frame
    hard = frame["dataset"] == "ddi"
    half = frame["p_malignant"] / 2
    shifted = Predictions(frame.assign(p_malignant=np.where(hard, 0.5 + half, half)))
    a, b = (within(table).set_index("metric").loc["auroc"] for table in (made, shifted))
    assert b["value"] == pytest.approx(a["value"], abs=1e-6)
    assert (b["low"], b["high"]) == pytest.approx((a["low"], a["high"]), abs=1e-6)
    assert abs(b["raw"] - a["raw"]) > 0.01


def test_sides_without_enough_counterparts_cannot_be_told_and_say_why() -> None:
    frame = mixed(1500).frame
    apart = frame[(frame["dataset"] == "ddi") == (frame["fst_group"] == "V-VI")]
    pairs = within(Predictions(apart))
    assert pairs["value"].isna().all()
    assert set(pairs["note"]) == {"no stratum has both groups"}
    few = frame[
        ((frame["dataset"] == "ddi") == (frame["fst_group"] == "V-VI")) | (np.arange(len(frame)) % 60 == 0)
    ]
    notes = within(Predictions(few)).set_index("metric")["note"]
    assert notes["sensitivity"].startswith("cannot be told: on a side ")
    gaps = standardised_gaps(pairs)
    assert gaps["value"].isna().all()
    assert (gaps["pairs_told"] == 0).all()


def test_datasets_and_domains_are_standardised_over_conditions_and_a_single_stratum_over_nothing() -> None:
    made = mixed(2000)
    assert set(within(made, (DATASET,))["over"]) == {"condition"}
    unknown = Predictions(made.frame.assign(condition=pd.array([None] * len(made.frame), dtype="Int8")))
    assert set(within(unknown)["over"]) == {"dataset"}
    assert within(unknown, (DATASET,)).empty
    one = Predictions(unknown.frame.assign(dataset="ddi"))
    assert within(one).empty


def test_limits_of_a_gap_are_those_that_all_pairs_allow_together() -> None:
    pairs = pd.DataFrame(
        {
            "grouping": "fst_group", "metric": "auroc", "group_a": ["I-II", "I-II", "III-IV"],
            "group_b": ["III-IV", "V-VI", "V-VI"], "over": "condition", "raw": 0.0, "raw_low": 0.0, "raw_high": 0.0,
            "value": [0.02, -0.20, -0.15], "low": [-0.1, -0.3, -0.4], "high": [0.1, -0.05, 0.1],
            "single_low": 0.0, "single_high": 0.0, "p_value": [0.7, 0.002, 0.1], "n_a": [100, 101, 102],
            "n_b": [200, 201, 202], "shared_a": [10, 11, 12], "shared_b": [20, 21, 22], "clusters": 50.0, "note": "",
        }
    )  # fmt: skip
    row = standardised_gaps(pairs).iloc[0]
    assert (row["value"], row["low"], row["high"]) == (0.20, 0.05, 0.4)
    assert (row["group_a"], row["group_b"]) == ("V-VI", "I-II")  # the higher one first
    assert (row["shared_a"], row["n_a"], row["shared_b"], row["n_b"]) == (21, 201, 11, 101)
    assert row["p_value"] == pytest.approx(0.006)
    assert bool(row["apart"])


@pytest.fixture(scope="module")
def evidence():
    made = mixed()
    sex = pd.Series(np.where(np.arange(len(made.frame)) % 4 < 2, "female", "male"), dtype="str")
    predictions = Predictions(made.frame.assign(sex=sex))
    hospital = pd.DataFrame(
        {"hospital": np.where(np.arange(len(made.frame)) % 6 < 3, "A", "B")},
        index=predictions.frame["image_id"],
    )
    settings = ReportSettings(DRAWS, errors=0)
    return gather(predictions, fit_thresholds(predictions), Origin("x", "y"), settings, own_groups=hospital)


@pytest.mark.long
def test_the_report_gives_both_gaps_and_speaks_of_the_disagreement(evidence) -> None:
    page = build_page(evidence)
    tables = {t.name: t for t in page.tables}
    shown = {r[0].text: r for r in tables["standardised_gaps"].rows[1:4]}
    raw, standardised = shown["AUROC gap"][1:3]
    assert float(raw.text) > 0.1 > float(standardised.text)
    assert "of" in shown["AUROC gap"][4].text
    assert not tables["standardised_gaps"].folded
    assert {"fst_group", "dataset", "sex", "hospital"} <= set(evidence.standardised["grouping"])
    clear = next(g for g in page.findings if g.verdict == "clear")
    [(text, detail)] = [(t, d) for t, d in clear.texts if t.startswith("AUROC differs between skin types")]
    assert "within the same dataset and condition the difference is not told from none" in text
    assert "standardised over dataset and condition" in detail
    text = " ".join(getattr(b, "text", "") for s in page.sections if s.id == "gaps" for b in s.blocks)
    assert "Mantel and Haenszel" in text
    assert len(metrics_of(evidence)["standardised"]) == len(evidence.standardised)


def test_standardised_gaps_make_no_claim_and_forbid_small_where_they_disagree(evidence) -> None:
    """The family of raw gaps, its p-values and its claims stay; only `small` may become `undecided`."""
    from dataclasses import replace

    bare = family(replace(evidence, standardised=None))
    full = family(evidence)
    assert full["p_holm"].tolist() == bare["p_holm"].tolist()
    assert (full["verdict"] == "clear").tolist() == (bare["verdict"] == "clear").tolist()
    chosen = (bare["grouping"] == "sex") & (bare["verdict"] == "small")
    gaps = bare[chosen]["gap"].tolist()
    assert gaps
    pairs = evidence.standardised.copy()
    pairs.loc[pairs["grouping"] == "sex", ["value", "low", "high", "p_value"]] = (0.2, 0.1, 0.3, 1e-9)
    changed = family(replace(evidence, standardised=pairs)).set_index(["grouping", "gap"])["verdict"]
    assert {changed["sex", gap] for gap in gaps} == {"undecided"}


def test_groupings_of_very_many_groups_are_left_out() -> None:
    frame = mixed(3000).frame
    many = Predictions(frame)
    rows = many.test("m")
    grouping = Grouping("hospital", "hospital")
    wide = rows.frame.assign(hospital=[f"h{i % 11:02d}" for i in range(len(rows))])
    from skintag.evaluation.predictions.predictions import TestPredictions

    pairs = pd.DataFrame(
        {"grouping": "hospital", "metric": "auroc", "group_a": ["h00"], "group_b": ["h01"], "difference": [0.0],
         "low": [-0.1], "high": [0.1]}
    )  # fmt: skip
    assert standardised_pairs(TestPredictions(wide, "m"), 0.5, pairs, (grouping, SEX, DOMAIN), DRAWS).empty


@pytest.mark.long
def test_standardised_limits_cover_zero_where_all_is_mixture_and_raw_ones_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`experiments/calibrated_intervals/standardised.py` with 200 tables; its README has 500 of every cell."""
    monkeypatch.syspath_prepend(str(EXPERIMENT))
    import standardised as experiment

    [cell] = [c for c in experiment.CELLS if c.name.endswith("strongly mixed")]
    rows = pd.DataFrame(experiment.simulate(cell, 200, 200, seed=1)).set_index("metric")
    assert (rows["gap_covers"] > 0.93 - 2 * np.sqrt(0.93 * 0.07 / 200)).all()
    assert (rows["called_apart"] < 0.05).all()
    assert (rows["raw_excludes_zero"] > 0.9).all()
    assert (rows["mean_raw"] > 0.15).all()
    assert (rows["mean_standardised"].abs() < 0.02).all()
