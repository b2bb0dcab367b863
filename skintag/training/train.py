"""One training run, from settings to a scored run folder."""

from __future__ import annotations

import logging
import shlex
import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from skintag.core import stopping
from skintag.core.config import write_config
from skintag.core.console import readable_console, say
from skintag.core.errors import ConfigError
from skintag.core.io import write_json
from skintag.core.memory import keep_freed_memory
from skintag.core.provenance import Stages
from skintag.core.stopping import Stopped
from skintag.data.prepared.opening import ensure_prepared
from skintag.data.view.summary import view_summary
from skintag.data.view.view import View
from skintag.runs import state
from skintag.runs.groups import BACKBONE, made
from skintag.runs.settings import RunSettings
from skintag.runs.split_file import going_on, keep_split
from skintag.training.parts import Parts, Variant, put_together
from skintag.training.preflight import look_ahead, tell_duration
from skintag.training.results import RunResult, close_loggers, finish
from skintag.training.unfinished import complete, scored_before


def train(
    settings: RunSettings,
    folder: Path,
    variant: Variant | None = None,
    *,
    alone: bool = True,
    jobs: int = 1,
    last: bool = True,
) -> RunResult | None:
    """Train, score and report; on the further processes of a distributed run, None.

    A run that was scored with just these settings, and stopped before all was written, is not trained again: what is
    missing is made.

    Args:
        settings: what to do.
        folder: the run folder; `.hydra/config.yaml` in it says what was asked for, and is written where it is
            not there.
        variant: what is different in a run that is more than plain training.
        alone: whether this is no job of a sweep: what is set to `auto` is then done.
        jobs: of the sweep that it is a job of, for what is said of its duration.
        last: whether the run has finished with it; otherwise the caller says so (`skintag.runs.state`).
    """
    stages = Stages()
    quieten()
    if scored_before(settings, folder):
        first = getattr(rank_zero_only, "rank", 0) == 0
        return complete(settings, folder, stages, alone=alone, last=last) if first else None
    settings = going_on(settings, folder)
    look_ahead(settings)
    write_config(settings.values, folder)
    write_backbone(settings, folder)
    pl.seed_everything(settings.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    if not torch.cuda.is_available():
        keep_freed_memory()
    with stages.stage("data"):
        prepared = ensure_prepared(settings.data)
    with stages.stage("set-up"):
        parts = put_together(settings, folder, prepared, stages, variant)
    if parts.trainer.is_global_zero:
        announce(parts.view, folder)
        keep_split(settings, folder)
        tell_duration(settings, parts, jobs)
    try:
        with _stopped_by_a_signal(folder):
            with stages.stage("fit"):
                fit(settings, parts)
            if not parts.trainer.is_global_zero:
                return None
            return finish(settings, folder, parts, stages, alone=alone, last=last)
    finally:
        close_loggers(parts.trainer)


def write_backbone(settings: RunSettings, folder: Path) -> None:
    """Write the backbone's settings as they were looked up, where the configuration leaves something open."""
    if settings.backbone != made("backbone", settings.values["backbone"]):
        write_json(folder / BACKBONE, asdict(settings.backbone))


def fit(settings: RunSettings, parts: Parts) -> None:
    """Train.

    Raises:
        ConfigError: what Lightning itself refuses, e.g. `trainer.val_check_interval` above the number of batches.
    """
    try:
        parts.trainer.fit(
            parts.module, datamodule=parts.data, ckpt_path=settings.checkpoint, weights_only=True
        )
    except (ValueError, TypeError, MisconfigurationException) as error:
        raised_in = list(traceback.walk_tb(error.__traceback__))[-1][0].f_globals.get("__name__", "")
        if not raised_in.startswith("lightning.pytorch."):
            raise
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error


@contextmanager
def _stopped_by_a_signal(folder: Path) -> Iterator[None]:
    """Let what a signal breaks be `Stopped`, and say how to go on.

    The signal may reach loader workers first, and Lightning has a word of its own.
    """
    try:
        yield
    except (Stopped, SIGTERMException, Exception) as error:
        signum = stopping.asked() or (signal.SIGTERM if isinstance(error, SIGTERMException) else None)
        if signum is None:
            raise
        raise Stopped(signum, _how_to_go_on(folder)) from None


def _how_to_go_on(folder: Path) -> str:
    """What to type after the run was stopped; empty where nothing of it was saved."""
    if not (folder / "checkpoints" / "last.ckpt").is_file():
        return ""
    program = "distill" if (folder / "distillation.json").is_file() else "train"
    return f"go on with: skintag {program} {shlex.quote(f'resume={folder}')}"


def announce(view: View, folder: Path) -> None:
    """Say what will be trained and tested on, and write the leakage audit."""
    state.begin(folder)
    write_json(folder / "leakage_audit.json", view.audit.to_dict())
    console = readable_console(stderr=True)
    console.print(view_summary(view))
    console.print(view.audit.table())
    say(f"run folder: {folder}")


def quieten() -> None:
    """Keep Lightning's log to what a user can act on; the run prints its own progress."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for library in ("huggingface_hub", "timm", "urllib3", "httpx"):
        logging.getLogger(library).setLevel(logging.ERROR)  # what they try again is not for a user to read
    for noise in (
        "isinstance.treespec, LeafSpec.",
        "The number of training batches",
        "does not have many workers",
        "module.s. in eval mode",  # the frozen layers, on purpose
        "Checkpoint directory .* exists and is not empty",  # a resumed run's own
        "The dirpath has changed from",  # of a moved run folder: the best checkpoint is found all the same
    ):
        warnings.filterwarnings("ignore", message=f".*{noise}.*")
