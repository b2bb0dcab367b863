"""What a run leaves behind: predictions, thresholds, metrics, provenance, the printed table and the report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.console import Console

from skintag.config import instantiate
from skintag.evaluation.predictions import Predictions
from skintag.evaluation.table import run_table, write_outputs
from skintag.evaluation.thresholds import Threshold
from skintag.io import atomic_path, read_json, write_json
from skintag.models.lesion_module import LesionModule
from skintag.provenance import Stages, provenance
from skintag.run_parts import Parts
from skintag.tracking.log import log_results


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind."""

    folder: Path
    """The run folder."""
    predictions: Predictions
    """Val and test rows of every model of the run."""
    thresholds: dict[str, Threshold]
    """One per model, fitted on val."""


def finish(config: DictConfig, folder: Path, parts: Parts, stages: Stages) -> RunResult:
    """Write predictions, thresholds, metrics, provenance and report, and print the table."""
    with stages.stage("scoring"):
        predictions = collect_predictions(config, parts)
        predictions.write(folder / "predictions.parquet")
        settings = instantiate(config.evaluation)
        thresholds = write_outputs(folder, predictions, settings, caption=parts.caption)
    extracted = {"extraction": parts.stored.seconds} if parts.stored.seconds else {}
    for kind, timed in (
        ("activations", extracted),
        ("embeddings", parts.export.seconds),
        ("probe", parts.probing.seconds),
    ):
        for name, seconds in timed.items():
            stages.split("fit", f"{kind} {name}", seconds)
    write_provenance(config, folder, parts, stages)
    log_scores(parts.trainer, read_json(folder / "metrics.json"))
    table = run_table(predictions, thresholds, minimum=settings.minimum, caption=parts.caption)
    readable_console().print(table)
    with atomic_path(folder / "table.txt") as part, part.open("w") as stream:
        Console(file=stream, width=160).print(table)
    look_closer(config, folder, stages)
    print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in stages.seconds.items()))
    print(f"run folder: {folder}")
    write_provenance(config, folder, parts, stages)  # with the times of what came since
    log_results(folder, parts.trainer.loggers, config)  # after everything that writes into the folder
    return RunResult(folder, predictions, thresholds)


def write_provenance(config: DictConfig, folder: Path, parts: Parts, stages: Stages) -> None:
    """Write `provenance.json`."""
    view = parts.view
    data = {"name": config.data.name, "note": parts.caption, "shards": parts.data.store.fingerprint}
    written = provenance(
        seed=config.seed,
        stages=stages,
        data={**data, "view": {k: v for k, v in view.to_dict().items() if k != "audit"}},
        extra={
            "split_seed": config.split_seed,
            "start_folder": str(Path.cwd()),
            "started": parts.time.parts,
            "embeddings": parts.export.report,
            "activations": parts.stored.report,
            "probes": parts.probing.records,
        },
    )
    write_json(folder / "provenance.json", written)


def look_closer(config: DictConfig, folder: Path, stages: Stages) -> None:
    """Score distorted images and write the report, where the configuration asks for them."""
    alone = not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN
    wanted = {key: alone if config[key] == "auto" else config[key] for key in ("robustness", "report")}
    if wanted["robustness"]:
        with stages.stage("robustness"):
            from skintag.robustness import score_distorted
            from skintag.run_folder import RunFolder

            score_distorted(RunFolder(folder))
    if wanted["report"]:
        with stages.stage("report"):
            from skintag.evaluate import report_run

            report_run(folder)


def log_scores(trainer: pl.Trainer, metrics: dict[str, Any]) -> None:
    """Send the test metrics of every model to the loggers."""
    scores = {
        f"test/{model}/{name}": value
        for model, entry in metrics["models"].items()
        for name, value in entry["groups"]["overall"]["all"].items()
        if value is not None
    }
    for logger in trainer.loggers:
        logger.log_metrics(scores, step=trainer.global_step)
        logger.finalize("success")


def close_loggers(trainer: pl.Trainer) -> None:
    """End the W&B run, if there is one: else a sweep's next job would go on writing into it."""
    if "wandb" in sys.modules and any(type(logger).__name__ == "WandbLogger" for logger in trainer.loggers):
        sys.modules["wandb"].finish()


def collect_predictions(config: DictConfig, parts: Parts) -> Predictions:
    """The table of val and test rows: the fine-tuned head, then every probe."""
    frame, tables = parts.view.frame, []
    if config.fit or config.ckpt_path:
        embeddings = parts.export.embeddings
        tuned = embeddings["finetuned"] if "finetuned" in embeddings else embeddings["frozen"]
        rows = np.flatnonzero((frame["split"] != "train").to_numpy())
        malignant, conditions = head_scores(parts.module, tuned[rows])
        tables.append(Predictions.from_arrays(frame.iloc[rows], "head", malignant, conditions))
    for model, (scored, output) in parts.probing.outputs.items():
        tables.append(Predictions.from_arrays(frame.iloc[scored], model, output.malignant, output.conditions))
    if parts.variant.predictions is not None:
        tables += parts.variant.predictions(parts.view)
    return Predictions.concat(tables)


@torch.inference_mode()
def head_scores(
    module: LesionModule, embeddings: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The head's p_malignant [n] and p_condition [n, K] (None where it learns none) for embeddings [n, D]."""
    inputs = torch.from_numpy(embeddings).to(module.device)
    malignant, conditions = module.objective.probabilities(module.head(inputs))
    return malignant.cpu().numpy(), None if conditions is None else conditions.cpu().numpy()


def readable_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for the tables where the output goes to a file."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 120)
