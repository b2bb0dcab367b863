"""One training run, from configuration to a scored run folder."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import lightning.pytorch as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from skintag.data.view import View, view_summary
from skintag.io import write_json
from skintag.memory import keep_freed_memory
from skintag.prepared import ensure_prepared
from skintag.provenance import Stages
from skintag.run_parts import Variant, checkpoint_to_resume, put_together
from skintag.run_results import RunResult, close_loggers, finish, readable_console
from skintag.run_settings import check_settings


def train(config: DictConfig, folder: Path | None = None, variant: Variant | None = None) -> RunResult | None:
    """Run `config` and return its result; on the further processes of a distributed run, None.

    Args:
        config: `configs/train.yaml`, composed.
        folder: the run folder; by default the one that Hydra made.
        variant: what is different in a run that is more than plain training.
    """
    folder = folder or Path(HydraConfig.get().runtime.output_dir)
    check_settings(config)
    stages = Stages()
    quieten()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    if not torch.cuda.is_available():
        keep_freed_memory()
    with stages.stage("data"):
        prepared = ensure_prepared(config.data)
    with stages.stage("set-up"):
        parts = put_together(config, folder, prepared, stages, variant)
    if parts.trainer.is_global_zero:
        announce(parts.view, folder)
    try:
        with stages.stage("fit"):
            checkpoint = checkpoint_to_resume(config)
            parts.trainer.fit(parts.module, datamodule=parts.data, ckpt_path=checkpoint, weights_only=True)
        return finish(config, folder, parts, stages) if parts.trainer.is_global_zero else None
    finally:
        close_loggers(parts.trainer)


def announce(view: View, folder: Path) -> None:
    """Say what will be trained and tested on, and write the leakage audit."""
    write_json(folder / "leakage_audit.json", view.audit.to_dict())
    console = readable_console(stderr=True)
    console.print(view_summary(view))
    console.print(view.audit.table())
    print(f"run folder: {folder}", file=sys.stderr, flush=True)


def quieten() -> None:
    """Keep Lightning's log to what a user can act on; the run prints its own progress."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for noise in (
        "isinstance.treespec, LeafSpec.",
        "The number of training batches",
        "does not have many workers",
        "module.s. in eval mode",  # the frozen layers, on purpose
        "Checkpoint directory .* exists and is not empty",  # a resumed run's own
        "The dirpath has changed from",  # of a moved run folder: the best checkpoint is found all the same
    ):
        warnings.filterwarnings("ignore", message=f".*{noise}.*")
