"""One training run, from configuration to a scored run folder."""

from __future__ import annotations

import logging
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from skintag.callbacks.embedding_export import EmbeddingExport
from skintag.callbacks.probe_fitting import ProbeFitting
from skintag.checkpoints import TrainedOn, refuse_seen_test_images
from skintag.config import instantiate
from skintag.data.catalog import read_catalog
from skintag.data.datamodule import LesionDataModule
from skintag.data.view import GROUP_NAMES, View, build_view, view_summary
from skintag.errors import ConfigError
from skintag.evaluation.predictions import Predictions
from skintag.evaluation.table import run_table, write_outputs
from skintag.evaluation.thresholds import Threshold
from skintag.io import atomic_path, read_json, write_json
from skintag.memory import keep_freed_memory
from skintag.models.backbone import Backbone
from skintag.models.lesion_module import LesionModule
from skintag.prepared import ensure_prepared, resolution_note
from skintag.provenance import Stages, provenance
from skintag.stored_inputs import CacheSettings, StoredInputs
from skintag.tracking.log import log_results
from skintag.trainer import build_trainer


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind."""

    folder: Path
    """The run folder."""
    predictions: Predictions
    """Val and test rows of every model of the run."""
    thresholds: dict[str, Threshold]
    """One per model, fitted on val."""


@dataclass(frozen=True)
class _Parts:
    """What a run is put together from."""

    view: View
    caption: str
    data: LesionDataModule
    module: LesionModule
    stored: StoredInputs
    export: EmbeddingExport
    probing: ProbeFitting
    trainer: pl.Trainer


def train(config: DictConfig, folder: Path | None = None) -> RunResult | None:
    """Run `config` and return its result; on the further processes of a distributed run, None.

    Args:
        config: `configs/train.yaml`, composed.
        folder: the run folder; by default the one that Hydra made.
    """
    folder = folder or Path(HydraConfig.get().runtime.output_dir)
    stages = Stages()
    quieten()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    if not torch.cuda.is_available():
        keep_freed_memory()
    with stages.stage("data"):
        prepared = ensure_prepared(config.data)
    with stages.stage("set-up"):
        parts = put_together(config, folder, prepared)
    if parts.trainer.is_global_zero:
        announce(parts.view, folder)
    try:
        with stages.stage("fit"):
            checkpoint = checkpoint_to_resume(config)
            parts.trainer.fit(parts.module, datamodule=parts.data, ckpt_path=checkpoint, weights_only=True)
        return finish(config, folder, parts, stages) if parts.trainer.is_global_zero else None
    finally:
        close_loggers(parts.trainer)


def put_together(config: DictConfig, folder: Path, prepared: Path) -> _Parts:
    """View, loaders, model, callbacks and trainer."""
    catalog = catalog_of(config, prepared)
    view = build_view(
        catalog,
        instantiate(config.labels),
        instantiate(config.split),
        instantiate(config.balance),
        seed=config.split_seed,
        train_on=config.train_on,
    )
    loader: dict[str, Any] = OmegaConf.to_container(config.loader, resolve=True)  # type: ignore[assignment]
    export = EmbeddingExport(
        Path(config.paths.cache) / "embeddings",
        build_backbone=lambda: first_backbone(config),
        features=list(config.callbacks.features),
        checkpoint=config.ckpt_path,
    )
    cache = CacheSettings(**OmegaConf.to_container(config.cache, resolve=True))  # type: ignore[arg-type]
    stored = StoredInputs(Path(config.paths.cache) / "activations", cache, export.embed)
    data = LesionDataModule(
        view=view,
        prepared=prepared,
        image_size=config.backbone.image_size,
        augmentation=instantiate(config.augment),
        seed=config.seed,
        inputs=stored if config.fit else None,
        **loader,
    )
    module = module_of(config, view)
    backbone = module.backbone.settings
    probes: dict[str, Any] = OmegaConf.to_container(config.probe, resolve=True)  # type: ignore[assignment]
    for late in (*probes.values(), config.evaluation):
        instantiate(late)  # so that a wrong value is said now, not after hours of training
    probing = ProbeFitting(probes, folder / "probes")
    for weights in (checkpoint_to_resume(config), config.ckpt_path, backbone.checkpoint):
        if weights:
            refuse_seen_test_images(view, weights)
    trainer = build_trainer(config, folder, [TrainedOn(view), export, probing])
    notes = [note for note in (config.data.note, resolution_note(catalog)) if note]
    return _Parts(view, "; ".join(notes), data, module, stored, export, probing, trainer)


def catalog_of(config: DictConfig, prepared: Path) -> pd.DataFrame:
    """The prepared catalog's rows of the datasets that the run asks for."""
    catalog = read_catalog(prepared / "catalog.parquet")
    absent = sorted(set(config.data.sources) - set(catalog["dataset"].unique()))
    if absent:
        raise ConfigError(
            f"data.sources: {', '.join(absent)} is not in {prepared}; python -m skintag.prepare adds it"
        )
    return catalog[catalog["dataset"].isin(list(config.data.sources))].reset_index(drop=True)


def module_of(config: DictConfig, view: View) -> LesionModule:
    """The LightningModule, with its backbone's weights loaded and locked."""
    return LesionModule(
        backbone=instantiate(config.backbone),
        finetune=instantiate(config.finetune),
        objective=instantiate(config.objective),
        optimizer=instantiate(config.optimizer),
        head=OmegaConf.to_container(config.head, resolve=True),  # type: ignore[arg-type]
        n_conditions=view.n_conditions,
        n_groups=len(GROUP_NAMES),
        seed=config.seed,
        compile_backbone=config.compile,
    )


def first_backbone(config: DictConfig) -> Backbone:
    """The backbone with the weights it has before training, locked as in training."""
    backbone = Backbone(instantiate(config.backbone))
    backbone.lock(**asdict(instantiate(config.finetune)))
    return backbone


def checkpoint_to_resume(config: DictConfig) -> str | None:
    """The checkpoint to go on from: the resumed run's last one, or `ckpt_path`, or none.

    Raises:
        ConfigError: `ckpt_path` names no file.
    """
    if config.ckpt_path and not Path(config.ckpt_path).is_file():
        raise ConfigError(f"ckpt_path={config.ckpt_path}: no such file")
    if config.resume:
        return str(Path(config.resume) / "checkpoints" / "last.ckpt")
    return config.ckpt_path if config.fit else None


def announce(view: View, folder: Path) -> None:
    """Say what will be trained and tested on, and write the leakage audit."""
    write_json(folder / "leakage_audit.json", view.audit.to_dict())
    console = readable_console(stderr=True)
    console.print(view_summary(view))
    console.print(view.audit.table())
    print(f"run folder: {folder}", file=sys.stderr, flush=True)


def finish(config: DictConfig, folder: Path, parts: _Parts, stages: Stages) -> RunResult:
    """Write predictions, thresholds, metrics and provenance, and print the table."""
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
    view = parts.view
    data = {"name": config.data.name, "note": parts.caption, "shards": parts.data.store.fingerprint}
    written = provenance(
        seed=config.seed,
        stages=stages,
        data={**data, "view": {k: v for k, v in view.to_dict().items() if k != "audit"}},
        extra={
            "split_seed": config.split_seed,
            "start_folder": str(Path.cwd()),
            "embeddings": parts.export.report,
            "activations": parts.stored.report,
            "probes": parts.probing.records,
        },
    )
    write_json(folder / "provenance.json", written)
    log_scores(parts.trainer, read_json(folder / "metrics.json"))
    table = run_table(predictions, thresholds, minimum=settings.minimum, caption=parts.caption)
    readable_console().print(table)
    with atomic_path(folder / "table.txt") as part, part.open("w") as stream:
        Console(file=stream, width=160).print(table)
    print("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in stages.seconds.items()))
    print(f"run folder: {folder}")
    log_results(folder, parts.trainer.loggers, config)  # after everything that writes into the folder
    return RunResult(folder, predictions, thresholds)


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


def collect_predictions(config: DictConfig, parts: _Parts) -> Predictions:
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
