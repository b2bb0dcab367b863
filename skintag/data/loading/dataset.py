"""Whole batches of images for a DataLoader's workers: what they are asked for, and what they answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from skintag.core.errors import SkinTagError
from skintag.data.images.pipeline import ImagePipeline
from skintag.data.loading.ring import Filled, Ring
from skintag.data.shards.reader import ShardStore


@dataclass(frozen=True)
class Draw:
    """The images of one batch and what their augmentation depends on; it travels to a worker as its index.

    The epoch is in it because workers outlive epochs.
    """

    rows: NDArray[np.int64]
    """int64 [B]."""
    epoch: int | None = None
    """None: no augmentation."""
    repeats: NDArray[np.int64] | None = None
    """How often each row was drawn before in this epoch, int64 [B]; None: never."""
    slot: int | None = None
    """Where in the ring the batch goes; None: into new memory."""

    def __len__(self) -> int:
        return len(self.rows)


Made = tuple[torch.Tensor, NDArray[np.int64]] | Filled | SkinTagError
"""What comes from a worker: images uint8 [B, 3, S, S] and their rows int64 [B]; where in the ring they are;
or an error for the reader to raise (raised in a worker, it would arrive as a page-long RuntimeError)."""


class Request(Protocol):
    """What `Draw` and the stream's requests have in common."""

    @property
    def epoch(self) -> int | None:
        """The epoch that the augmentation is for; None: no augmentation."""
        ...

    @property
    def slot(self) -> int | None:
        """Where in the ring the batch goes; None: into new memory."""
        ...


class ImageBatches(Dataset):
    """Batches of images for a DataLoader's workers, whichever way their bytes are read; picklable.

    Args:
        pipeline: what makes a batch of encoded images.
        domains: position in `DOMAINS` of the domain of every row of the view, int8 [n], as its own row says; None
            where nothing is augmented. Numbers and not words, for every worker process has them.
        ring: where batches go for which a slot is given.
    """

    def __init__(
        self, pipeline: ImagePipeline, domains: NDArray[np.int8] | None = None, ring: Ring | None = None
    ) -> None:
        self.pipeline, self.domains, self.ring = pipeline, domains, ring

    def make(
        self,
        request: Request,
        rows: NDArray[np.int64],
        encoded: Iterable[bytes],
        image_ids: Sequence[str] | NDArray[np.object_],
        repeats: NDArray[np.int64] | None = None,
    ) -> Made:
        """The batch of these rows, int64 [B], in the ring where the request has a slot of it."""
        domains = None if self.domains is None else self.domains[rows]
        if self.ring is None or request.slot is None:
            return self.pipeline(encoded, image_ids, request.epoch, repeats, domains=domains), rows
        out = self.ring.memory[request.slot, : len(rows)]
        self.pipeline(encoded, image_ids, request.epoch, repeats, out, domains)
        return Filled(self.ring.name, request.slot, rows)


class LesionImages(ImageBatches):
    """Images of the shards by offset, whole batches at a time.

    Args:
        store: where they are read from.
        positions: position in `store` of each row, int64 [n].
        pipeline: what makes a batch of them.
        domains: of each row, int8 [n]; see `ImageBatches`.
        ring: where batches go for which a slot is given.
    """

    def __init__(
        self,
        store: ShardStore,
        positions: NDArray[np.int64],
        pipeline: ImagePipeline,
        *,
        domains: NDArray[np.int8] | None = None,
        ring: Ring | None = None,
    ) -> None:
        super().__init__(pipeline, domains, ring)
        self.store, self.positions = store, positions

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, row: int) -> torch.Tensor:
        """One image without augmentation, uint8 [3, S, S]."""
        got = self.__getitems__(Draw(np.array([row])))
        return opened(got)[0][0]

    def __getitems__(self, draw: Draw) -> Made:
        """The batch that `draw` describes."""
        positions = self.positions[draw.rows]
        try:
            encoded, image_ids = self.store.read_many(positions), self.store.image_ids[positions]
            return self.make(draw, draw.rows, encoded, image_ids, draw.repeats)
        except SkinTagError as error:
            return error


def opened(made: Made) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Images, uint8 [B, 3, S, S], and their rows, int64 [B]; raises what went wrong in the worker."""
    if isinstance(made, SkinTagError):
        raise made
    return made.take() if isinstance(made, Filled) else made
