"""Batches: filled while the model computes, without those who went away, and no answer is another's."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from skintag.serving.batching import Batcher


class Model:
    """Answers with what a picture shows, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.free = threading.Event()
        self.free.set()
        self.expected = 0

    def __call__(self, pixels: np.ndarray, more: list[Any]) -> list[tuple[int, Any]]:
        assert self.free.wait(10)
        shown = [int(p[0, 0, 0]) for p in pixels]
        self.batches.append(shown)
        if 66 in shown:
            raise ValueError("66")
        return list(zip(shown, more, strict=True))


def picture(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def run(test: Any, model: Model, size: int = 4, wait: float = 0.0) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(1) as thread, ThreadPoolExecutor(2) as others:
            batcher: Batcher[Any] = Batcher(model, size, wait, lambda: model.expected, thread, others)
            try:
                async with asyncio.timeout(20):
                    await test(batcher)
            finally:
                model.free.set()
                batcher.close()

    asyncio.run(main())


async def soon(model: Model, batches: int = 0) -> None:
    """Let everything that can happen, happen."""
    for _ in range(20):
        await asyncio.sleep(0.005)


def test_one_alone_does_not_wait() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        assert await batcher(picture(7), "seven") == (7, "seven")

    run(test, model, wait=1000)


def test_those_who_come_while_it_computes_go_together() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        model.free.clear()
        first = asyncio.ensure_future(batcher(picture(1), 1))
        await soon(model)
        rest = [asyncio.ensure_future(batcher(picture(i), i)) for i in range(2, 9)]
        await soon(model)
        model.free.set()
        assert await asyncio.gather(first, *rest) == [(i, i) for i in range(1, 9)]

    run(test, model)
    assert model.batches == [[1], [2, 3, 4, 5], [6, 7, 8]]


def test_it_waits_for_those_who_are_on_their_way() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        model.expected = 1
        first = asyncio.ensure_future(batcher(picture(1), 1))
        await soon(model)
        assert model.batches == []
        second = asyncio.ensure_future(batcher(picture(2), 2))
        model.expected = 0
        batcher.nudge()
        await asyncio.gather(first, second)

    run(test, model, wait=1000)
    assert model.batches == [[1, 2]]


def test_it_waits_no_longer_than_it_may() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        model.expected = 1
        assert await batcher(picture(1), 1) == (1, 1)

    run(test, model, wait=0.01)


def test_who_went_away_costs_no_inference() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        model.free.clear()
        first = asyncio.ensure_future(batcher(picture(1), 1))
        await soon(model)
        rest = [asyncio.ensure_future(batcher(picture(i), i)) for i in range(2, 8)]
        await soon(model)
        for i in (0, 2, 4, 5):  # of the batch that is laid out already, and of those that wait
            rest[i].cancel()
        await soon(model)
        model.free.set()
        await asyncio.gather(first, *rest, return_exceptions=True)

    run(test, model)
    assert model.batches == [[1], [3, 5]]


def test_one_that_fails_spoils_no_other() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        model.free.clear()
        first = asyncio.ensure_future(batcher(picture(1), 1))
        await soon(model)
        rest = [asyncio.ensure_future(batcher(picture(i), i)) for i in (2, 66, 3)]
        await soon(model)
        model.free.set()
        found = await asyncio.gather(first, *rest, return_exceptions=True)
        assert [found[i] for i in (0, 1, 3)] == [(1, 1), (2, 2), (3, 3)]
        assert isinstance(found[2], ValueError)
        assert await batcher(picture(4), 4) == (4, 4)

    run(test, model)


def test_closing_lets_nobody_wait_for_ever() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        model.free.clear()
        # four are computed, four lie side by side and wait for the model, two wait for a place
        waiting = [asyncio.ensure_future(batcher(picture(i), i)) for i in range(10)]
        await soon(model)
        batcher.close()
        model.free.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert found[:4] == [(i, i) for i in range(4)]
        assert [type(one) for one in found[4:]] == [asyncio.CancelledError] * 6
        with pytest.raises(asyncio.CancelledError):
            await batcher(picture(1), 1)

    run(test, model)


def test_what_goes_wrong_between_batches_reaches_those_who_wait() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        batcher._seen = lambda n: 1 / 0
        with pytest.raises(ZeroDivisionError):
            await batcher(picture(1), 1)
        batcher._seen = lambda n: None
        assert await batcher(picture(2), 2) == (2, 2)

    run(test, model)


def test_one_loop_after_another_is_answered() -> None:
    with ThreadPoolExecutor(1) as thread:
        batcher: Batcher[Any] = Batcher(Model(), 4, 0.0, lambda: 0, thread, thread)
        for value in (1, 2):

            async def ask(value: int = value) -> list[Any]:
                return await asyncio.gather(*(batcher(picture(value), i) for i in range(6)))

            assert asyncio.run(ask()) == [(value, i) for i in range(6)]
        batcher.close()


def test_answers_are_nobody_elses() -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        async def ask(i: int) -> None:
            await asyncio.sleep((i * 7 % 13) / 1000)
            assert await batcher(picture(i % 60), i) == (i % 60, i)

        await asyncio.gather(*(ask(i) for i in range(500)))

    run(test, model, wait=0.002)
    assert max(map(len, model.batches)) <= 4


@pytest.mark.parametrize("size", [1, 3])
def test_no_batch_is_larger_than_it_may_be(size: int) -> None:
    model = Model()

    async def test(batcher: Any) -> None:
        await asyncio.gather(*(batcher(picture(i), i) for i in range(20)))

    run(test, model, size=size)
    assert max(map(len, model.batches)) <= size
