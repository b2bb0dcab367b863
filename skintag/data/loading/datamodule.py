"""The data of a run, as Lightning and the embedding export ask for it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from skintag.core.errors import ConfigError
from skintag.core.hashing import content_key
from skintag.core.vocabulary import DOMAINS
from skintag.data.images.augmenter import Augmenter
from skintag.data.images.pipeline import ImagePipeline
from skintag.data.loading.chunks import CHUNK, SMALLEST_CHUNK, chunks_of
from skintag.data.loading.dataset import LesionImages
from skintag.data.loading.loader import (
    BatchLoader,
    EpochLoader,
    Inputs,
    RowLabels,
    Seekable,
    StoredBatches,
    images_of,
)
from skintag.data.loading.sampler import EpochSampler, EvenBatches, GivenBatches
from skintag.data.loading.settings import DEFAULTS, LoaderSettings
from skintag.data.loading.training import TrainingImages
from skintag.data.loading.workers import batch_loader
from skintag.data.shards.reader import ShardStore
from skintag.data.view.levels import level_codes
from skintag.data.view.view import View


class LesionDataModule(pl.LightningDataModule):
    """Loaders over the shards for a view.

    Batches are dicts, see `skintag.data.loading.loader.Batch`. Validation and test are read by offset in either mode,
    each image exactly once and by one rank, in the order of the view's rows.

    Args:
        view: which images, in which split, with which labels and weights. Training images are drawn by
            `sampling_weight` with replacement where it differs between rows, else each is seen once an epoch.
        prepared: the prepared folder.
        image_size: side S of the square that the model sees, pixels.
        augmentation: of training images; None for none.
        train_image_size: of training images where it is another: a teacher may want to see more of them.
        padding: whether the model takes them filled up to a square, whatever `loader.fit` says.
        interpolation: how they are brought to their size, `bilinear` or `bicubic`.
        seed: of the order and of the augmentation.
        loader: how images get from the shards to the model.

    Attributes:
        stored: what training and validation batches hold in place of images; None where they hold images. To be
            set before the first loader is made.

    Raises:
        ConfigError: settings that do not go together.
    """

    def __init__(
        self,
        *,
        view: View,
        prepared: str | os.PathLike[str],
        image_size: int,
        augmentation: Augmenter | None,
        seed: int,
        loader: LoaderSettings = DEFAULTS,
        train_image_size: int | None = None,
        padding: bool = False,
        interpolation: str = "bilinear",
    ) -> None:
        super().__init__()
        self.view, self.prepared, self.seed = view, Path(prepared), seed
        self.loader = loader
        fit = "pad" if padding else self.loader.fit
        larger = train_image_size or image_size
        self.pipeline, self.train_pipeline = (
            ImagePipeline(side, fit, augmentation, seed, interpolation) for side in (image_size, larger)
        )
        if self.loader.mode == "stream" and self._weights() is not None:
            raise ConfigError(
                "balance by sampling needs exact epochs: set loader=indexed, or balance.mode=loss"
            )
        self.stored: Inputs | None = None
        self._store: ShardStore | None = None
        self._positions: NDArray[np.int64] | None = None
        self._labels = RowLabels.of(view.frame)
        self._alive: list[BatchLoader] = []  # loaders whose workers outlive an epoch
        self._train: EpochLoader | None = None
        self._resume_at: dict[str, Any] | None = None

    @property
    def store(self) -> ShardStore:
        """The shards of the view's datasets, opened on first use.

        Raises:
            DataError: shards are missing or broken, or lack an image of the view.
        """
        if self._store is None:
            datasets = sorted(self.view.frame["dataset"].unique())
            self._store = ShardStore(self.prepared, datasets, self.loader.url)
        return self._store

    def row_positions(self) -> NDArray[np.int64]:
        """Position in `store` of every row of the view, int64 [n]."""
        if self._positions is None:
            self._positions = self.store.positions(self.view.frame["image_id"])
        return self._positions

    def setup(self, stage: str) -> None:
        """Open the shards and check that they hold the view's images; see `store`."""
        self.row_positions()
        if self.trainer is not None and self.trainer.world_size > 1:
            connector = self.trainer._accelerator_connector
            if getattr(connector, "use_distributed_sampler", False):
                raise ConfigError(
                    "trainer.use_distributed_sampler must be false: the loaders share out images themselves"
                )

    def train_dataloader(self) -> EpochLoader:
        """The training batches, epoch by epoch; resumable in mid-epoch."""
        rank, world_size = self._place()
        rows = self.view.rows("train")
        plan: Seekable
        inner: DataLoader | StoredBatches
        if self.loader.mode == "stream":
            plan, inner = self._training(rows).stream()
        else:
            plan = EpochSampler(
                rows, self.loader.batch_size, seed=self.seed, rank=rank, world_size=world_size,
                weights=self._weights(),
            )  # fmt: skip
            stored = self.stored
            inner = self._training(rows).indexed(plan) if stored is None else StoredBatches(stored, plan)
        self._train = self._keep(EpochLoader(inner, self._labels, plan, self._trained_batches()))
        if self._resume_at is not None:
            self._train.load_state_dict(self._resume_at)
        return self._train

    def _training(self, rows: NDArray[np.int64]) -> TrainingImages:
        domains = level_codes(self.view.frame, "domain", DOMAINS, null=False).astype(np.int8)
        return TrainingImages(
            self.store, rows, self.row_positions(), domains, self.train_pipeline, self.loader, self.seed,
            *self._place(),
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Where training is in the epoch.

        Lightning keeps the loader's state too, but does not give it back where the schedule has asked for the
        number of steps: that makes the loader before the state is restored.
        """
        return {} if self._train is None else {"train": self._train.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on there; ConfigError (when training begins) if the batches would not be the same."""
        self._resume_at = state_dict.get("train")

    def val_dataloader(self) -> BatchLoader:
        """The validation images, each once, in the order of the view's rows."""
        return self._keep(self._in_order(self.view.rows("val"), self.stored, persistent=True))

    def test_dataloader(self) -> BatchLoader:
        """The test images, each once, in the order of the view's rows."""
        return self._in_order(self.view.rows("test"))

    def predict_dataloader(self, rows: Sequence[int] | NDArray[np.int64] | None = None) -> BatchLoader:
        """The images of any rows of the view, in that order, without augmentation; None: of all.

        With several ranks each has a contiguous part, and no row is in two of them.
        """
        every = np.arange(len(self.view.frame)) if rows is None else np.asarray(rows, dtype=np.int64)
        return self._in_order(every)

    def chunks(self) -> list[NDArray[np.int64]]:
        """All positions in `store`, in fixed groups within a shard, each int64 [32 to 95]; [<= 64] in a small one.

        What an image is grouped with does not depend on the view, the machine or the settings, so a result
        computed group by group (an embedding) is the same to the last bit wherever it is computed.
        """
        return chunks_of(self.store.samples)

    def image_batches(self, chunks: Sequence[NDArray[np.int64]]) -> Iterator[torch.Tensor]:
        """The images at each group of positions, without augmentation: uint8 [B, 3, S, S], group by group."""
        everything = LesionImages(self.store, np.arange(len(self.store)), self.pipeline)
        for images, _ in images_of(self._loader(everything, GivenBatches(list(chunks)))):
            yield images

    def preprocessing_fingerprint(self) -> str:
        """Equal for equal pixels from equal shards, without augmentation."""
        return content_key(self.pipeline.fingerprint, CHUNK, SMALLEST_CHUNK)

    def teardown(self, stage: str) -> None:
        """End the workers that outlive epochs."""
        while self._alive:
            self._alive.pop().close()

    def on_exception(self, exception: BaseException) -> None:
        """End the workers too where a run breaks off; left to the garbage collector they take ten seconds."""
        self.teardown("")

    def _in_order(
        self, rows: NDArray[np.int64], inputs: Inputs | None = None, persistent: bool = False
    ) -> BatchLoader:
        rank, world_size = self._place()
        batches = EvenBatches(rows, self.loader.eval_batch_size, rank=rank, world_size=world_size)
        if inputs is not None:
            return BatchLoader(StoredBatches(inputs, batches), self._labels)
        images = LesionImages(self.store, self.row_positions(), self.pipeline)
        return BatchLoader(self._loader(images, batches, persistent=persistent), self._labels)

    def _loader(self, images: LesionImages, batches: Any, *, persistent: bool = False) -> DataLoader:
        workers = self.loader.workers(self._place()[1])
        return batch_loader(images, batches, self.loader, workers, seed=self.seed, persistent=persistent)

    def _keep(self, loader: Any) -> Any:
        self._alive.append(loader)
        return loader

    def _place(self) -> tuple[int, int]:
        """Rank of this process, and number of processes."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _weights(self) -> NDArray[np.floating] | None:
        """`sampling_weight` of the training rows, or None where all are equal."""
        weights = self.view.frame["sampling_weight"].to_numpy(dtype=np.float64)[self.view.rows("train")]
        return None if len(weights) == 0 or (weights == weights[0]).all() else weights

    def _trained_batches(self) -> Any:
        """A function that gives the batches of this epoch that were trained on; None without a trainer."""
        if self.trainer is None:
            return None
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress
        return lambda: progress.current.processed
