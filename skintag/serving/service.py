"""The bundle in use and what is under way with it: admission, decoding, batches, and the change to a newer bundle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from skintag.core.errors import ImageError
from skintag.serving.about import told
from skintag.serving.batching import Batcher
from skintag.serving.engine import Engine, processors
from skintag.serving.files import Served
from skintag.serving.metrics import Metrics
from skintag.serving.pictures import Crop, Picture
from skintag.serving.problems import Problem
from skintag.serving.settings import Settings

_MOST_DECODERS: Final = 8
_RETRY: Final = 1
"""Seconds after which a full queue is worth asking again."""


class Generation:
    """One bundle and what is under way with it; the next one takes over for pictures that come later.

    Raises DataError where the bundle has figures or texts that cannot be told.
    """

    def __init__(self, engine: Engine, service: Service) -> None:
        self.engine = engine
        self.served = Served(engine.bundle)
        self.about = told(engine, device=self.served.device)
        self._metrics, self._settings = service.metrics, service.settings
        self._decoders, self.decoding, self.under_way, self.replaced = service.decoders, 0, 0, False
        # collating has a thread of its own: among those that decode it would wait for its turn, and the model with it
        self._thread, self._collating = ThreadPoolExecutor(1, "model"), ThreadPoolExecutor(1, "collate")
        self.batcher: Batcher[dict[str, Any]] = Batcher(
            self._answers,
            self._settings.batch_size,
            self._settings.batch_wait_ms / 1000,
            lambda: self.decoding,
            self._thread,
            self._collating,
            self._metrics.batch.observe,
        )

    async def analyse(self, data: bytes | bytearray, crop: Crop | None) -> dict[str, Any]:
        """What is said of a file. Raises Problem where it cannot be read."""
        self.under_way += 1
        try:
            picture = await self._decoded(data, crop)
            answer = await self.batcher(picture.pixels, picture)
        finally:
            self.under_way -= 1
            if self.replaced:
                self.retire()
        self._metrics.answered(answer)
        return answer

    async def _decoded(self, data: bytes | bytearray, crop: Crop | None) -> Picture:
        self.decoding += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._decoders, self._decode, data, crop)
        except ImageError as error:
            self._metrics.unreadable.labels(error.reason).inc()
            raise Problem.of_image(error) from error
        finally:
            self.decoding -= 1
            if not self.decoding:
                self.batcher.nudge()

    def _decode(self, data: bytes | bytearray, crop: Crop | None) -> Picture:
        with self._metrics.decode.time():
            return self.engine.pictures(bytes(data), crop)

    def _answers(self, pixels: Any, pictures: list[Picture]) -> list[dict[str, Any]]:
        with self._metrics.infer.time():
            return self.engine.answers(pixels, pictures)

    def retire(self) -> None:
        """Let it end as soon as nothing is under way."""
        self.replaced = True
        if not self.under_way:
            self.close()

    def close(self) -> None:
        """End it now."""
        self.batcher.close()
        for pool in (self._thread, self._collating):
            pool.shutdown(wait=False, cancel_futures=True)
        self.engine.close()


class Service:
    """What the endpoints ask. Starts no task before the first picture comes, so that it may be made anywhere.

    Args:
        engine: of the first bundle.
        settings: to run by.
        metrics: to count in.
    """

    def __init__(self, engine: Engine, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        count = settings.decoders or min(processors(), _MOST_DECODERS)
        self.decoders = ThreadPoolExecutor(count, "decode")
        self.admitted, self.arriving, self.draining, self.closed = 0, 0, False, False
        self.current = Generation(engine, self)
        metrics.use(engine.about)
        metrics.capacity.set(settings.queue)
        metrics.queue.set_function(lambda: self.admitted)

    @contextmanager
    def arrival(self) -> Iterator[None]:
        """A request that is read; without a place, or slow senders had all. Raises Problem as `admission`."""
        self._check_room(1)
        self.arriving += 1
        try:
            yield
        finally:
            self.arriving -= 1

    @contextmanager
    def admission(self, n: int = 1) -> Iterator[None]:
        """Places for n pictures that are there, kept for as long as the block lasts.

        Raises:
            Problem: 503 where there are none.
        """
        self._check_room(n)
        self.admitted += n
        try:
            yield
        finally:
            self.admitted -= n

    def _check_room(self, n: int) -> None:
        if self.closed:
            raise Problem(503, "ending", "The server has ended: ask another one.", retry_after=_RETRY)
        if self.admitted + n > self.settings.queue:
            self.metrics.rejected.inc(n)
            detail = (
                f"{self.admitted} pictures are under way, of {self.settings.queue} at most: ask again soon."
            )
            raise Problem(503, "busy", detail, retry_after=_RETRY)

    async def analyse(self, data: bytes | bytearray, crop: Crop | None) -> dict[str, Any]:
        """What the bundle in use says of a file. Raises Problem where it cannot be read."""
        return await self.current.analyse(data, crop)

    def use(self, generation: Generation) -> None:
        """Let pictures that come from now on be answered by another bundle; those under way keep theirs."""
        before, self.current = self.current, generation
        before.retire()
        self.metrics.use(generation.engine.about)

    async def finish(self, seconds: float) -> None:
        """Wait until nothing is under way, so long at most, and end."""
        until = time.monotonic() + seconds
        while (self.admitted or self.arriving) and time.monotonic() < until:
            await asyncio.sleep(0.02)
        self.close()

    def close(self) -> None:
        """End now."""
        self.closed = True
        self.current.close()
        self.decoders.shutdown(wait=False, cancel_futures=True)
