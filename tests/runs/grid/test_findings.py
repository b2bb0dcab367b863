"""What counts as found, and how often nothing is taken for something."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from skintag.evaluation.statistics.contrasts import auroc_of, share_of, standardised_difference
from skintag.evaluation.statistics.sides import Contrast, RowDraws, Side
from skintag.runs.grid.findings import CANNOT_TELL, FOUND, NOT_FOUND, Evidence, Rules, judge

EXPERIMENT = Path(__file__).resolve().parents[3] / "experiments" / "false_claims"


def of_draws(draws: np.ndarray, n_a: int = 50, n_b: int = 50, clusters: float = 1e4) -> Contrast:
    """A paired difference of AUROCs with these draws."""
    side = Side(draws, clusters, np.arange(3), share=False, paired=True)
    return Contrast((side,), (1.0,), n_a, n_b)


def contrast(value: float, error: float, rng: np.random.Generator, n: int = 50) -> Contrast:
    return of_draws(np.concatenate([[value], rng.normal(value, error, 400)]), n, n)


def rates(small: np.ndarray, large: np.ndarray, patients: np.ndarray | None = None) -> Evidence:
    """Images right on two sides, each of a patient of its own unless `patients` says whose it is."""
    right = np.concatenate([small, large]).astype(float)
    side = np.repeat([1, 0], [len(small), len(large)])
    owner = np.arange(len(right)) if patients is None else patients
    rows = RowDraws.draw(pd.Series(owner.astype(str)), 1000, seed=0)
    return Evidence.of([standardised_difference(right, side, np.zeros(len(right), int), rows)])


def some_right(hits: int, n: int) -> np.ndarray:
    return np.arange(n) < hits


def test_images_and_seeds_add_up() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.03, 4000)
    per_seed = [of_draws(np.concatenate([[v], v + shared]), 50, 60) for v in (0.10, 0.14, 0.12)]
    e = Evidence.of(per_seed)
    assert e.value == pytest.approx(0.12)
    assert e.sd_seeds == pytest.approx(0.02)
    assert e.sd_images == pytest.approx(0.03, rel=0.05)
    error = np.hypot(e.sd_images, 0.02 / np.sqrt(3))
    assert (e.high - e.low) / 2 > 1.96 * error  # Student's t, not the normal distribution
    assert (e.high - e.low) / 2 < 2.2 * error  # of many degrees of freedom, for images weigh most
    assert (e.n_a, e.n_b) == (50, 60)


def test_seeds_that_disagree_widen_the_interval_to_their_own_t_distribution() -> None:
    rng = np.random.default_rng(0)
    e = Evidence.of([contrast(v, 1e-4, rng) for v in (0.0, 0.2)])
    assert (e.high - e.low) / 2 == pytest.approx(12.7 * 0.2 / np.sqrt(2) / np.sqrt(2), rel=0.01)  # one degree
    assert not e.exceeds_seed_noise
    assert Evidence.of([contrast(0.2, 1e-4, rng)]).exceeds_seed_noise is None


def test_all_three_conditions_have_to_hold() -> None:
    rng = np.random.default_rng(1)
    clear = [contrast(v, 0.01, rng) for v in (0.10, 0.11)]
    evidence = {
        "clear": Evidence.of(clear),
        "tiny": Evidence.of([contrast(v, 0.0004, rng) for v in (0.004, 0.0041)]),
        "noise": Evidence.of([contrast(0.02, 0.05, rng)]),
        "few": Evidence.of([contrast(0.5, 0.01, rng, n=9)]),
        "undefined": Evidence.of([of_draws(np.full(10, np.nan), 0, 0)]),
    }
    judged = judge(evidence).set_index("question")
    assert judged["verdict"].to_dict() == {
        "clear": FOUND, "tiny": NOT_FOUND, "noise": NOT_FOUND, "few": CANNOT_TELL, "undefined": CANNOT_TELL,
    }  # fmt: skip
    assert judged.loc["tiny", "p_holm"] < 0.05  # significant, but not worth speaking of
    assert np.isnan(judged.loc["few", "p_holm"])  # it takes no place in the family


def test_seeds_of_both_signs_are_no_finding() -> None:
    rng = np.random.default_rng(2)
    e = Evidence.of([contrast(v, 0.001, rng) for v in (0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, -0.001)])
    assert not e.one_sign
    assert judge({"mixed": e}).loc[0, "p_holm"] < 0.05
    assert judge({"mixed": e}).loc[0, "verdict"] == NOT_FOUND


def test_ten_patients_who_are_all_judged_rightly_prove_no_difference() -> None:
    found = rates(some_right(10, 10), some_right(135, 150))
    assert found.value == pytest.approx(0.1)
    assert found.low < 0 < found.high
    assert found.p_value > 0.3  # 3.5e-5 where no resample of the ten varies; Fisher's exact test has 0.60
    assert judge({"ten": found}).loc[0, "verdict"] == NOT_FOUND


@pytest.mark.parametrize("small", [(10, 10), (0, 10), (3, 12), (20, 20), (12, 30)])
@pytest.mark.parametrize("large", [(135, 150), (20, 150), (75, 150), (60, 60)])
def test_single_images_are_not_judged_more_boldly_than_by_fishers_exact_test(
    small: tuple[int, int], large: tuple[int, int]
) -> None:
    (a, n), (b, m) = small, large
    exact = fisher_exact([[a, n - a], [b, m - b]]).pvalue
    found = rates(some_right(a, n), some_right(b, m))
    for alpha in (0.05, 0.05 / 15):
        assert found.p_value > alpha or exact <= 2 * alpha


def test_images_of_one_patient_count_as_one() -> None:
    patients = np.concatenate([np.repeat([1000, 1001], 10), np.arange(150)])
    of_two = rates(np.ones(20), some_right(75, 150), patients)
    assert of_two.clusters == pytest.approx(2)
    assert (of_two.n_a, of_two.n_b) == (20, 150)
    assert judge({"two": of_two}).loc[0, "verdict"] == CANNOT_TELL
    of_one = rates(np.ones(40), some_right(75, 150), np.concatenate([np.full(40, 1000), np.arange(150)]))
    assert np.isnan(of_one.p_value)
    assert judge({"one": of_one}).loc[0, "verdict"] == CANNOT_TELL
    mixed = rates(
        np.ones(50),
        some_right(75, 150),
        np.concatenate([[*range(1000, 1020)], np.full(30, 2000), np.arange(150)]),
    )
    assert mixed.clusters == pytest.approx(50**2 / (20 + 30**2))  # Kish: 2.7, not 21


def test_twice_the_images_of_the_same_patients_tell_no_more() -> None:
    small, large = some_right(20, 30), some_right(100, 150)
    once = rates(~small, large)
    again = rates(np.repeat(~small, 2), np.repeat(large, 2), np.repeat(np.arange(180), 2))
    assert again.p_value == pytest.approx(once.p_value, rel=0.02)


def test_a_patient_on_both_sides_is_compared_with_himself() -> None:
    rng = np.random.default_rng(0)
    easy = rng.random(40) < 0.5  # patients are either easy or hard, whichever side their image is on
    both, apart = np.tile(np.arange(40), 2), np.arange(80)
    worse = easy & (np.arange(40) % 8 > 0)
    paired, unpaired = (rates(worse, easy, owner) for owner in (both, apart))
    assert paired.value == unpaired.value
    assert paired.sd_images < 0.8 * unpaired.sd_images


def test_two_models_that_agree_on_few_images_are_not_proven_alike() -> None:
    rows = RowDraws.draw(pd.Series([str(i) for i in range(12)]), 500, seed=0)
    every = np.ones(12, bool)
    same = share_of(np.ones(12), every, rows).against(share_of(np.ones(12), every, rows))
    found = Evidence.of([same])
    assert found.value == 0
    assert found.low < -0.2
    assert found.high > 0.2


def test_perfect_ranking_of_ten_and_ten_is_no_certain_difference() -> None:
    rng = np.random.default_rng(0)
    target = np.concatenate([np.repeat([1, 0], 10), np.repeat([1, 0], 150)])
    home = np.arange(320) < 20
    score = np.where(home, target, 0.9 * target + rng.normal(size=320))  # AUROC 1 against 0.74
    rows = RowDraws.draw(pd.Series(np.arange(320).astype(str)), 500, seed=0)
    drop = auroc_of(score, target, home, rows) - auroc_of(score, target, ~home, rows)
    assert drop.value > 0.15
    assert drop.clusters == pytest.approx(10)
    assert Evidence.of([drop]).p_value > 0.02


def test_one_seed_is_said_to_say_nothing_of_others() -> None:
    assert "with one seed" in Rules().text(1)
    assert "with one seed" not in Rules().text(3)
    assert "8 independent patients" in Rules().text(3)


def test_questions_whose_data_are_gone_still_count_in_the_correction() -> None:
    rng = np.random.default_rng(5)
    evidence = {"asked": Evidence.of([contrast(0.1, 0.04, rng)])}
    alone, with_gone = judge(evidence), judge(evidence, gone=("ruler a", "ruler b"))
    assert with_gone["question"].tolist() == ["asked", "ruler a", "ruler b"]
    assert with_gone["verdict"].tolist()[1:] == [CANNOT_TELL] * 2
    assert with_gone.loc[0, "p_holm"] == pytest.approx(3 * alone.loc[0, "p_holm"])


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """The modules of the false-claim experiment."""
    monkeypatch.syspath_prepend(str(EXPERIMENT))
    import cells
    import reports

    yield cells, reports
    for name in ("cells", "reports"):
        del sys.modules[name]


def claiming(simulation, cell, reports: int) -> float:  # type: ignore[no-untyped-def]
    """Share of made-up reports that claim anything."""
    _, made = simulation
    return float(np.mean([(j["verdict"] == FOUND).any() for j in made.judged(cell, reports, 150, seed=1)]))


def test_reports_of_true_nulls_on_few_patients_claim_something_in_at_most_one_of_twenty(simulation) -> None:  # type: ignore[no-untyped-def]
    cell, reports = simulation[0].Cell, 40
    small = {
        "ten": cell("", "rate", (1,) * 10, (1,) * 150, 0.9),
        "drop": cell("", "auroc", (1,) * 10, (1,) * 10, 0.8),
        "patients of five": cell("", "auroc", (5,) * 8, (5,) * 8, 0.8, 0.5),
    }
    shares = {name: claiming(simulation, c, reports) for name, c in small.items()}
    assert max(shares.values()) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / reports), shares
    # and it is no deaf ear: twice as many patients as a difference of this size needs
    heard = cell("", "rate", (1,) * 150, (1,) * 150, 0.95, effect=0.25)
    assert claiming(simulation, heard, 20) > 0.8


@pytest.mark.long
def test_no_cell_of_the_table_of_false_claims_passes_one_of_twenty(simulation) -> None:  # type: ignore[no-untyped-def]
    reports = 60
    bound = 0.05 + 3 * np.sqrt(0.05 * 0.95 / reports)
    shares = {str(c): claiming(simulation, c, reports) for c in simulation[0].cells()}
    assert not {name: share for name, share in shares.items() if share > bound}
