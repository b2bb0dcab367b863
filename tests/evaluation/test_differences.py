"""Paired intervals against the paired t test, their level by simulation, and Holm's procedure by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from skintag.evaluation.statistics.differences import holm, paired_differences, seed_differences

NO_SHARE = np.array([np.nan])


def test_the_mean_of_independent_differences_has_the_interval_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    difference = rng.normal(0.2, 1, 25)
    draws = rng.multinomial(25, np.full(25, 1 / 25), size=20_000) @ difference[:, None] / 25
    found = paired_differences([difference.mean()], draws, n_units=[25], n_rows=NO_SHARE)
    expected = stats.ttest_1samp(difference, 0)
    limits = expected.confidence_interval()
    assert found.low[0] == pytest.approx(limits.low, abs=0.01)
    assert found.high[0] == pytest.approx(limits.high, abs=0.01)
    assert found.p_value[0] == pytest.approx(expected.pvalue, abs=0.01)
    assert found.degrees[0] == 24


def test_shares_get_one_more_discordant_image_of_each_kind() -> None:
    # 20 images, 3 only a gets right and 1 only b: Bonett & Price's standard error by hand, with the exact variance
    difference = np.array([1.0] * 3 + [-1.0] + [0.0] * 16)
    draws = (
        np.random.default_rng(2).multinomial(20, np.full(20, 0.05), size=40_000) @ difference[:, None] / 20
    )
    found = paired_differences([0.1], draws, n_units=[20], n_rows=[20])
    p_ab, p_ba = (3 + 1) / 22, (1 + 1) / 22
    se = np.sqrt((p_ab + p_ba - (p_ab - p_ba) ** 2) / 22)
    assert found.se[0] == pytest.approx(se, rel=0.02)
    assert (found.low[0] + found.high[0]) / 2 == pytest.approx(p_ab - p_ba)


def test_models_that_agree_on_few_images_are_not_proven_equal() -> None:
    found = paired_differences([0.0, 0.0], np.zeros((100, 2)), n_units=[12, 1200], n_rows=[12, 1200])
    assert found.p_value.tolist() == [1.0, 1.0]
    assert found.high[0] > 0.1
    assert found.high[1] < 0.01


def test_what_cannot_be_told_is_nan_and_no_variation_is_no_width() -> None:
    draws = np.column_stack([np.full(50, np.nan), np.full(50, 0.3), np.zeros(50), np.linspace(0, 1, 50)])
    found = paired_differences(
        [np.nan, 0.3, 0.0, 0.5], draws, n_units=[9, 9, 9, 1], n_rows=np.full(4, np.nan)
    )
    assert np.isnan([found.low[0], found.p_value[0], found.low[3], found.p_value[3]]).all()
    assert (found.low[1], found.high[1], found.p_value[1]) == (0.3, 0.3, 0.0)
    assert (found.low[2], found.high[2], found.p_value[2]) == (0.0, 0.0, 1.0)


def test_resamples_that_cannot_tell_are_left_out() -> None:
    draws = np.array([[0.1], [np.nan], [0.3], [np.nan], [0.2]])
    found = paired_differences([0.2], draws, n_units=[11], n_rows=NO_SHARE)
    assert found.se[0] == pytest.approx(0.1 * np.sqrt(11 / 10))


def test_seed_and_test_set_variances_add_with_satterthwaites_degrees() -> None:
    draws = np.array([-1.0, 1.0])[np.arange(1000) % 2][:, None] * 0.03
    found = paired_differences([0.1], draws, n_units=[51], n_rows=NO_SHARE, extra=([0.04**2], [2]))
    test = draws.var(ddof=1) * 51 / 50
    assert found.se[0] == pytest.approx(np.sqrt(test + 0.04**2))
    degrees = (test + 0.04**2) ** 2 / (test**2 / 50 + 0.04**4 / 2)
    assert found.degrees[0] == pytest.approx(degrees)
    assert found.high[0] - 0.1 == pytest.approx(stats.t.ppf(0.975, degrees) * found.se[0])


@pytest.mark.parametrize(
    ("clusters", "per_cluster", "separation"), [(40, 3, 0.0), (120, 1, 0.0), (40, 3, 0.8)]
)
def test_the_test_of_sensitivities_and_aurocs_holds_its_level(
    clusters: int, per_cluster: int, separation: float
) -> None:
    """400 tables of two models: equal ones differ "significantly" in about 5%, unequal ones in far more."""
    rng = np.random.default_rng(3)
    rejected = np.zeros(2)
    for _ in range(400):
        target = np.repeat(np.arange(clusters) % 2, per_cluster)
        cluster = np.repeat(np.arange(clusters), per_cluster)
        both = rng.normal(size=clusters)[cluster]
        scores = [both + rng.normal(size=len(target)) + target * (1.5 + extra) for extra in (separation, 0)]
        weights = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=200)[:, cluster]
        weights = np.concatenate([np.ones_like(weights[:1]), weights])  # first the table as it is
        hits = [(weights @ ((s > 0.7) & (target == 1))) / (weights @ target) for s in scores]
        areas = []
        for s in scores:
            order = np.argsort(s)
            w, t = weights[:, order], target[order]
            below = np.cumsum(w * (t == 0), axis=1)
            areas.append((w * t * below).sum(1) / ((w * t).sum(1) * (w * (t == 0)).sum(1)))
        values = np.column_stack([hits[0] - hits[1], areas[0] - areas[1]])
        units = [clusters // 2] * 2
        found = paired_differences(values[0], values[1:], n_units=units, n_rows=[target.sum(), np.nan])
        rejected += found.p_value < 0.05
        assert ((found.p_value < 0.05) == ((found.low > 0) | (found.high < 0))).all()
    share = rejected / 400
    if separation:
        assert (share > 0.4).all()
    else:
        assert (share <= 0.08).all()
        assert (share >= 0.01).all()


def test_seed_noise_needs_two_seeds() -> None:
    mean, sd, low, _ = seed_differences([[0.1, 0.2]])
    assert mean.tolist() == [0.1, 0.2]
    assert np.isnan([*sd, *low]).all()


def test_seed_limits_are_those_of_a_t_test() -> None:
    values = np.array([[0.1], [0.14], [0.09]])
    mean, sd, low, high = seed_differences(values)
    limits = stats.ttest_1samp(values[:, 0], 0).confidence_interval()
    assert (low[0], high[0]) == pytest.approx((limits.low, limits.high))
    assert (mean[0], sd[0]) == pytest.approx((0.11, values.std(ddof=1)))


def test_holm_by_hand() -> None:
    # 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1 raised to the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_families_are_apart_and_nan_counts_in_none() -> None:
    p = [0.01, np.nan, 0.04, 0.02]
    got = holm(p, ["a", "a", "a", "b"])
    assert got[[0, 2, 3]] == pytest.approx([0.02, 0.04, 0.02])
    assert np.isnan(got[1])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_p_value_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    raw = np.array(p)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(p), 1) + 1e-15).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()
    # the smallest is rejected exactly where Bonferroni rejects it
    assert adjusted.min() == pytest.approx(min(raw.min() * len(p), 1))
