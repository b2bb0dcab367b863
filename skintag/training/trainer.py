"""The Lightning Trainer of a run: precision, accumulation, checkpoints, loggers, progress."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.fabric.plugins.environments import SLURMEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector

from skintag.core import stopping
from skintag.core.errors import ConfigError
from skintag.features.extraction import best_precision
from skintag.runs.settings import RunSettings
from skintag.runs.training_settings import CallbackSettings, WandbSettings
from skintag.tracking.session import is_disabled
from skintag.training.callbacks.epoch_bar import EpochBar
from skintag.training.callbacks.epoch_line import EpochLine
from skintag.training.checkpoints import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint, PatientStopping


def build_trainer(settings: RunSettings, folder: Path, callbacks: list[pl.Callback]) -> pl.Trainer:
    """A Trainer that writes into `folder`, with `callbacks` after SkinTag's own.

    Gradients are accumulated until all processes together have seen `trainer.effective_batch_size` samples.

    Raises:
        ConfigError: the effective batch is no multiple of what one step of all processes sees.
    """
    arguments = settings.trainer.arguments()
    arguments["precision"] = arguments["precision"] or best_precision(arguments["accelerator"])
    if not settings.fit:
        arguments["max_epochs"] = 0
    loggers = build_loggers(settings, folder)
    trainer = _trainer(
        **arguments,
        callbacks=[*own_callbacks(settings, folder, has_logger=bool(loggers)), *callbacks],
        logger=loggers,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=str(folder),
        use_distributed_sampler=False,  # ours knows the epoch, the rank and where a killed run stopped
        enable_progress_bar=shows_bar(settings.callbacks),
        enable_model_summary=False,
    )
    if stopping.heeding():
        trainer._signal_connector = _Signals(trainer)
    trainer.accumulate_grad_batches = accumulation(
        settings.trainer.effective_batch_size, settings.loader.batch_size, trainer.world_size
    )
    return trainer


class _Signals(_SignalConnector):
    """Leaves signals to `skintag.core.stopping`, but under SLURM, whose jobs Lightning knows how to requeue.

    Lightning's own handler ends a run with exit status 0.
    """

    def register_signal_handlers(self) -> None:
        environment = self.trainer._accelerator_connector.cluster_environment
        if isinstance(environment, SLURMEnvironment) and environment.auto_requeue:
            super().register_signal_handlers()
            return
        launcher = self.trainer.strategy.launcher
        if launcher is not None:  # the further processes of a distributed run
            stopping.tell(launcher.kill)


def _trainer(**arguments: Any) -> pl.Trainer:
    """Lightning's Trainer; what it refuses is a mistake in the configuration."""
    try:
        return pl.Trainer(**arguments)
    except (TypeError, ValueError, MisconfigurationException) as error:
        raise ConfigError(f"trainer: {str(error).splitlines()[0]}") from error


def accumulation(effective: int, batch_size: int, world_size: int) -> int:
    """Batches per optimizer step, so that `batch_size * world_size * result` is the effective batch."""
    step = batch_size * world_size
    if effective % step:
        raise ConfigError(
            f"trainer.effective_batch_size={effective} is no multiple of loader.batch_size x processes "
            f"({batch_size} x {world_size} = {step}): set it to {max(step, effective // step * step)}, "
            f"or set loader.batch_size={max(1, effective // world_size)}"
        )
    return effective // step


def own_callbacks(settings: RunSettings, folder: Path, *, has_logger: bool) -> list[pl.Callback]:
    """Best and last checkpoint, early stopping, progress.

    The best comes first, for the first is what Lightning calls the trainer's checkpoint callback.
    """
    every_steps, resumed = settings.callbacks.checkpoint_every_steps, bool(settings.resume)
    keep: dict[str, Any] = {
        "dirpath": str(folder / "checkpoints"), "save_top_k": 1, "enable_version_counter": False,
    }  # fmt: skip
    made: list[pl.Callback] = [
        BestCheckpoint(filename="best", monitor="val/loss", mode="min", resumed=resumed, **keep),
        # one file, written in mid-epoch and at the end of each epoch
        LastCheckpoint(filename="last", every_n_train_steps=every_steps, **keep),
        LastCheckpoint(filename="last", every_n_epochs=1, save_on_train_epoch_end=True, **keep),
        EpochLine(),
    ]
    patience = settings.callbacks.patience
    if patience is not None:
        made.append(PatientStopping(monitor="val/loss", mode="min", patience=patience, resumed=resumed))
    if has_logger:
        made.append(LearningRateMonitor(logging_interval="step"))
    if shows_bar(settings.callbacks):
        made.append(EpochBar(leave=False))
    return made


def shows_bar(settings: CallbackSettings) -> bool:
    """Whether a moving progress bar makes sense: asked for, or `auto` on a terminal."""
    return sys.stderr.isatty() if settings.progress_bar == "auto" else settings.progress_bar


def build_loggers(settings: RunSettings, folder: Path) -> list[Logger]:
    """CSV, TensorBoard and W&B loggers, as the settings ask; W&B stays offline unless a key is set."""
    loggers: list[Logger] = []
    if settings.logger.csv:
        loggers.append(CSVLogger(str(folder), name="", version=_free_name(folder, "csv")))
    if settings.logger.tensorboard:
        loggers.append(TensorBoardLogger(str(folder), name="", version="tensorboard"))
    if settings.logger.wandb is not None and not is_disabled():
        loggers.append(_wandb(settings, settings.logger.wandb, folder))
    return loggers


def _wandb(settings: RunSettings, asked: WandbSettings, folder: Path) -> Logger:
    from skintag.tracking.grouping import group_of
    from skintag.tracking.logger import PatientWandbLogger
    from skintag.tracking.session import run_id

    return PatientWandbLogger(
        save_dir=str(folder),
        name=f"{settings.name}-{folder.name}",
        id=run_id(folder),  # a resumed run goes on in its own W&B run, and so do its results
        job_type="train",
        config=dict(settings.values),
        project=asked.project,
        entity=asked.entity,
        group=asked.group or group_of(folder, settings.name),
        tags=list(asked.tags),
        **asked.more,
    )


def _free_name(folder: Path, name: str) -> str:
    """`name`, or `name_2`, ... where it is taken: Lightning's CSVLogger empties a folder that it finds."""
    taken = {p.name for p in folder.glob(f"{name}*")} if folder.is_dir() else set()
    return (
        name
        if name not in taken
        else next(f"{name}_{i}" for i in range(2, 10_000) if f"{name}_{i}" not in taken)
    )
