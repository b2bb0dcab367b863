"""Embeddings of the best checkpoint, and of the backbone as it came, from the content-addressed store."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray

from skintag.data.datamodule import LesionDataModule
from skintag.embeddings import EmbeddingKey, EmbeddingStore
from skintag.errors import ConfigError
from skintag.hashing import content_key
from skintag.models.backbone import Backbone
from skintag.progress import track

FEATURES = ("finetuned", "frozen")
_FLUSH_EVERY = 2048  # images between two writes: what a kill during the export can lose


class EmbeddingExport(pl.Callback):
    """After `fit`, load the best checkpoint and look up or compute an embedding for every row of the view.

    Images are embedded in fixed chunks of the shards (not of the view), so an image's embedding is the same
    to the last bit whichever view asked for it and however many processes share the work; a chunk is
    computed only if it holds a wanted image that the store lacks.

    Args:
        root: folder of the store, shared by all runs.
        build_backbone: makes the backbone with the weights it had before training.
        features: what to export, of `finetuned` (the best checkpoint) and `frozen` (before training).
        checkpoint: weights to load where nothing was trained (`fit=false`).
    """

    def __init__(
        self,
        root: Path,
        build_backbone: Callable[[], Backbone],
        features: Sequence[str] = FEATURES,
        checkpoint: str | None = None,
    ) -> None:
        if not features:
            raise ConfigError("callbacks.features is empty: expected finetuned, frozen or both")
        unknown = sorted(set(features) - set(FEATURES))
        if unknown:
            known = ", ".join(FEATURES)
            raise ConfigError(f"callbacks.features={list(features)}: {unknown[0]!r} is none of {known}")
        self.root, self.build_backbone, self.features = root, build_backbone, tuple(features)
        self.checkpoint = checkpoint
        self.seconds: dict[str, float] = {}  # feature -> wall time of its export
        self.embeddings: dict[str, NDArray[np.float32]] = {}  # feature -> [rows of the view, D]
        self.report: dict[str, dict[str, int | str]] = {}  # feature -> what was extracted and what reused
        self._frozen_weights = ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # Before a checkpoint is restored: these are the weights that the run began with, resumed or not.
        if stage == "fit":
            self._frozen_weights = _backbone(pl_module).weights_fingerprint()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning has torn the strategy down by now, and moved the model to the processor
        device = trainer.strategy.root_device
        pl_module.to(device)
        load_best(trainer, pl_module, self.checkpoint)
        backbone = _backbone(pl_module)
        tuned_weights = backbone.weights_fingerprint()
        wanted = list(dict.fromkeys(("finetuned", *self.features)))  # the head is scored on them
        if tuned_weights == self._frozen_weights:
            wanted = ["frozen"]  # nothing in the backbone has moved: the two are one
        for feature in wanted:
            weights = tuned_weights if feature == "finetuned" else self._frozen_weights
            same = weights == tuned_weights
            began = time.perf_counter()
            self._export(trainer, feature, weights, backbone if same else None, device)
            self.seconds[feature] = time.perf_counter() - began

    def for_probes(self) -> dict[str, NDArray[np.float32]]:
        """The embeddings that probes are fitted on: those asked for, or `frozen` where nothing was learned."""
        asked = {name: self.embeddings[name] for name in self.features if name in self.embeddings}
        return asked or dict(self.embeddings)

    def _export(
        self, trainer: Trainer, feature: str, weights: str, backbone: Backbone | None, device: torch.device
    ) -> None:
        data = _data(trainer)
        # what the loader does to an image, then what the backbone does to it before its first layer
        normalisation = _backbone(trainer.lightning_module).preprocessing_fingerprint()
        preprocessing = content_key(data.preprocessing_fingerprint(), normalisation)
        arithmetic = f"{trainer.precision}/{device.type}/{torch.get_float32_matmul_precision()}"
        store = EmbeddingStore(self.root, EmbeddingKey(weights, preprocessing, arithmetic))
        wanted = data.row_positions()  # position in the shards of every row of the view
        hashes = data.store.sha256
        found, _ = store.lookup(hashes[wanted])
        missing = np.zeros(len(hashes), dtype=bool)
        missing[wanted[~found]] = True
        chunks = [c for c in data.chunks() if missing[c].any()]
        trainer.strategy.barrier("embedding look-up")  # every rank has looked before any rank writes
        if chunks:
            model = backbone if backbone is not None else self.build_backbone().to(device)
            mine = chunks[trainer.global_rank :: trainer.world_size]
            _extract(trainer, model, mine, store, feature, device)
        trainer.strategy.barrier("embedding export")
        array = store.fetch(hashes[wanted])
        extracted = int(sum(len(c) for c in chunks))
        self.embeddings[feature] = array
        self.report[feature] = {"extracted": extracted, "reused": int(found.sum()), "weights": weights}
        if trainer.is_global_zero:
            reused = int(found.sum())
            print(f"embeddings, {feature}: extracted {extracted:,}, reused {reused:,}", file=sys.stderr)


def _data(trainer: Trainer) -> LesionDataModule:
    return trainer.datamodule  # type: ignore[attr-defined]


def _backbone(pl_module: LightningModule) -> Backbone:
    backbone = pl_module.backbone
    assert isinstance(backbone, Backbone)
    return backbone


def load_best(trainer: Trainer, pl_module: LightningModule, otherwise: str | None = None) -> None:
    """Load the checkpoint with the lowest validation loss into the module, and set it to eval mode.

    Where this run made none, `otherwise` is loaded, and without that the module stays as it is.
    """
    best = getattr(trainer.checkpoint_callback, "best_model_path", "") or otherwise
    if best:
        checkpoint = torch.load(best, map_location=pl_module.device, weights_only=True)
        pl_module.on_load_checkpoint(checkpoint)
        pl_module.load_state_dict(checkpoint["state_dict"], strict=True)
    pl_module.eval()


@torch.inference_mode()
def _extract(
    trainer: Trainer,
    backbone: Backbone,
    chunks: Sequence[NDArray[np.int64]],
    store: EmbeddingStore,
    feature: str,
    device: torch.device,
) -> None:
    """Embed this process's chunks and add them to the store."""
    data = _data(trainer)
    backbone.eval()
    hashes: list[NDArray[np.object_]] = []
    arrays: list[NDArray[np.float32]] = []
    waiting = 0

    def flush() -> None:
        nonlocal waiting
        if hashes:
            store.add(np.concatenate(hashes), np.concatenate(arrays))
            hashes.clear()
            arrays.clear()
            waiting = 0

    batches: Iterable[Any] = zip(chunks, data.image_batches(chunks), strict=True)
    if trainer.is_global_zero:
        batches = track(batches, f"embedding ({feature})", total=len(chunks))
    for positions, images in batches:
        with trainer.precision_plugin.forward_context():
            output = backbone(images.to(device, non_blocking=True))
        arrays.append(output.float().cpu().numpy())
        hashes.append(data.store.sha256[positions])
        waiting += len(positions)
        if waiting >= _FLUSH_EVERY:
            flush()
    flush()
