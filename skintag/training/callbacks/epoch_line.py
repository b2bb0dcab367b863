"""One readable line per epoch, and the throughput in the logs."""

from __future__ import annotations

import sys
import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch import LightningModule, Trainer


class EpochLine(pl.Callback):
    """Print loss, validation scores and images per second after each epoch, and log the throughput.

    `throughput/images_per_second` counts the images of this process times the number of processes, over the
    wall time between the first batch and the end of the training epoch (validation not included).
    """

    def __init__(self) -> None:
        self._images, self._began, self._speed = 0, 0.0, float("nan")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._images, self._began = 0, time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: dict[str, Any],
        batch_idx: int,
    ) -> None:
        self._images += len(batch["target"])
        self._speed = self._images * trainer.world_size / max(time.perf_counter() - self._began, 1e-9)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log("throughput/images_per_second", self._speed, rank_zero_only=True)
        if not trainer.is_global_zero:
            return
        scores = trainer.callback_metrics
        names = [name for name in ("train/loss", "val/loss", "val/auroc") if name in scores]
        shown = [f"{name} {float(scores[name]):.4f}" for name in names]
        line = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}  " + "  ".join(shown)
        print(f"{line}  {self._speed:.0f} images/s", file=sys.stderr, flush=True)
