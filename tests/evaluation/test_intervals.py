"""Intervals of levels, differences and gaps: against published values, by symmetry, and on simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import beta, binomtest
from scipy.stats import t as student

from skintag.evaluation.statistics.intervals import (
    gap_interval,
    interval_warnings,
    level_intervals,
    pairwise_intervals,
)
from skintag.evaluation.statistics.inversion import Levels, nearest

Floats = NDArray[np.float64]


def resamples_of(hits: list[int], rows: list[int], number: int = 2000, *, shrunk: bool = False) -> Floats:
    """Resampled shares [B, K], uncorrelated, whose variance is exactly p (1 - p) / n; `shrunk` by (n - 1) / n."""
    rng = np.random.default_rng(0)
    n, p = np.array(rows), np.array(hits) / np.array(rows)
    noise = rng.standard_normal((number, len(rows)))
    # uncorrelated to the last digit
    noise -= noise.mean(axis=0)
    noise = np.linalg.qr(noise)[0] * np.sqrt(number)
    return p + noise * np.sqrt(p * (1 - p) / n * ((n - 1) / n if shrunk else 1))


def test_levels_are_wilsons_where_each_row_is_its_own_cluster() -> None:
    hits, rows = [56, 48, 3, 29], [70, 80, 40, 30]
    low, high = level_intervals(
        np.divide(hits, rows),
        resamples_of(hits, rows, shrunk=True),
        n=rows,
        kind="proportion",
        confidence=0.9,
    )
    for i, (k, n) in enumerate(zip(hits, rows, strict=True)):
        expected = binomtest(k, n).proportion_ci(0.9, method="wilson")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_without_a_single_miss_the_number_of_clusters_decides() -> None:
    low, high = level_intervals([1.0, 0.0], np.tile([1.0, 0.0], (50, 1)), n=[20, 20], kind="proportion")
    expected = binomtest(20, 20).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, 1.0))
    assert (low[1], high[1]) == pytest.approx((0.0, 1 - expected.low))


def test_an_undefined_level_has_no_limits_and_undefined_resamples_are_left_out() -> None:
    values = resamples_of([20, 20], [30, 30])
    values[:, 0] = np.nan
    holes = np.concatenate([values, np.full((500, 2), np.nan)])
    low, high = level_intervals([np.nan, 2 / 3], holes, n=[0, 30], kind="proportion")
    assert np.isnan([low[0], high[0]]).all()
    whole = level_intervals([2 / 3], values[:, 1:], n=[30], kind="proportion")
    assert (low[1], high[1]) == pytest.approx((whole[0][0], whole[1][0]))


def test_a_score_of_1_that_varies_has_limits() -> None:
    values = np.array([[1.0], [0.9], [1.0], [0.8]] * 50)
    low, high = level_intervals([1.0], values, n=[25], kind="score")
    assert 0.8 < low[0] < high[0] == 1


def test_unbounded_levels_have_students_limits() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, (4000, 1))
    low, high = level_intervals([5.0], values, n=[1000], kind="unbounded")
    half = student.ppf(0.975, 999) * values.std() * np.sqrt(1000 / 999)
    assert (low[0], high[0]) == pytest.approx((5 - half, 5 + half))


def test_a_difference_recovers_its_variance_from_jeffreys_limits() -> None:
    hits, rows = np.array([56, 48]), np.array([70, 80])
    p, values = hits / rows, resamples_of([56, 48], [70, 80])
    pairs = pairwise_intervals(p, values, n=rows, kind="proportion")
    low, high = (beta.ppf(q, hits + 0.5, rows - hits + 0.5) for q in (0.025, 0.975))
    expected = (
        0.2 - np.hypot(p[0] - low[0], high[1] - p[1]),
        0.2 + np.hypot(high[0] - p[0], p[1] - low[1]),
    )
    assert pairs.difference[0] == pytest.approx(0.2)
    assert (pairs.single_low[0], pairs.single_high[0]) == pytest.approx(expected)
    # near what Newcombe (1998), table II, method 10, has for 56/70 - 48/80
    assert expected == pytest.approx((0.0524, 0.3339), abs=0.005)
    # one pair is all pairs
    assert (pairs.low[0], pairs.high[0]) == pytest.approx(expected, abs=1e-4)


def test_simultaneous_limits_are_wider_than_single_ones() -> None:
    hits, rows = [25, 50, 70, 20], [30, 80, 90, 35]
    pairs = pairwise_intervals(np.divide(hits, rows), resamples_of(hits, rows), n=rows, kind="proportion")
    assert list(zip(pairs.a, pairs.b, strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert (pairs.low < pairs.single_low).all()
    assert (pairs.high > pairs.single_high).all()


def test_groups_that_share_clusters_differ_more_surely() -> None:
    values = resamples_of([40, 45], [60, 60])
    shared = values.copy()
    shared[:, 1] = values[:, 0] + (45 - 40) / 60 + 0.01 * (values[:, 1] - values[:, 1].mean())
    apart = pairwise_intervals([40 / 60, 45 / 60], values, n=[60, 60], kind="proportion")
    together = pairwise_intervals([40 / 60, 45 / 60], shared, n=[60, 60], kind="proportion")
    assert (together.single_high - together.single_low)[0] < 0.5 * (apart.single_high - apart.single_low)[0]


def gap_of(hits: list[int], rows: list[int], **options: object) -> tuple[float, float, float]:
    found = gap_interval(
        np.divide(hits, rows), resamples_of(hits, rows), n=rows, kind="proportion", **options
    )  # type: ignore[arg-type]
    return found.low, found.value, found.high


def test_the_gap_of_two_groups_is_near_their_difference_folded() -> None:
    hits, rows = [210, 180], [250, 240]
    pairs = pairwise_intervals(np.divide(hits, rows), resamples_of(hits, rows), n=rows, kind="proportion")
    expected = pytest.approx((pairs.single_low[0], 0.09, pairs.single_high[0]), abs=0.012)
    assert gap_of(hits, rows) == expected
    assert gap_of(hits[::-1], rows[::-1]) == expected


def test_two_groups_that_come_out_equal_are_not_taken_to_be() -> None:
    low, value, high = gap_of([27, 27], [30, 30])
    assert (low, value) == (0, 0)
    assert 0.08 < high < 0.2


def test_equal_groups_may_have_no_gap_and_unequal_ones_have_one() -> None:
    assert gap_of([45, 47, 48, 44], [60] * 4)[0] == 0
    low, value, high = gap_of([540, 470, 480, 300], [600] * 4)
    assert 0.3 < low < value == pytest.approx(0.4)
    assert value < high < 0.47


def test_the_naive_interval_of_equal_groups_leaves_out_zero_and_ours_does_not() -> None:
    found = gap_interval(
        [0.75] * 6, resamples_of([45] * 6, [60] * 6), n=[60] * 6, kind="proportion", confidence=0.95
    )
    assert found.naive_low > 0.05
    assert found.low == 0
    assert found.value == pytest.approx(0, abs=1e-12)


def test_the_order_of_groups_hardly_matters() -> None:
    hits, rows = [25, 85, 300, 20], [30, 100, 400, 40]
    first = gap_of(hits, rows)
    assert gap_of(hits[::-1], rows[::-1]) == pytest.approx(first, abs=0.01)


def test_a_group_without_a_value_is_left_out_and_one_group_has_no_gap() -> None:
    values = resamples_of([56, 48], [70, 80])
    three = np.column_stack([values, np.full(len(values), np.nan)])
    with_nan = gap_interval([0.8, 0.6, np.nan], three, n=[70, 80, 0], kind="proportion")
    assert with_nan == gap_interval([0.8, 0.6], values, n=[70, 80], kind="proportion")
    alone = gap_interval([0.8], values[:, :1], n=[70], kind="proportion")
    assert np.isnan([alone.value, alone.low, alone.high, alone.naive_low]).all()


def test_with_families_the_gap_is_the_largest_range_within_one() -> None:
    hits, rows = [90, 60, 20, 22], [100] * 4
    found = gap_of(hits, rows, family=[0, 0, 1, 1])
    assert found[1] == pytest.approx(0.3)  # not 0.9 - 0.2
    alone = gap_of(hits[:2], rows[:2])
    assert found == pytest.approx(alone, abs=0.02)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="found shapes"):
        level_intervals([0.5, 0.5], np.zeros((10, 3)), n=[5, 5], kind="proportion")


@pytest.mark.parametrize("kind", ["proportion", "unbounded"])
@pytest.mark.parametrize("gap", [0.02, 0.1, 0.2, 0.35])
def test_the_nearest_levels_have_the_gap_and_cost_least(kind: str, gap: float) -> None:
    value = np.array([0.62, 0.71, 0.80, 0.78])
    size = np.array([60.0, 90.0, 40.0, 200.0])
    bounded = kind == "proportion"
    size = size if bounded else 1 / (value * (1 - value) / size)
    levels = Levels(value, size, np.zeros(4, dtype=np.int64), np.eye(4), bounded)
    found = nearest(levels, gap)
    assert np.ptp(found) == pytest.approx(gap)
    weight = levels.error(value) ** -2

    def cost(x: Floats) -> float:
        return float((weight * (x - value) ** 2).sum())

    best = min(  # over which group is lowest and which highest
        cost(
            minimize(
                cost,
                np.clip(value, 0.7, 0.7 + gap),
                constraints=[
                    {"type": "eq", "fun": lambda x, i=i, j=j: x[i] - x[j] - gap},
                    {"type": "ineq", "fun": lambda x, i=i: x[i] - x},
                    {"type": "ineq", "fun": lambda x, j=j: x - x[j]},
                ],
            ).x
        )
        for i in range(4)
        for j in range(4)
        if i != j
    )
    # pushed apart, shares go where the likelihood rather than its parabola has it
    assert cost(found) == pytest.approx(best, rel=0.25 if bounded and gap > 0.18 else 1e-3, abs=1e-6)


def test_gaps_of_known_truth_are_covered() -> None:
    rng, truth, n = np.random.default_rng(5), np.array([0.75, 0.85, 0.90]), np.array([100, 100, 100])
    covered, naive = [], []
    for _ in range(150):
        hits = rng.binomial(n, truth)
        found = gap_interval(
            hits / n, resamples_of(list(hits), list(n), 400), n=n, kind="proportion", confidence=0.95
        )
        covered.append(found.low <= 0.15 <= found.high)
        naive.append(found.low == 0)
    assert 0.91 <= np.mean(covered) <= 1.0
    assert np.mean(naive) < 0.5  # not by being wide


def test_what_stands_on_little_is_warned_of() -> None:
    assert interval_warnings([200, 300], of_gap=True) == []
    (few,) = interval_warnings([200, 7], of_gap=True)
    assert "smallest group stands on 7" in few
    (alone,) = interval_warnings([4])
    assert alone.startswith("it stands on 4")


def test_two_groups_of_which_one_hardly_errs_are_warned_of() -> None:
    assert interval_warnings([200, 15], of_gap=True, estimate=[0.9, 0.8]) == []
    (near,) = interval_warnings([200, 15], of_gap=True, estimate=[0.9, 1.0])
    assert "too wide" in near
    assert interval_warnings([200, 15, 15], of_gap=True, estimate=[0.9, 1.0, 0.9]) == []
    assert interval_warnings([15], estimate=[1.0]) == []
