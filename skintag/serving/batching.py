"""Dynamic batching: what arrives while the model computes goes through it together, next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

R = TypeVar("R")
Pixels = NDArray[np.uint8]
Compute = Callable[[Pixels, list[Any]], list[R]]
_NOBODY: Final = 0


class Batcher(Generic[R]):
    """Gathers pictures into batches; one batch computes while the next is gathered and laid side by side.

    A batch closes when it is full, or when the model is idle and either the wait is over or nobody is expected.
    Who has cancelled meanwhile is left out of it. Lives in the event loop that first asks it, and in a later one once
    that has ended; holds no thread of its own.

    Args:
        compute: pictures uint8 [n, S, S, 3] and what came with each -> n answers; called in `executor`.
        size: pictures in a batch, at most.
        wait: seconds that the first one waits for others that are on their way.
        expected: how many are on their way.
        executor: of one thread: batches are computed one after the other.
    """

    def __init__(
        self,
        compute: Compute[R],
        size: int,
        wait: float,
        expected: Callable[[], int],
        executor: Executor,
        stacker: Executor,
        seen: Callable[[int], object] = lambda n: None,
    ) -> None:
        self._compute, self._size, self._wait = compute, size, wait
        self._expected, self._executor, self._stacker, self._seen = expected, executor, stacker, seen
        self._waiting: deque[tuple[Pixels, Any, asyncio.Future[R]]] = deque()
        self._in_hand: list[tuple[Pixels, Any, asyncio.Future[R]]] = []
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = self._idle = asyncio.Event()

    async def __call__(self, pixels: Pixels, more: Any) -> R:
        """The answer for a picture uint8 [S, S, 3]; `more` goes to `compute` with it."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise asyncio.CancelledError("the batcher is closed")
        if loop is not self._loop:
            self._begin(loop)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name="batches")
            self._task.add_done_callback(self._ended)
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((pixels, more, future))
        self._arrived.set()
        return await future

    def nudge(self) -> None:
        """Somebody who was expected will not come: whoever waits for that need not."""
        self._arrived.set()

    def close(self) -> None:
        """End it; what still waits is cancelled, and what is computed is answered."""
        self._closed = True
        if self._loop is None or self._loop.is_closed():
            return
        if self._task is not None:
            self._task.cancel()
        self._give_up(None)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a loop that it has not met: events and whoever waited belong to the one before."""
        self._loop, self._task = loop, None
        self._arrived, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._waiting.clear()
        self._in_hand = []

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._give_up(None if task.cancelled() else task.exception())
        self._idle.set()

    def _give_up(self, why: BaseException | None) -> None:
        """Nobody will come for those who wait: tell them."""
        for _, _, future in [*self._in_hand, *self._waiting]:
            if not future.done():
                future.cancel() if why is None else future.set_exception(why)
        self._in_hand = []
        self._waiting.clear()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._gathered(loop)
            batch = self._in_hand = self._taken()
            if not batch:
                continue
            if len(batch) == 1:
                stacked = batch[0][0][None]
            else:
                stacked = await loop.run_in_executor(
                    self._stacker, np.stack, [pixels for pixels, _, _ in batch]
                )
            await self._idle.wait()
            kept = [i for i, (_, _, future) in enumerate(batch) if not future.done()]
            if len(kept) < len(batch):
                batch, stacked = [batch[i] for i in kept], stacked[kept]
            if batch:
                self._seen(len(batch))
                self._idle.clear()
                given = [more for _, more, _ in batch]
                done = loop.run_in_executor(self._executor, self._answers, stacked, given)
                done.add_done_callback(lambda done, batch=batch: self._deliver(done, batch))  # type: ignore[misc]
                self._in_hand = []
                # its pictures are not held for longer than it computes
                del batch, stacked, given, done

    async def _gathered(self, loop: asyncio.AbstractEventLoop) -> None:
        """Return when a batch can be closed."""
        deadline = None
        while True:
            self._arrived.clear()
            n = len(self._waiting)
            if n >= self._size:
                return
            if n:
                deadline = deadline or loop.time() + self._wait
                if not self._idle.is_set():
                    await self._arrived.wait()
                    continue
                if self._expected() <= _NOBODY or loop.time() >= deadline:
                    return
            try:
                async with asyncio.timeout_at(deadline):
                    await self._arrived.wait()
            except TimeoutError:
                return

    def _taken(self) -> list[tuple[Pixels, Any, asyncio.Future[R]]]:
        batch: list[tuple[Pixels, Any, asyncio.Future[R]]] = []
        while self._waiting and len(batch) < self._size:
            item = self._waiting.popleft()
            if not item[2].done():
                batch.append(item)
        return batch

    def _answers(self, stacked: Pixels, given: list[Any]) -> list[R | Exception]:
        """In the executor; where a batch fails, each picture on its own, so that one spoils no other's answer."""
        try:
            return list(self._compute(stacked, given))
        except Exception as error:
            if len(given) == 1:
                return [error]
        out: list[R | Exception] = []
        for i in range(len(given)):
            out += self._answers(stacked[i : i + 1], given[i : i + 1])
        return out

    def _deliver(
        self, done: asyncio.Future[list[R | Exception]], batch: list[tuple[Pixels, Any, asyncio.Future[R]]]
    ) -> None:
        self._idle.set()
        self._arrived.set()
        if done.cancelled():
            for _, _, future in batch:
                future.cancel()
            return
        for (_, _, future), answer in zip(batch, done.result(), strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
