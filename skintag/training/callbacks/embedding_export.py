"""Embeddings of the best checkpoint, and of the backbone as it came, from the content-addressed store."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray
from torch import Tensor

from skintag.core.vocabulary import FEATURES, FINETUNED, FROZEN
from skintag.data.loading.datamodule import LesionDataModule
from skintag.features.embeddings import EmbeddingKey, EmbeddingStore
from skintag.features.extraction import arithmetic_of, chunks_with, extract, preprocessing_of
from skintag.features.stored_inputs import Activations
from skintag.models.backbone import Backbone
from skintag.models.torch_files import load_checkpoint


class EmbeddingExport(pl.Callback):
    """After `fit`, load the best checkpoint and look up or compute an embedding for every row of the view.

    A chunk of images (see `skintag.features.extraction`) is computed only if it holds a wanted image that the store
    lacks, and from the stored activations of the trunk where the run was trained on them.

    Args:
        root: folder of the store, shared by all runs.
        build_backbone: makes the backbone with the weights it had before training, locked as in training.
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
        self.root, self.build_backbone, self.features = root, build_backbone, tuple(features)
        self.checkpoint = checkpoint
        self.seconds: dict[str, float] = {}  # feature -> wall time of its export
        self.embeddings: dict[str, NDArray[np.float32]] = {}  # feature -> [rows of the view, D]
        self.report: dict[str, dict[str, int | str]] = {}  # feature -> what was extracted and what reused
        self._frozen_weights = ""
        self._done: dict[str, tuple[NDArray[np.float32], dict[str, int | str]]] = {}  # by weights

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
        wanted = list(dict.fromkeys((FINETUNED, *self.features)))  # the head is scored on them
        if tuned_weights == self._frozen_weights:
            wanted = [FROZEN]  # nothing in the backbone has moved: the two are one
        for feature in wanted:
            weights = tuned_weights if feature == FINETUNED else self._frozen_weights
            self.embeddings[feature] = self.embed(
                trainer, weights, backbone if weights == tuned_weights else None, feature
            )
            self.report[feature] = self._done[weights][1]

    def for_probes(self) -> dict[str, NDArray[np.float32]]:
        """The embeddings that probes are fitted on: those asked for, or `frozen` where nothing was learned."""
        asked = {name: self.embeddings[name] for name in self.features if name in self.embeddings}
        return asked or dict(self.embeddings)

    def embed(
        self, trainer: Trainer, weights: str, backbone: Backbone | None, feature: str
    ) -> NDArray[np.float32]:
        """Embeddings of every row of the view, float32 [n, D]; to be called by all ranks.

        Args:
            trainer: that fits, or has fitted.
            weights: fingerprint of the backbone's.
            backbone: with these weights, on the trainer's device; None: the one from before training.
            feature: what they are called.
        """
        if weights in self._done:
            return self._done[weights][0]
        began = time.perf_counter()
        data = _data(trainer)
        preprocessing = preprocessing_of(data, _backbone(trainer.lightning_module))
        key = EmbeddingKey(weights, preprocessing, arithmetic_of(trainer))
        store = EmbeddingStore(self.root, key)
        wanted = data.row_positions()  # position in the shards of every row of the view
        found, _ = store.lookup(data.store.sha256[wanted])
        chunks = chunks_with(data, wanted, ~found)
        trainer.strategy.barrier("embedding look-up")  # every rank has looked before any rank writes
        if chunks:
            model = backbone or self.build_backbone().to(trainer.strategy.root_device)
            self._extract(trainer, model, chunks[trainer.global_rank :: trainer.world_size], store, feature)
        trainer.strategy.barrier("embedding export")
        array = store.fetch(data.store.sha256[wanted])
        extracted, reused = int(sum(len(c) for c in chunks)), int(found.sum())
        report: dict[str, int | str] = {"extracted": extracted, "reused": reused, "weights": weights}
        self._done[weights] = array, {**report, "store": key.digest}
        self.seconds[feature] = time.perf_counter() - began
        if trainer.is_global_zero:
            print(f"embeddings, {feature}: extracted {extracted:,}, reused {reused:,}", file=sys.stderr)
        return array

    def _extract(
        self,
        trainer: Trainer,
        backbone: Backbone,
        chunks: list[NDArray[np.int64]],
        store: EmbeddingStore,
        feature: str,
    ) -> None:
        data = _data(trainer)
        inputs = data.stored
        batches: Iterable[Tensor] = data.image_batches(chunks)
        run: Callable[[Tensor], Tensor] = backbone
        if isinstance(inputs, Activations) and inputs.made_by(backbone):
            batches, run = inputs.chunks(chunks), backbone.forward_tail

        def add(hashes: NDArray[np.object_], rows: Tensor) -> None:
            store.add(hashes, rows.numpy())

        training = backbone.training
        backbone.eval()
        extract(trainer, data, chunks, batches, run, add, f"embedding ({feature})")
        backbone.train(training)


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
        checkpoint = load_checkpoint(best, map_location=pl_module.device)
        pl_module.on_load_checkpoint(checkpoint)
        pl_module.load_state_dict(checkpoint["state_dict"], strict=True)
    pl_module.eval()
