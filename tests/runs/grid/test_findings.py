"""What counts as found, and how often nothing is taken for something."""

from __future__ import annotations

import numpy as np
import pytest

from skintag.runs.grid.contrasts import Contrast
from skintag.runs.grid.findings import CANNOT_TELL, FOUND, NOT_FOUND, Evidence, Rules, judge


def contrast(value: float, error: float, rng: np.random.Generator, n: int = 50) -> Contrast:
    return Contrast(np.concatenate([[value], rng.normal(value, error, 400)]), n, n)


def test_images_and_seeds_add_up() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 0.03, 4000)
    per_seed = [Contrast(np.concatenate([[v], v + shared]), 50, 60) for v in (0.10, 0.14, 0.12)]
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
        "undefined": Evidence.of([Contrast(np.full(10, np.nan), 0, 0)]),
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


def test_a_report_of_true_nulls_claims_something_in_at_most_one_of_twenty() -> None:
    rng = np.random.default_rng(4)
    reports, questions, seeds, error = 400, 12, 3, 0.05
    claimed = 0
    for _ in range(reports):
        evidence = {}
        for q in range(questions):
            images, draws = rng.normal(0, error), rng.normal(0, error, 400)  # the same images in all seeds
            values = [images + rng.normal(0, 0.03) for _ in range(seeds)]
            evidence[str(q)] = Evidence.of(
                [Contrast(np.concatenate([[v], v + draws]), 50, 50) for v in values]
            )
        claimed += (judge(evidence, Rules())["verdict"] == FOUND).any()
    assert claimed / reports <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / reports)
