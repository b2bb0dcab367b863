"""What a student lost, against truth by hand and other libraries, and with losses planted in one group."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from skintag.core.errors import DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.retention import Retention, Side, retention
from skintag.evaluation.analyses.tier_agreement import cohens_kappa, tier_agreement
from skintag.evaluation.decisions.thresholds import fit_thresholds
from skintag.evaluation.decisions.triage import TIERS, condition_scores
from skintag.evaluation.decisions.triage_fit import fit_triage
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.bootstrap import Resamples
from tests.evaluation.simulated import images, scored

SETTINGS = AssessmentSettings(resamples=150)


def compared(table: Predictions, settings: AssessmentSettings = SETTINGS) -> Retention:
    thresholds = fit_thresholds(table)
    teacher, student = (Side.of(table, m, thresholds[m]) for m in ("teacher", "head"))
    return retention(teacher, student, settings=settings)


def weaker_on(group: str, less: float, n: int = 3000) -> Predictions:
    """A student that follows its teacher everywhere but in one group of skin types."""
    frame = images(n)
    teacher = scored(frame, {"teacher": 2.5}, seed=1)
    student = scored(frame, {"head": 2.5}, seed=1, harder={group: less})
    return Predictions.concat([teacher, student])


@pytest.fixture(scope="module")
def planted() -> Retention:
    return compared(weaker_on("V-VI", 2.0))


def row(table: pd.DataFrame, group: str, metric: str = "auroc") -> pd.Series:
    found = table[(table["group"] == group) & (table["metric"] == metric)]
    assert len(found) == 1
    return found.iloc[0]


def test_values_and_losses_are_those_of_the_two_models() -> None:
    table = scored(images(900), {"teacher": 2.5, "head": 1.5})
    made = compared(table)
    test = {m: table.test(m) for m in table.models}
    values = {m: roc_auc_score(rows.target, rows.score) for m, rows in test.items()}
    overall = row(made.losses, "all")
    assert overall["value_teacher"] == pytest.approx(values["teacher"])
    assert overall["value_student"] == pytest.approx(values["head"])
    assert overall["difference"] == pytest.approx(values["head"] - values["teacher"])
    assert overall["high"] < 0

    frame = test["head"].frame
    known = frame["fst_group"].notna()
    loss = {}
    for name, rows in {
        "in": known & (frame["fst_group"] == "V-VI"),
        "rest": known & (frame["fst_group"] != "V-VI"),
    }.items():
        one, other = (
            roc_auc_score(frame["target"][rows], test[m].score[rows.to_numpy()]) for m in ("teacher", "head")
        )
        loss[name] = one - other
    found = row(made.fairness, "V-VI")
    assert found["loss"] == pytest.approx(loss["in"])
    assert found["loss_rest"] == pytest.approx(loss["rest"])  # an image without a skin type is in neither
    assert found["extra_loss"] == pytest.approx(loss["in"] - loss["rest"])


def test_a_group_that_lost_more_is_found_and_the_others_are_not(planted: Retention) -> None:
    auroc = planted.fairness[planted.fairness["metric"] == "auroc"].set_index("group")
    assert auroc.loc["V-VI", "verdict"] == "lost more"
    assert auroc.loc["V-VI", "low"] > 0.05
    assert (auroc.loc[["dermoscopic", "clinical"], "verdict"] == "not told apart").all()
    assert (auroc.loc[["I-II", "III-IV"], "extra_loss"] < 0).all()  # against a rest that holds V-VI


@pytest.mark.long
def test_a_student_that_lost_alike_everywhere_is_not_called_unfair() -> None:
    claims = 0
    for seed in range(4):
        table = scored(images(1500, seed=seed), {"teacher": 2.5, "head": 1.2}, seed=seed)
        claims += compared(table, AssessmentSettings(resamples=100)).fairness["verdict"].eq("lost more").sum()
    assert claims <= 1  # of 100 contrasts, Holm-corrected by metric


def test_two_groups_ask_one_question(planted: Retention) -> None:
    """What one of two groups lost more, the other lost less: the same p-value, counted once."""
    domains = planted.fairness[
        (planted.fairness["grouping"] == "domain") & (planted.fairness["metric"] == "auroc")
    ]
    assert len(domains) == 2
    assert domains["extra_loss"].sum() == pytest.approx(0)
    for column in ("p_value", "p_holm"):
        assert domains[column].iloc[0] == pytest.approx(domains[column].iloc[1])
    skin = planted.fairness[
        (planted.fairness["grouping"] == "fst_group") & (planted.fairness["metric"] == "auroc")
    ]
    # 3 skin types and one question on domains: the smallest of four p-values times four
    assert skin["p_holm"].min() == pytest.approx(min(1, 4 * skin["p_value"].min()))


def test_groups_that_are_too_small_are_marked_and_in_no_family() -> None:
    frame = images(900)
    dark = np.flatnonzero(frame["fst_group"] == "V-VI")
    frame.loc[dark[12:], "fst_group"] = "I-II"
    made = compared(scored(frame, {"teacher": 2.5, "head": 1.5}))
    small = made.fairness[made.fairness["group"] == "V-VI"]
    assert small["too_few"].any()
    assert (small.loc[small["too_few"], "verdict"] == "too few").all()
    assert small.loc[small["too_few"], "p_holm"].isna().all()


def test_models_that_decide_alike_on_few_images_are_not_proven_equal() -> None:
    """Where all resamples agree, the interval of an extra loss has a width all the same."""
    frame = images(240)
    table = scored(frame, {"teacher": 2.0}, seed=1)
    same = table.frame.assign(model="head")
    made = compared(Predictions.concat([table, Predictions(same)]))
    shares = made.fairness[made.fairness["metric"].isin(["sensitivity", "specificity", "accuracy"])]
    assert (shares["extra_loss"] == 0).all()
    assert (shares["high"] > 0.01).all()
    assert made.agreement is not None
    assert (made.agreement.groups["agreement"] == 1).all()
    assert (made.agreement.groups["agreement_low"] < 1).all()


def test_a_teacher_of_another_run_is_compared_on_the_shared_images() -> None:
    frame = images(900)
    teacher, student = scored(frame[:-60], {"head": 2.5}, seed=1), scored(frame[60:], {"head": 1.5}, seed=2)
    sides = [
        Side.of(t, "head", fit_thresholds(t)["head"], name)
        for t, name in ((teacher, "big"), (student, "small"))
    ]
    made = retention(sides[0], sides[1], settings=SETTINGS)
    ours, theirs = (set(t.test("head").frame["image_id"]) for t in (student, teacher))
    assert made.n_images == len(ours & theirs)
    assert (made.n_only_student, made.n_only_teacher) == (len(ours - theirs), len(theirs - ours))
    assert made.agreement is not None
    assert made.agreement.groups.loc[0, "n"] == made.n_images


def test_each_model_has_the_policy_of_its_own_val_rows() -> None:
    table = scored(images(900), {"teacher": 2.5, "head": 1.5})
    made = compared(table)
    assert made.policies == {m: fit_triage(table.val(m)) for m in ("teacher", "head")}
    tiers = [
        made.policies[m].tier_codes(table.test(m).score, condition_scores(table.test(m).frame))
        for m in ("teacher", "head")
    ]
    assert made.agreement is not None
    assert made.agreement.groups.loc[0, "agreement"] == pytest.approx((tiers[0] == tiers[1]).mean())
    assert made.agreement.groups.loc[0, "kappa"] == pytest.approx(cohen_kappa_score(*tiers))
    assert made.agreement.table["n"].sum() == len(tiers[0])


def test_without_val_of_both_classes_there_is_no_agreement() -> None:
    frame = images(600)
    frame = frame[(frame["split"] == "test") | (frame["target"] == 1)]
    table = scored(frame, {"teacher": 2.5, "head": 1.5})
    given = fit_thresholds(scored(images(600), {"teacher": 2.5, "head": 1.5}))
    sides = [Side.of(table, m, given[m]) for m in ("teacher", "head")]
    made = retention(sides[0], sides[1], settings=SETTINGS)
    assert made.agreement is None
    assert len(made.losses)


def test_one_name_for_both_is_refused() -> None:
    table = scored(images(300), {"head": 2.5})
    side = Side.of(table, "head", fit_thresholds(table)["head"])
    with pytest.raises(DataError, match="same name"):
        retention(side, side)


def test_agreement_is_counted_by_hand() -> None:
    low, moderate, high = range(3)
    teacher = np.array([high, high, high, moderate, low, low, low, low])
    student = np.array([low, low, high, low, low, low, moderate, high])
    frame = pd.DataFrame({
        "image_id": list("abcdefgh"), "target": [1, 0, 1, 1, 0, 0, 1, 0],
        "domain": ["clinical"] * 4 + ["smartphone"] * 4, "fst_group": [None] * 8,
    })  # fmt: skip
    draws = Resamples.draw(pd.Series(list("abcdefgh")), 50, 0)
    made = tier_agreement(frame, teacher, student, draws)
    every = made.groups.iloc[0]
    assert (every["n"], every["n_malignant"]) == (8, 4)
    assert every["agreement"] == 3 / 8
    assert (every["lower"], every["higher"]) == (3 / 8, 2 / 8)
    assert every["dangerous"] == 2 / 8
    assert (every["n_dangerous"], every["n_dangerous_malignant"]) == (2, 1)
    assert (every["n_newly_missed"], every["n_newly_caught"]) == (2, 1)
    assert every["too_few"]
    clinical = made.groups[made.groups["group"] == "clinical"].iloc[0]
    assert (clinical["n"], clinical["n_dangerous"], clinical["agreement"]) == (4, 2, 1 / 4)
    cells = made.table.set_index(["teacher", "student"])
    assert cells.loc[("HIGH", "LOW"), "n"] == 2
    assert cells.loc[("HIGH", "LOW"), "n_malignant"] == 1
    assert cells.loc[("LOW", "HIGH"), "n"] == 1
    assert list(made.table["teacher"].unique()) == list(TIERS)


def test_kappa_is_scikit_learns_and_undefined_where_chance_is_certain() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    b[:120] = a[:120]
    counts = np.zeros((3, 3))
    np.add.at(counts, (a, b), 1)
    assert cohens_kappa(counts) == pytest.approx(cohen_kappa_score(a, b))
    assert np.isnan(cohens_kappa(np.diag([5.0, 0, 0])))
    assert np.isnan(cohens_kappa(np.zeros((3, 3))))
