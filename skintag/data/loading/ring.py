"""Memory for training batches that worker processes fill and the main process hands out, over and over.

A DataLoader has its workers make new shared memory for every batch: the kernel clears each page and both
processes map it anew, which can cost a third of the time that decoding takes. Here the pages are mapped once.
The main process says with each request where the batch goes, so that only numbers travel back.

A slot is used again when nothing refers to it any more: each tensor handed out is made from a NumPy view of
its own, which lives as long as any tensor shares its memory, and whose end returns the slot. While all are in
use (somebody collects batches), workers fall back to new memory.
"""

from __future__ import annotations

import dataclasses
import itertools
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

from skintag.data.images.shared import shared_bytes

_SPARE: Final = 3  # slots beyond those that workers fill: the loop's batch, the next one, one that is kept
_rings: weakref.WeakValueDictionary[int, Ring] = weakref.WeakValueDictionary()  # of this process
_names = itertools.count()


@dataclass(frozen=True)
class Filled:
    """A worker's message: the first `len(rows)` images of a slot are the images of these rows."""

    ring: int
    """Which ring, by its `name`."""
    slot: int
    """Where in the ring."""
    rows: NDArray[np.int64]
    """int64 [B]."""

    def take(self) -> tuple[torch.Tensor, NDArray[np.int64]]:
        """The images, uint8 [B, 3, S, S], in the slot itself; and their rows."""
        return _rings[self.ring].hand_out(self.slot, len(self.rows)), self.rows

    def pin_memory(self) -> tuple[torch.Tensor, NDArray[np.int64]]:
        """The images copied to page-locked memory (a thread of the DataLoader calls this); frees the slot.

        The slot itself is not page-locked: a copy to the GPU may go on after the tensor is given up.
        """
        images, rows = self.take()
        return images.pin_memory(), rows


class Ring:
    """Slots for batches of up to `batch_size` images, shared with worker processes.

    Args:
        in_flight: batches that workers may have been asked for at a time.
        batch_size: images per batch, at most.
        side: S, of the square images.
    """

    def __init__(self, in_flight: int, batch_size: int, side: int) -> None:
        self.memory = shared_bytes(in_flight + _SPARE, batch_size, side, side, 3)
        """uint8 [slots, batch_size, S, S, 3]."""
        self.name = next(_names)
        self._free: deque[int] = deque(range(len(self.memory)))
        self._asked: set[int] = set()  # slots that workers have been told to fill
        _rings[self.name] = self

    def ask(self) -> int | None:
        """A free slot for a worker to fill; None where there is none."""
        if not self._free:
            return None
        slot = self._free.popleft()
        self._asked.add(slot)
        return slot

    def hand_out(self, slot: int, n: int) -> torch.Tensor:
        """The first `n` images of a slot that a worker has filled, uint8 [n, 3, S, S], channels last."""
        self._asked.discard(slot)
        view = self.memory[slot, :n].numpy()
        weakref.finalize(view, self._free.append, slot).atexit = False
        return torch.from_numpy(view).permute(0, 3, 1, 2)

    def forget(self) -> None:
        """Take back the slots that were asked for and never handed out; no worker may be at work."""
        self._free.extend(self._asked)
        self._asked.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {"memory": self.memory, "name": self.name}  # a worker fills slots and keeps no books


class AskingSampler(Sampler):
    """The requests of another sampler, each with a slot of the ring to put its batch into.

    Requests are dataclasses with a field `slot`. The DataLoader starts a new iteration only when its workers
    have finished with the last one, so what they had filled for nobody is free again then.
    """

    def __init__(self, requests: Sampler, ring: Ring) -> None:
        self._requests, self._ring = requests, ring

    def __len__(self) -> int:
        return len(self._requests)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        self._ring.forget()
        for request in self._requests:
            yield dataclasses.replace(request, slot=self._ring.ask())
