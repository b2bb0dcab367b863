"""Training batches of one process: which of them there are in an epoch, and the DataLoader that makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Sampler

from skintag.data.images.pipeline import ImagePipeline
from skintag.data.loading.dataset import ImageBatches, LesionImages
from skintag.data.loading.loader import Seekable
from skintag.data.loading.ring import AskingSampler, Ring
from skintag.data.loading.sampler import EpochSampler
from skintag.data.loading.settings import LoaderSettings
from skintag.data.loading.workers import batch_loader
from skintag.data.shards.reader import ShardStore


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """What the training batches of one process are made of."""

    store: ShardStore
    """The shards of the view's datasets."""
    rows: NDArray[np.int64]
    """Rows of the view to train on, int64 [train]."""
    positions: NDArray[np.int64]
    """Position in `store` of every row of the view, int64 [n]."""
    domains: NDArray[np.int8]
    """Position in `DOMAINS` of the domain of every row of the view, int8 [n]."""
    pipeline: ImagePipeline
    """What makes a batch of encoded images."""
    settings: LoaderSettings
    """How images get from the shards to the model."""
    seed: int
    """Of the order."""
    rank: int = 0
    """Of this process."""
    world_size: int = 1
    """Number of processes."""

    def indexed(self, plan: EpochSampler) -> DataLoader:
        """The batches of `plan`, read by offset."""
        ring = self._ring()
        images = LesionImages(self.store, self.positions, self.pipeline, domains=self.domains, ring=ring)
        return self._loader(images, plan, ring)

    def stream(self) -> tuple[Seekable, DataLoader]:
        """Batches from shards that are read front to back, and what decides on them."""
        from skintag.data.loading.stream import StreamImages, TurnSampler

        ring = self._ring()
        images = StreamImages(
            self.store, self.rows, self.positions, self.pipeline, self.settings.batch_size, seed=self.seed,
            rank=self.rank, world_size=self.world_size, workers=self._workers, domains=self.domains, ring=ring,
            shuffle_buffer=self.settings.shuffle_buffer,
        )  # fmt: skip
        plan = TurnSampler(images)
        return plan, self._loader(images, plan, ring)

    @property
    def _workers(self) -> int:
        return self.settings.workers(self.world_size)

    def _ring(self) -> Ring | None:
        """Memory for the batches of worker processes; None where there are none."""
        if not self._workers:
            return None
        largest = self.settings.batch_size + 1  # see count_batches
        return Ring(self._workers * self.settings.prefetch_factor, largest, self.pipeline.image_size)

    def _loader(self, images: ImageBatches, plan: Sampler[Any], ring: Ring | None) -> DataLoader:
        batches = plan if ring is None else AskingSampler(plan, ring)
        return batch_loader(images, batches, self.settings, self._workers, seed=self.seed, persistent=True)
