"""What a run leaves behind: predictions, thresholds, metrics, provenance, the printed table and the report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
from rich.console import Console

from skintag.core.console import readable_console
from skintag.core.io import atomic_path, read_json, write_json
from skintag.core.provenance import Stages, provenance
from skintag.core.vocabulary import FINETUNED, FROZEN, HEAD
from skintag.evaluation.analyses.table import run_table, write_outputs
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.predictions.predictions import Predictions
from skintag.models.head_scores import head_scores
from skintag.runs import state
from skintag.runs.settings import RunSettings
from skintag.tracking.log import log_results
from skintag.tracking.session import logs_to_wandb
from skintag.training.parts import Parts


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind."""

    folder: Path
    """The run folder."""
    predictions: Predictions
    """Val and test rows of every model of the run."""
    thresholds: dict[str, Threshold]
    """One per model, fitted on val."""


def finish(
    settings: RunSettings, folder: Path, parts: Parts, stages: Stages, *, alone: bool, last: bool = True
) -> RunResult:
    """Write predictions, thresholds, metrics, provenance and report, and print the table."""
    with stages.stage("scoring"):
        predictions = collect_predictions(settings, parts)
        predictions.write(folder / "predictions.parquet")
        thresholds = write_outputs(folder, predictions, settings.evaluation, caption=parts.caption)
    extracted = {"extraction": parts.stored.inputs.seconds} if parts.stored.inputs.seconds else {}
    for kind, timed in (
        ("activations", extracted),
        ("embeddings", parts.export.seconds),
        ("probe", parts.probing.seconds),
    ):
        for name, seconds in timed.items():
            stages.split("fit", f"{kind} {name}", seconds)
    write_provenance(settings, folder, parts, stages)
    log_scores(parts.trainer, read_json(folder / "metrics.json"))
    table = run_table(predictions, thresholds, minimum=settings.evaluation.minimum, caption=parts.caption)
    readable_console().print(table)
    with atomic_path(folder / "table.txt") as part, part.open("w") as stream:
        Console(file=stream, width=160).print(table)
    state.done(folder, state.SCORES)
    look_closer(settings, folder, stages, alone=alone)
    print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in stages.seconds.items()))
    print(f"run folder: {folder}")
    write_provenance(settings, folder, parts, stages)  # with the times of what came since
    if last:
        state.done(folder, state.FINISHED)  # what W&B is sent can be sent again: skintag track
    log_results(folder, parts.trainer.loggers)  # after everything that writes into the folder
    return RunResult(folder, predictions, thresholds)


def write_provenance(settings: RunSettings, folder: Path, parts: Parts, stages: Stages) -> None:
    """Write `provenance.json`: data, seeds, versions, and the seconds of each stage."""
    view = parts.view
    data = {"name": settings.data.name, "note": parts.caption, "shards": parts.data.store.fingerprint}
    written = provenance(
        seed=settings.seed,
        stages=stages,
        data={**data, "view": {k: v for k, v in view.to_dict().items() if k != "audit"}},
        extra={
            "split_seed": settings.split_seed,
            "start_folder": str(Path.cwd()),
            "started": parts.time.parts,
            "embeddings": parts.export.report,
            "activations": parts.stored.inputs.report,
            "probes": parts.probing.records,
        },
    )
    write_json(folder / "provenance.json", written)


def look_closer(settings: RunSettings, folder: Path, stages: Stages, *, alone: bool) -> None:
    """Score distorted images and write the report, where the settings ask for them."""
    wanted = alone if settings.robustness == "auto" else settings.robustness
    if wanted and not state.made(folder, state.ROBUSTNESS):
        with stages.stage("robustness"):
            from skintag.runs.folder import RunFolder
            from skintag.runs.robustness import score_distorted

            score_distorted(RunFolder(folder))
        state.done(folder, state.ROBUSTNESS)
    wanted = alone if settings.report == "auto" else settings.report
    if wanted and not state.made(folder, state.REPORT):
        with stages.stage("report"):
            from skintag.runs.report import report_run

            report_run(folder)
        state.done(folder, state.REPORT)


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
    if "wandb" in sys.modules and any(map(logs_to_wandb, trainer.loggers)):
        sys.modules["wandb"].finish()


def collect_predictions(settings: RunSettings, parts: Parts) -> Predictions:
    """The table of val and test rows: the fine-tuned head, then every probe."""
    frame, tables = parts.view.frame, []
    if settings.fit or settings.ckpt_path:
        embeddings = parts.export.embeddings
        tuned = embeddings[FINETUNED if FINETUNED in embeddings else FROZEN]
        rows = np.flatnonzero((frame["split"] != "train").to_numpy())
        said = head_scores(parts.module, tuned[rows])
        tables.append(Predictions.from_arrays(frame.iloc[rows], HEAD, said.malignant, said.conditions))
    for model, (scored, output) in parts.probing.outputs.items():
        tables.append(Predictions.from_arrays(frame.iloc[scored], model, output.malignant, output.conditions))
    if parts.variant.predictions is not None:
        tables += parts.variant.predictions(parts.view)
    return Predictions.concat(tables)
