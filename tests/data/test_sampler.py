"""Batches of an epoch: every image once, equally many batches per rank, the same order every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skintag.core.errors import ConfigError
from skintag.data.loading.dataset import Draw
from skintag.data.loading.sampler import EpochSampler, EvenBatches, GivenBatches, count_batches

SIZES = st.tuples(st.integers(1, 300), st.integers(1, 40), st.integers(1, 7)).filter(lambda s: s[0] >= s[2])


def epoch_of(sampler: EpochSampler, epoch: int, first: int = 0) -> list[Draw]:
    sampler.seek(epoch, first)
    return list(sampler)


def as_lists(draws: list[Draw]) -> list[list[int]]:
    return [draw.rows.tolist() for draw in draws]


@given(SIZES, st.integers(0, 2**32), st.integers(0, 50))
@settings(deadline=None)
def test_every_rank_has_as_many_batches_and_every_row_is_in_one(
    sizes: tuple[int, int, int], seed: int, epoch: int
) -> None:
    n, batch_size, world_size = sizes
    rows = np.arange(n) * 3 + 5  # not 0..n-1, so that rows cannot be taken for positions
    every = {"seed": seed, "world_size": world_size}
    samplers = [EpochSampler(rows, batch_size, rank=rank, **every) for rank in range(world_size)]
    ranks = [epoch_of(sampler, epoch) for sampler in samplers]
    assert {len(rank) for rank in ranks} == {len(sampler) for sampler in samplers} == {len(ranks[0])}
    seen = np.concatenate([draw.rows for rank in ranks for draw in rank])
    np.testing.assert_array_equal(np.sort(seen), rows)
    lengths = {len(draw) for rank in ranks for draw in rank}
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= max(batch_size, 3 if batch_size > 1 else 1)
    if batch_size > 1 and n >= 2 * world_size:
        assert min(lengths) >= 2
    assert all(draw.epoch == epoch and draw.repeats is None for rank in ranks for draw in rank)


@pytest.mark.parametrize(
    ("n", "batch_size", "world_size", "expected"),
    [
        (128, 64, 1, 2),
        (129, 64, 1, 3),
        (129, 64, 2, 2),
        (5, 64, 1, 1),
        (4, 1, 1, 4),
        (101, 2, 1, 50),  # 51 batches would leave one of a single image
        (7, 3, 2, 1),
    ],
)
def test_number_of_batches(n: int, batch_size: int, world_size: int, expected: int) -> None:
    assert count_batches(n, batch_size, world_size) == expected


@pytest.mark.parametrize(("n", "world_size"), [(0, 1), (3, 4)])
def test_fewer_images_than_processes_are_refused(n: int, world_size: int) -> None:
    message = f"{n} image.*{world_size} process"
    with pytest.raises(ConfigError, match=message):
        EpochSampler(np.arange(n), 8, seed=0, world_size=world_size)
    with pytest.raises(ConfigError, match=message):
        EvenBatches(np.arange(n), 8, world_size=world_size)


def test_order_is_a_function_of_seed_and_epoch() -> None:
    rows = np.arange(100)

    def order(seed: int, epoch: int) -> list[list[int]]:
        return as_lists(epoch_of(EpochSampler(rows, 8, seed=seed), epoch))

    assert order(1, 3) == order(1, 3)
    assert order(1, 3) != order(1, 4)
    assert order(1, 3) != order(2, 3)
    assert order(3, 1) != order(1, 3)


def test_order_of_an_epoch_does_not_depend_on_what_was_iterated_before() -> None:
    sampler = EpochSampler(np.arange(50), 8, seed=0)
    fresh = as_lists(epoch_of(sampler, 2))
    epoch_of(sampler, 0)
    sampler.seek(1)
    next(iter(sampler))
    assert as_lists(epoch_of(sampler, 2)) == fresh


def test_seek_leaves_out_the_first_batches_and_nothing_else() -> None:
    sampler = EpochSampler(np.arange(50), 8, seed=0)
    whole = as_lists(epoch_of(sampler, 3))
    assert as_lists(epoch_of(sampler, 3, first=4)) == whole[4:]
    assert as_lists(epoch_of(sampler, 3, first=len(whole))) == []
    assert len(sampler) == len(whole)


def test_weights_set_how_often_a_row_is_drawn() -> None:
    weights = np.array([1.0, 3.0, 0.0, 6.0] * 50, dtype=np.float32)
    sampler = EpochSampler(np.arange(200), 20, seed=0, weights=weights)
    drawn = np.concatenate([draw.rows for epoch in range(200) for draw in epoch_of(sampler, epoch)])
    assert len(drawn) == 200 * 200
    shares = np.bincount(drawn % 4, minlength=4) / len(drawn)
    np.testing.assert_allclose(shares, [0.1, 0.3, 0.0, 0.6], atol=0.012)  # 5 standard deviations
    assert as_lists(epoch_of(sampler, 7)) == as_lists(epoch_of(sampler, 7))


def test_ranks_share_out_one_weighted_draw_and_count_its_repeats() -> None:
    weights = np.random.default_rng(0).random(60)
    whole = EpochSampler(np.arange(60), 60, seed=5, weights=weights)
    order = epoch_of(whole, 1)[0]
    before: dict[int, int] = {}
    for row, repeat in zip(order.rows.tolist(), order.repeats.tolist(), strict=True):  # type: ignore[union-attr]
        assert repeat == before.get(row, 0)
        before[row] = repeat + 1
    assert max(before.values()) > 1
    every = {"seed": 5, "world_size": 2, "weights": weights}
    ranks = [epoch_of(EpochSampler(np.arange(60), 10, rank=r, **every), 1) for r in (0, 1)]
    dealt = [draw for pair in zip(*ranks, strict=True) for draw in pair]
    np.testing.assert_array_equal(np.concatenate([d.rows for d in dealt]), order.rows)
    np.testing.assert_array_equal(np.concatenate([d.repeats for d in dealt]), order.repeats)  # type: ignore[misc]


@given(SIZES)
@settings(deadline=None)
def test_evaluation_gives_each_rank_a_contiguous_part_in_order(sizes: tuple[int, int, int]) -> None:
    n, batch_size, world_size = sizes
    rows = np.random.default_rng(n).permutation(n)
    ranks = [list(EvenBatches(rows, batch_size, rank=r, world_size=world_size)) for r in range(world_size)]
    seen = np.concatenate([draw.rows for rank in ranks for draw in rank])
    np.testing.assert_array_equal(seen, rows)
    assert len({len(rank) for rank in ranks}) == 1
    lengths = [len(draw) for rank in ranks for draw in rank]
    assert min(lengths) >= 1
    assert max(lengths) <= batch_size + (batch_size == 1 and world_size > 1)
    assert all(draw.epoch is None for rank in ranks for draw in rank)


def test_given_batches_are_given() -> None:
    batches = [np.array([3, 4]), np.array([9])]
    assert as_lists(list(GivenBatches(batches))) == [[3, 4], [9]]
