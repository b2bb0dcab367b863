"""Checkpoints that a killed, moved or branched-off run can trust."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from skintag.core import stopping
from skintag.core.checksums import check_zip
from skintag.core.io import atomic_path
from skintag.data.view.seen import Seen
from skintag.runs.checkpoints import to_checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames. Lightning's own goes through the temporary folder, and where that
    is another file system the last step is a copy over the only checkpoint there is."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with atomic_path(path) as part:
            torch.save(checkpoint, part)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Compares the file's checksums first, which neither Lightning nor torch does."""
        check_zip(path)
        return super().load_checkpoint(path, map_location, weights_only)


class BestCheckpoint(ModelCheckpoint):
    """The checkpoint with the lowest validation loss, found again where the run folder was moved.

    Args:
        resumed: whether the run goes on with its own checkpoint. If not, a checkpoint only lends its weights
            and optimizer: its best score belongs to another run.
    """

    def __init__(self, *, resumed: bool, **options: Any) -> None:
        super().__init__(**options)
        self.resumed = resumed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if not self.resumed:
            return

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else path

        paths = {
            name: here(state_dict[name])
            for name in ("best_model_path", "kth_best_model_path", "last_model_path")
        }
        scores = {here(path): score for path, score in state_dict["best_k_models"].items()}
        moved = {**state_dict, **paths, "best_k_models": scores, "dirpath": self.dirpath}
        super().load_state_dict(moved)


class LastCheckpoint(ModelCheckpoint):
    """The checkpoint to resume from, never in the middle of an accumulation nor before an epoch's validation.

    Within an epoch one is left out if it would come so soon after the one before that writing takes more than
    a twentieth of the time: where a head alone learns, a hundred steps may be quicker than the disk. With several
    processes none is, for they would have to agree.

    Where a signal asks the run to end, one is written after the optimizer step under way, and the run ends.
    """

    _took, _ended = 0.0, float("-inf")  # of the last one written, seconds and time

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        began = time.monotonic()
        super()._save_checkpoint(trainer, filepath)
        self._ended = time.monotonic()
        self._took = self._ended - began

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        # Lightning forgets this on a resume, and would save again after the next micro-batch
        self._last_global_step_saved = trainer.global_step
        stopping.be_patient()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_end(trainer, pl_module)
        stopping.be_patient(False)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if _asked_to_end(trainer):  # the epoch before has its validation, and its checkpoint
            stopping.be_patient(False)

    def on_train_batch_end(self, trainer: Trainer, *rest: Any, **named: Any) -> None:
        loop = trainer.fit_loop.epoch_loop
        whole = not loop.batch_progress.is_last_batch and not loop._should_accumulate()
        if self._every_n_train_steps and whole and _asked_to_end(trainer):
            if not self._should_skip_saving_checkpoint(trainer):
                self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))
            stopping.be_patient(False)
        # At the last batch Lightning would count the epoch as done and, resumed, leave its validation out.
        too_soon = trainer.world_size == 1 and time.monotonic() < self._ended + 19 * self._took
        if not too_soon and not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch:
            super().on_train_batch_end(trainer, *rest, **named)


def _asked_to_end(trainer: Trainer) -> bool:
    """Whether a signal has asked this process, or another one of the run, to end."""
    asked = stopping.asked() is not None
    if trainer.world_size == 1 or not stopping.heeding():
        return asked
    return trainer.strategy.reduce_boolean_decision(asked, all=False)


class PatientStopping(EarlyStopping):
    """Early stopping that a resumed run remembers, with the patience that is asked for now."""

    def __init__(self, *, resumed: bool, **options: Any) -> None:
        super().__init__(**options)
        self.resumed = resumed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if self.resumed:
            super().load_state_dict({**state_dict, "patience": self.patience})

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        if self.wait_count >= self.patience:  # it had stopped before it was killed
            trainer.should_stop = True


class TrainedOn(pl.Callback):
    """Writes into each checkpoint which images its weights have seen, those of what the run begins from among them."""

    def __init__(self, seen: Seen) -> None:
        self._seen = to_checkpoint(seen)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint.update(self._seen)
