"""Exchanging groups among clusters: what is exchanged, what is counted, and how often equal groups are rejected."""

from __future__ import annotations

from itertools import permutations as orders
from math import pi, sqrt

import numpy as np
import pytest
from numpy.typing import NDArray

from skintag.evaluation.statistics.permutation import (
    Permutations,
    auroc_variances,
    equality_test,
    permutation_gap,
    ratio_levels,
)

Ints = NDArray[np.int64]


def test_every_exchange_keeps_the_groups_sizes_within_strata() -> None:
    groups, strata = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2]), np.array([0, 1, 0, 1, 1, 0, 1, 1, 0])
    drawn = Permutations.draw(groups, strata=strata, permutations=300, seed=1)
    assert drawn.labels.shape == (300, 9)
    for stratum in (0, 1):
        expected = np.sort(groups[strata == stratum])
        assert (np.sort(drawn.labels[:, strata == stratum], axis=1) == expected).all()
    assert len(np.unique(drawn.labels, axis=0)) > 50


def test_many_groups_keep_all_of_their_rows() -> None:
    drawn = Permutations.draw(np.repeat(np.arange(130), 2), permutations=3, seed=0)
    assert (drawn.sums(np.ones((260, 1))) == 2).all()


def test_sums_are_those_of_the_exchanged_groups_the_data_first() -> None:
    groups, columns = np.array([0, 1, 1, 2, 0]), np.arange(10).reshape(5, 2)
    drawn = Permutations.draw(groups, permutations=20, seed=0)
    found = drawn.sums(columns)
    for p, labels in enumerate([groups, *drawn.labels]):
        for g in range(3):
            assert found[p, g].tolist() == columns[labels == g].sum(axis=0).tolist()


def test_ratios_and_their_variances_by_hand() -> None:
    hits, images = np.array([2, 1, 0, 3]), np.array([2, 2, 1, 3])
    levels, variances, units = ratio_levels(
        hits, images, Permutations.draw([0, 0, 1, 1], permutations=3, seed=0)
    )
    assert levels[0, :, 0].tolist() == [3 / 4, 3 / 4]
    r = 6 / 8  # of all units
    first = ((2 - 2 * r) ** 2 + (1 - 2 * r) ** 2) / 4**2
    second = ((0 - r) ** 2 + (3 - 3 * r) ** 2) / 4**2
    assert variances[0, :, 0] == pytest.approx([first, second])
    assert units[0, :, 0] == pytest.approx([16 / 8, 16 / 10])


def test_the_p_value_is_the_share_of_all_exchanges() -> None:
    hits, groups = np.array([1, 1, 1, 0, 0, 0, 0]), np.array([0, 0, 0, 1, 1, 1, 1])

    def statistic(labels: Ints) -> float:
        a, b = hits[labels == 0], hits[labels == 1]
        r = hits.mean()
        return abs(a.mean() - b.mean()) / sqrt(
            ((a - r) ** 2).sum() / len(a) ** 2 + ((b - r) ** 2).sum() / len(b) ** 2
        )

    everything = [statistic(np.array(labels)) for labels in orders(groups.tolist())]
    expected = np.mean(np.array(everything) >= statistic(groups) - 1e-9)
    drawn = Permutations.draw(groups, permutations=20_000, seed=0)
    assert permutation_gap(hits, np.ones(7), drawn).p_value == pytest.approx(expected, abs=0.005)


def test_chance_is_the_gap_to_expect_of_equal_groups() -> None:
    hits = np.tile([1, 1, 1, 1, 0], 40)
    drawn = Permutations.draw(np.repeat([0, 1], 100), permutations=2000, seed=0)
    found = permutation_gap(hits, np.ones(200), drawn)
    # mean of |difference| of two shares of 100 around 0.8, drawn without replacement
    assert found.chance == pytest.approx(sqrt(2 / pi) * sqrt(2 * 0.8 * 0.2 / 100 * 200 / 199), rel=0.05)
    assert found.p_value == 1.0  # the groups are exactly equal


def test_a_gap_in_any_of_several_ratios_is_found() -> None:
    rng, group = np.random.default_rng(0), np.repeat([0, 1, 2], 80)
    same, other = rng.random(240) < 0.8, rng.random(240) < np.array([0.9, 0.9, 0.6])[group]
    drawn, ones = Permutations.draw(group, permutations=499, seed=0), np.ones((240, 2))
    both = permutation_gap(np.stack([same, other], axis=1), ones, drawn)
    assert both.p_value < 0.01
    assert permutation_gap(same, np.ones(240), drawn).p_value > 0.05
    assert both.chance >= permutation_gap(other, np.ones(240), drawn).chance


def test_what_cannot_be_tested_is_nan_and_what_cannot_differ_is_not_rejected() -> None:
    one = permutation_gap([1, 0, 1], np.ones(3), Permutations.draw([0, 0, 0], permutations=9, seed=0))
    assert np.isnan([one.p_value, one.chance]).all()
    drawn = Permutations.draw([0, 0, 1, 1], permutations=9, seed=0)
    all_right = permutation_gap(np.ones(4), np.ones(4), drawn)
    assert (all_right.p_value, all_right.chance) == (1.0, 0.0)
    nothing = permutation_gap(np.zeros(4), np.zeros(4), drawn)
    assert np.isnan(nothing.p_value)


def test_variances_of_auroc_are_delongs_where_groups_are_alike() -> None:
    rng = np.random.default_rng(3)
    target, score = np.repeat([1, 0], [40, 60]), np.concatenate([rng.normal(1, 1, 40), rng.normal(0, 1, 60)])
    wins = score[:40, None] > score[None, 40:]
    v10, v01 = wins.mean(axis=1), wins.mean(axis=0)
    excess = np.concatenate([v10, v01]) - wins.mean()
    drawn = Permutations.draw(np.zeros(100, dtype=int), permutations=1, seed=0)
    positive = target == 1
    found, units = auroc_variances(positive, ~positive, excess * positive, excess * ~positive, drawn)
    expected = v10.var() / 40 + v01.var() / 60
    assert found[0, 0, 0] == pytest.approx(expected, rel=1e-5)
    assert units[0, 0, 0] == pytest.approx(40)  # of the rarer class


def test_unlike_clusters_do_not_make_equal_groups_differ() -> None:
    """30 single images beside 100 clusters of four, all right as often: a cluster of four tells more than an image."""
    rng, rejected, plain = np.random.default_rng(1), [], []
    for seed in range(200):
        images = np.concatenate([np.ones(30), np.full(100, 4)]).astype(int)
        group = np.repeat([0, 1], [30, 100])
        hits = rng.binomial(images, 0.8)
        drawn = Permutations.draw(group, permutations=199, seed=seed)
        levels, variances, units = ratio_levels(hits, images, drawn)
        common = np.array([hits.sum() / images.sum()])
        rejected.append(equality_test(levels, variances, units, common).p_value <= 0.05)
        gaps = np.abs(levels[:, 0, 0] - levels[:, 1, 0])
        plain.append(np.mean(gaps >= gaps[0]) <= 0.05)
    assert np.mean(rejected) <= 0.085  # 0.05 and two standard errors
    assert np.mean(plain) > 0.15


@pytest.mark.parametrize(("level", "correlation"), [(0.9, 0.8), (0.95, 0.8), (0.7, 0.4)])
def test_few_patients_with_many_images_do_not_make_equal_groups_differ(
    level: float, correlation: float
) -> None:
    """15 patients with 20 images each beside 300 single images: rejected in 7.5% at 0.05 and at 0.0033 before."""
    rng, tables = np.random.default_rng(5), 240
    images = np.repeat([20, 1], [15, 300])
    scale = (1 - correlation) / correlation
    chance = rng.beta(level * scale, (1 - level) * scale, (tables, len(images)))
    hits = rng.binomial(images, chance)
    drawn = Permutations.draw(np.repeat([0, 1], [15, 300]), permutations=399, seed=0)
    p = np.array([permutation_gap(h, images, drawn).p_value for h in hits])
    assert np.mean(p <= 0.05) <= 0.05 + 2 * sqrt(0.05 * 0.95 / tables)
    assert np.mean(p <= 0.0033) <= 0.0125  # three of 240


def test_many_patients_with_many_images_do_tell_a_difference() -> None:
    rng = np.random.default_rng(6)
    images = np.repeat([10, 1], [60, 300])
    group = np.repeat([0, 1], [60, 300])
    hits = rng.binomial(images, np.where(group == 0, 0.6, 0.9))
    drawn = Permutations.draw(group, permutations=399, seed=0)
    assert permutation_gap(hits, images, drawn).p_value < 0.01
