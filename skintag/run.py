"""One training run, from configuration to a scored run folder."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from skintag.callbacks.embedding_export import EmbeddingExport
from skintag.callbacks.probe_fitting import ProbeFitting
from skintag.config import instantiate
from skintag.data.datamodule import LesionDataModule
from skintag.data.prepare import ensure_prepared
from skintag.data.view import GROUP_NAMES, View, build_view, view_summary
from skintag.errors import ConfigError
from skintag.evaluation.predictions import Predictions
from skintag.evaluation.table import run_table, write_outputs
from skintag.evaluation.thresholds import Threshold
from skintag.io import write_json
from skintag.models.backbone import Backbone
from skintag.models.lesion_module import LesionModule
from skintag.provenance import Stages, provenance
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


def train(config: DictConfig, folder: Path | None = None) -> RunResult | None:
    """Run `config` and return its result; on the further processes of a distributed run, None.

    Args:
        config: `configs/train.yaml`, composed.
        folder: the run folder; by default the one that Hydra made.
    """
    folder = folder or Path(HydraConfig.get().runtime.output_dir)
    stages = Stages()
    pl.seed_everything(config.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    with stages.stage("data"):
        prepared = ensure_prepared(config.data)
    with stages.stage("view"):
        view = view_of(config, prepared)
    console = Console(stderr=True)
    with stages.stage("set-up"):
        data = LesionDataModule(
            view=view,
            prepared=prepared,
            image_size=config.backbone.image_size,
            augmentation=instantiate(config.augment),
            seed=config.seed,
            **OmegaConf.to_container(config.loader, resolve=True),
        )
        module = module_of(config, view)
        callbacks = scoring_callbacks(config, folder)
        trainer = build_trainer(config, folder, callbacks)
    if trainer.is_global_zero:
        console.print(view_summary(view))
        write_json(folder / "leakage_audit.json", view.audit.to_dict())
        console.print(view.audit.table())
        print(f"run folder: {folder}", file=sys.stderr)
    with stages.stage("fit, export and probes"):
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint_to_resume(config), weights_only=True)
    if not trainer.is_global_zero:
        return None
    return finish(config, folder, view, data, module, callbacks, stages)


def view_of(config: DictConfig, prepared: Path) -> View:
    """The run's view of the prepared catalog; a leak that its split promises not to have stops the run."""
    from skintag.data.catalog import read_catalog

    catalog = read_catalog(prepared / "catalog.parquet")
    wanted = list(config.data.sources)
    absent = sorted(set(wanted) - set(catalog["dataset"].unique()))
    if absent:
        raise ConfigError(f"data.sources: {', '.join(absent)} is not in {prepared}; python -m skintag.prepare adds it")
    view = build_view(
        catalog[catalog["dataset"].isin(wanted)].reset_index(drop=True),
        instantiate(config.labels),
        instantiate(config.split),
        instantiate(config.balance),
        seed=config.split_seed,
        train_on=config.train_on,
    )
    return view


def module_of(config: DictConfig, view: View) -> LesionModule:
    """The LightningModule, with its backbone's weights loaded and locked."""
    return LesionModule(
        backbone=instantiate(config.backbone),
        finetune=instantiate(config.finetune),
        objective=instantiate(config.objective),
        optimizer=instantiate(config.optimizer),
        head=OmegaConf.to_container(config.head, resolve=True),
        n_conditions=view.n_conditions,
        n_groups=len(GROUP_NAMES),
        seed=config.seed,
        compile_backbone=config.compile,
    )


def scoring_callbacks(config: DictConfig, folder: Path) -> list[pl.Callback]:
    """Embedding export, then probe fitting."""
    backbone = instantiate(config.backbone)
    probes = OmegaConf.to_container(config.probe, resolve=True)
    export = EmbeddingExport(
        Path(config.paths.cache) / "embeddings",
        build_backbone=lambda: Backbone(backbone),
        features=list(config.callbacks.features),
        checkpoint=None if config.fit else config.ckpt_path,
    )
    return [export, ProbeFitting(probes, folder / "probes", config.seed)]


def checkpoint_to_resume(config: DictConfig) -> str | None:
    """The checkpoint to go on from: the resumed run's last one, or `ckpt_path`, or none."""
    if config.resume:
        return str(Path(config.resume) / "checkpoints" / "last.ckpt")
    return config.ckpt_path if config.fit else None


def finish(
    config: DictConfig,
    folder: Path,
    view: View,
    data: LesionDataModule,
    module: LesionModule,
    callbacks: list[pl.Callback],
    stages: Stages,
) -> RunResult:
    """Write predictions, thresholds, metrics and provenance, and print the table."""
    export, probing = callbacks
    assert isinstance(export, EmbeddingExport)
    assert isinstance(probing, ProbeFitting)
    with stages.stage("scoring"):
        predictions = collect_predictions(config, view, module, export, probing)
        predictions.write(folder / "predictions.parquet")
        settings = instantiate(config.evaluation)
        thresholds = write_outputs(folder, predictions, settings, caption=config.data_note)
    for name, seconds in probing.seconds.items():
        stages.add(f"  probe {name}", seconds)
    for name, seconds in export.seconds.items():
        stages.add(f"  embeddings {name}", seconds)
    written = provenance(
        seed=config.seed,
        stages=stages,
        data={"name": config.data.name, "note": config.data_note, "view": view.fingerprint, "shards": data.store.fingerprint},
        extra={"embeddings": export.report, "probes": probing.records},
    )
    write_json(folder / "provenance.json", written)
    Console().print(run_table(predictions, thresholds, minimum=settings.minimum, caption=config.data_note))
    print(f"run folder: {folder}")
    return RunResult(folder, predictions, thresholds)


def collect_predictions(
    config: DictConfig, view: View, module: LesionModule, export: EmbeddingExport, probing: ProbeFitting
) -> Predictions:
    """The table of val and test rows: the fine-tuned head, then every probe."""
    tables = []
    split = view.frame["split"].to_numpy()
    rows = np.flatnonzero((split == "val") | (split == "test"))
    if config.fit or config.ckpt_path:
        tuned = export.embeddings.get("finetuned", export.embeddings.get("frozen"))
        assert tuned is not None
        malignant, conditions = head_scores(module, tuned[rows])
        tables.append(Predictions.from_arrays(view.frame.iloc[rows], "head", malignant, conditions))
    for model, (scored, output) in probing.outputs.items():
        tables.append(Predictions.from_arrays(view.frame.iloc[scored], model, output.malignant, output.conditions))
    return Predictions.concat(tables)


@torch.inference_mode()
def head_scores(
    module: LesionModule, embeddings: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """The head's p_malignant [n] and p_condition [n, K] (None where it learns none) for embeddings [n, D]."""
    inputs = torch.from_numpy(embeddings).to(module.device)
    malignant, conditions = module.objective.probabilities(module.head(inputs))
    return malignant.cpu().numpy(), None if conditions is None else conditions.cpu().numpy()
