"""Images of the shards, each clean and then under every distortion, for a DataLoader's workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from skintag.core.errors import SkinTagError
from skintag.data.distortions.distortions import Distortion, distortion_seeds
from skintag.data.images.pipeline import ImagePipeline
from skintag.data.loading.settings import LoaderSettings
from skintag.data.loading.workers import worker_options
from skintag.data.shards.reader import ShardStore

_BATCH: Final = (
    16  # images that are decoded at a time; each becomes one frame per distortion, and a clean one
)


class DistortedImages(Dataset):
    """Batches of images, each clean and then under every distortion; picklable, for worker processes.

    Args:
        store: where the images are read from.
        positions: of the images in the store, int64 [n].
        pipeline: what makes a picture of the model's size of them.
        distortions: in the order of the frames, after the clean one.
        seed: of the distortions.
    """

    def __init__(
        self,
        store: ShardStore,
        positions: NDArray[np.int64],
        pipeline: ImagePipeline,
        distortions: Iterable[Distortion],
        seed: int,
    ) -> None:
        self.store, self.positions, self.pipeline = store, positions, pipeline
        self.distortions, self.seed = tuple(distortions), seed

    def __len__(self) -> int:
        return -(-len(self.positions) // _BATCH)

    def __getitem__(self, batch: int) -> torch.Tensor | SkinTagError:
        """One batch, uint8 [1 + distortions, B, 3, S, S]; or the error, for the reader to raise."""
        positions = self.positions[batch * _BATCH : (batch + 1) * _BATCH]
        image_ids, side = self.store.image_ids[positions], self.pipeline.image_size
        frames = torch.empty((1 + len(self.distortions), len(positions), side, side, 3), dtype=torch.uint8)
        try:
            self.pipeline(self.store.read_many(positions), image_ids, out=frames[0])
        except SkinTagError as error:  # raised in a worker, it would arrive as a page-long RuntimeError
            return error
        pixels = frames.numpy()
        for k, distortion in enumerate(self.distortions, start=1):
            for i, own in enumerate(distortion_seeds(image_ids, distortion, self.seed)):
                pixels[k, i] = distortion(pixels[0, i], int(own))
        return frames.permute(0, 1, 4, 2, 3)


def batches_of(
    images: DistortedImages, loader: LoaderSettings, device: torch.device
) -> Iterator[torch.Tensor]:
    """The batches in order, made by worker processes where the model has a device of its own."""
    # on a processor the model takes all cores anyway, and starting workers would cost more than they do
    workers = 0 if device.type == "cpu" else loader.workers()
    for batch in DataLoader(images, batch_size=None, **worker_options(loader, workers)):
        if isinstance(batch, SkinTagError):
            raise batch
        yield batch
