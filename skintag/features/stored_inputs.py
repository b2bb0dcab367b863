"""What a model is trained on where its frozen layers would compute the same again in every epoch of every run.

Without augmentation an image always gives the same activations behind the frozen layers. They are computed
once, kept under `paths.cache`, and gathered in place of images: embeddings where the whole backbone is frozen,
else what enters the first learning stage.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor

from skintag.core.errors import ConfigError
from skintag.core.vocabulary import FROZEN
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.loading.loader import Inputs
from skintag.features.activations import ActivationKey, ActivationStore, dtype_name
from skintag.features.content_store import Found
from skintag.features.extraction import arithmetic_of, chunks_with, extract, preprocessing_of
from skintag.models.backbone import Backbone

_GB: Final = 10**9


@dataclass(frozen=True)
class CacheSettings:
    """Whether to train on stored activations (`cache` in configs/train.yaml)."""

    activations: bool | Literal["auto"] = "auto"
    """`auto`: where training images are not augmented and they fit; true: or stop; false: never."""
    max_gb: float = 20.0
    """Largest size of one trunk's activations on disk, 10^9 bytes."""

    def __post_init__(self) -> None:
        if self.activations not in (True, False, "auto"):
            raise ConfigError(f"cache.activations={self.activations!r}: expected auto, true or false")
        if isinstance(self.max_gb, bool) or not isinstance(self.max_gb, int | float) or self.max_gb < 0:
            raise ConfigError(f"cache.max_gb={self.max_gb!r}: expected a number of gigabytes")


@dataclass(frozen=True)
class Embeddings:
    """The embedding of every row of the view."""

    values: NDArray[np.float32]
    """[n, D]."""
    name: str = "embedding"

    def take(self, rows: NDArray[np.int64]) -> Tensor:
        """Of the view's rows [B], float32 [B, D]."""
        return torch.from_numpy(self.values[rows])


@dataclass(frozen=True)
class Activations:
    """What the trunk gave for the images of a view, on disk."""

    store: ActivationStore
    """Where they lie."""
    located: Found
    """The place in it of every image of the shards."""
    positions: NDArray[np.int64]
    """Position in the shards of every row of the view."""
    name: str = "activation"

    def take(self, rows: NDArray[np.int64]) -> Tensor:
        """Of the view's rows [B], [B, ...]."""
        return self.store.take(self.located, self.positions[rows])

    def chunks(self, chunks: Sequence[NDArray[np.int64]]) -> Iterator[Tensor]:
        """Of each group of positions in the shards."""
        return (self.store.take(self.located, chunk) for chunk in chunks)

    def made_by(self, backbone: Backbone) -> bool:
        """Whether they are the output of this backbone's trunk."""
        return self.store.key.trunk == backbone.trunk_fingerprint()


class StoredInputs:
    """Finds, or computes, what takes the place of training and validation images.

    Args:
        root: folder of the stores of activations, shared by all runs.
        settings: whether to.
        embed: gives the embeddings of the view's rows for a fully frozen backbone and its fingerprint.
    """

    def __init__(
        self,
        root: Path,
        settings: CacheSettings,
        embed: Callable[[Trainer, str, Backbone, str], NDArray[np.float32]],
    ) -> None:
        self.root, self.settings, self.embed = root, settings, embed
        self.seconds = 0.0
        self.report: dict[str, int | str] = {}

    def __call__(self, trainer: Trainer, data: LesionDataModule, backbone: Backbone) -> Inputs | None:
        """To be called by all ranks, once the model's weights are those that training begins with.

        Raises:
            ConfigError: the settings demand what cannot be.
        """
        if self.settings.activations is False:
            return None
        reason = _impossible(data, backbone)
        if reason is None:
            backbone.to(trainer.strategy.root_device)
            if backbone.fully_frozen:
                weights = backbone.weights_fingerprint()
                return Embeddings(self.embed(trainer, weights, backbone, FROZEN))
            began = time.perf_counter()
            store = ActivationStore(self.root, _key(trainer, data, backbone))
            reason = self._fill(trainer, data, backbone, store)
            self.seconds = time.perf_counter() - began
            if reason is None:
                located = store.locate(data.store.sha256)
                return Activations(store, located, data.row_positions())
            if trainer.is_global_zero:
                print(f"activations are not kept: {reason}; the trunk runs in every epoch", file=sys.stderr)
        if self.settings.activations is True:
            raise ConfigError(f"cache.activations=true: {reason}; set it to auto, or change that")
        return None

    def _fill(
        self, trainer: Trainer, data: LesionDataModule, backbone: Backbone, store: ActivationStore
    ) -> str | None:
        """Put what is lacking into the store; the reason if there is no room for it."""
        wanted = data.row_positions()
        found = store.locate(data.store.sha256[wanted]).found
        chunks = chunks_with(data, wanted, ~found)
        every, lacking = (int(sum(map(len, c))) for c in (chunks_with(data, wanted, found | True), chunks))
        row_bytes = _probe(trainer, backbone).nbytes
        reason = self._no_room(every * row_bytes, lacking * row_bytes)
        # one answer for all ranks, and none writes before all have looked
        reason = trainer.strategy.broadcast(reason)
        if reason is not None:
            return reason
        if chunks:
            mine = chunks[trainer.global_rank :: trainer.world_size]
            batches = data.image_batches(mine)
            run, add = backbone.forward_trunk, store.add_tensor
            extract(trainer, data, mine, batches, run, add, f"activations of {backbone.trunk_length} stages")
        trainer.strategy.barrier("activations")
        self.report = {"extracted": lacking, "reused": int(found.sum()), "store": store.key.digest}
        if trainer.is_global_zero:
            size = every * row_bytes / _GB
            print(
                f"activations: extracted {lacking:,}, reused {int(found.sum()):,} ({size:.2f} GB)",
                file=sys.stderr,
            )
        return None

    def _no_room(self, size: int, lacking: int) -> str | None:
        """Why activations of `size` bytes, of which `lacking` are to be written, cannot be kept."""
        if size > self.settings.max_gb * _GB:
            return f"{size / _GB:.2f} GB are over cache.max_gb={self.settings.max_gb:g}"
        self.root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.root).free
        if lacking > 0.9 * free:
            return f"{lacking / _GB:.2f} GB do not fit on the disk of {self.root} ({free / _GB:.2f} GB free)"
        return None


def _impossible(data: LesionDataModule, backbone: Backbone) -> str | None:
    """Why training cannot run on stored activations; None where it can."""
    if data.loader.mode != "indexed":
        return f"loader.mode={data.loader.mode} reads images"
    if data.train_pipeline.image_size != data.pipeline.image_size:
        return "training images are of another size than those of validation"
    if not data.train_pipeline.one_for_all:
        return "training images are augmented, or cut otherwise than in validation"
    if backbone.trunk_length == 0:
        return "no layer before the first one that learns is frozen"
    return None


def _key(trainer: Trainer, data: LesionDataModule, backbone: Backbone) -> ActivationKey:
    return ActivationKey(
        backbone.trunk_fingerprint(),
        preprocessing_of(data, backbone),
        arithmetic_of(trainer),
        dtype_name(_probe(trainer, backbone)),
    )


@torch.inference_mode()
def _probe(trainer: Trainer, backbone: Backbone) -> Tensor:
    """The trunk's output for one black image, [1, ...]: its type and size."""
    side = backbone.settings.image_size
    image = torch.zeros((1, 3, side, side), dtype=torch.uint8, device=trainer.strategy.root_device)
    with trainer.precision_plugin.forward_context():
        return backbone.forward_trunk(image)
