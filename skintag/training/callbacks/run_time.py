"""The wall time of a run's stages travels with its checkpoints, so that a resumed run knows all its parts."""

from __future__ import annotations

from typing import Any, Final

import lightning.pytorch as pl
from lightning.pytorch import LightningModule, Trainer

from skintag.core.provenance import Stages

_KEY: Final = "skintag_seconds"


class RunTime(pl.Callback):
    """Writes the times so far into each checkpoint, and adds those of the parts before where a run is resumed.

    What came after the last checkpoint of a killed part is not counted: it is done again.

    Args:
        stages: of this part.
        resumed: whether the run goes on with its own checkpoint; another run's time is not its own.
    """

    def __init__(self, stages: Stages, *, resumed: bool) -> None:
        self.stages, self.resumed = stages, resumed
        self.parts = 1  # starts of the run, this one included

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[_KEY] = {"parts": self.parts, "stages": self.stages.so_far()}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self.resumed and _KEY in checkpoint:
            self.parts += checkpoint[_KEY]["parts"]
            for name, seconds in checkpoint[_KEY]["stages"].items():
                self.stages.add(name, seconds)
