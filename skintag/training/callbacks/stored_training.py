"""Training on what the frozen layers make of images, where these are not augmented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch import LightningModule, Trainer
from numpy.typing import NDArray

from skintag.features.stored_inputs import CacheSettings, StoredInputs
from skintag.models.backbone import Backbone


class StoredTraining(pl.Callback):
    """Gives the data module stored activations or embeddings before any loader is made.

    They are computed with the weights that training begins with: at set-up, or once a checkpoint is restored.

    Args:
        root: folder of the stores of activations, shared by all runs.
        settings: whether to.
        embed: gives the embeddings of the view's rows for a fully frozen backbone and its fingerprint.
        wanted: whether the model can be trained on them at all.
    """

    def __init__(
        self,
        root: Path,
        settings: CacheSettings,
        embed: Callable[[Trainer, str, Backbone, str], NDArray[np.float32]],
        *,
        wanted: bool,
    ) -> None:
        self.inputs, self.wanted = StoredInputs(root, settings, embed), wanted

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and trainer.ckpt_path is None:
            self._give(trainer)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.state.fn == "fit":
            self._give(trainer)

    def _give(self, trainer: Trainer) -> None:
        if self.wanted:
            data, backbone = trainer.datamodule, trainer.lightning_module.backbone  # type: ignore[attr-defined]
            assert isinstance(backbone, Backbone)
            data.stored = self.inputs(trainer, data, backbone)
