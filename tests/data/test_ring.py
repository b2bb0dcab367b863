"""The ring: memory is used again when, and only when, nobody can see it any more."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from skintag.data.loading.ring import AskingSampler, Filled, Ring


@pytest.fixture
def ring() -> Ring:
    return Ring(in_flight=1, batch_size=3, side=8)  # and three spare slots: four in all


def asked(ring: Ring) -> int:
    slot = ring.ask()
    assert slot is not None
    return slot


def take_all(ring: Ring) -> list[int]:
    """Ask until there is no free slot."""
    return list(iter(ring.ask, None))


def test_each_slot_is_given_to_one_batch(ring: Ring) -> None:
    assert sorted(take_all(ring)) == [0, 1, 2, 3]
    assert ring.ask() is None


def test_batch_is_what_the_slot_holds(ring: Ring) -> None:
    slot = asked(ring)
    ring.memory[slot] = torch.arange(3 * 8 * 8 * 3).view(3, 8, 8, 3).to(torch.uint8)
    images, rows = Filled(ring.name, slot, np.array([4, 2])).take()
    assert rows.tolist() == [4, 2]
    assert torch.equal(images, ring.memory[slot, :2].permute(0, 3, 1, 2))
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "keep",
    [
        lambda images: images,
        lambda images: images[1, 0],
        lambda images: images.numpy(),
        lambda images: images.permute(0, 2, 3, 1).flatten(1)[:1],
        lambda images: images.detach().view(torch.int8),
        lambda images: images.untyped_storage(),
    ],
    ids=["itself", "part", "numpy", "reshaped", "viewed", "storage"],
)
def test_slot_stays_in_use_as_long_as_anything_shares_its_memory(ring: Ring, keep: object) -> None:
    slot = asked(ring)
    kept = keep(ring.hand_out(slot, 2))  # type: ignore[operator]
    assert slot not in take_all(ring)
    del kept
    assert take_all(ring) == [slot]


def test_copy_does_not_keep_the_slot(ring: Ring) -> None:
    slot = asked(ring)
    copy = ring.hand_out(slot, 2).float()
    assert slot in take_all(ring)
    assert copy.shape == (2, 3, 8, 8)


def test_slots_that_were_never_handed_out_are_taken_back(ring: Ring) -> None:
    first, second = asked(ring), asked(ring)
    kept = ring.hand_out(first, 3)
    ring.forget()
    free = take_all(ring)
    assert second in free
    assert first not in free
    assert len(free) == len(set(free)) == 3
    del kept


def test_every_request_gets_a_slot_or_none(ring: Ring) -> None:
    @dataclass(frozen=True)
    class Request:
        number: int
        slot: int | None = None

    sampler = AskingSampler([Request(i) for i in range(6)], ring)  # type: ignore[arg-type]
    assert len(sampler) == 6
    for _ in range(2):  # a second iteration finds the slots of the first one free again
        got = list(sampler)
        assert [request.number for request in got] == list(range(6))
        assert sorted(r.slot for r in got if r.slot is not None) == [0, 1, 2, 3]
        assert [r.slot for r in got[4:]] == [None, None]


def test_pickled_ring_keeps_no_books(ring: Ring) -> None:
    copy = pickle.loads(pickle.dumps(ring))
    assert (copy.name, copy.memory.shape) == (ring.name, ring.memory.shape)
    assert not hasattr(copy, "_free")


def test_pinning_copies_the_batch_and_frees_the_slot(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)  # there may be no GPU
    slot = asked(ring)
    ring.memory[slot] = 7
    images, _ = Filled(ring.name, slot, np.array([1])).pin_memory()
    assert slot in take_all(ring)
    ring.memory[slot] = 9
    assert images.unique().tolist() == [7]
