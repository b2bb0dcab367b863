"""What a run is put together from: view, loaders, model, callbacks and trainer, as the configuration says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
from omegaconf import DictConfig, OmegaConf

from skintag.callbacks.embedding_export import EmbeddingExport
from skintag.callbacks.probe_fitting import ProbeFitting
from skintag.callbacks.run_time import RunTime
from skintag.checkpoints import TrainedOn, check_fits, refuse_seen_test_images
from skintag.config import instantiate
from skintag.data.catalog import read_catalog
from skintag.data.datamodule import LesionDataModule
from skintag.data.view import GROUP_NAMES, View, build_view
from skintag.errors import ConfigError
from skintag.evaluation.predictions import Predictions
from skintag.models.backbone import Backbone
from skintag.models.lesion_module import LesionModule
from skintag.prepared import resolution_note
from skintag.provenance import Stages
from skintag.stored_inputs import CacheSettings, StoredInputs
from skintag.trainer import build_trainer


@dataclass(frozen=True)
class Variant:
    """What is different in a run that is more than plain training; as it stands, nothing is."""

    module: Callable[[DictConfig, View], LesionModule] | None = None
    """Makes the LightningModule; None: `module_of`."""
    train_image_size: int | None = None
    """Size of training images where it is not the backbone's, pixels."""
    callbacks: tuple[pl.Callback, ...] = ()
    """Further callbacks, before those that export and fit probes."""
    predictions: Callable[[View], list[Predictions]] | None = None
    """Gives further models' rows for the predictions table."""


@dataclass(frozen=True)
class Parts:
    """What a run is put together from."""

    view: View
    caption: str
    data: LesionDataModule
    module: LesionModule
    stored: StoredInputs
    export: EmbeddingExport
    probing: ProbeFitting
    time: RunTime
    trainer: pl.Trainer
    variant: Variant


def put_together(
    config: DictConfig, folder: Path, prepared: Path, stages: Stages, variant: Variant | None = None
) -> Parts:
    """View, loaders, model, callbacks and trainer.

    Raises:
        ConfigError: parts that do not go together, or weights that are not the model's or have seen its test
            images.
    """
    variant = variant or Variant()
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
        # what does not train a LesionModule as it stands may want the images themselves
        inputs=stored if config.fit and variant.module is None else None,
        train_image_size=variant.train_image_size,
        **loader,
    )
    module = (variant.module or module_of)(config, view)
    probes: dict[str, Any] = dict(config.probe or {})
    probes = {name: OmegaConf.to_container(probe, resolve=True) for name, probe in probes.items()}
    for late in (*probes.values(), config.evaluation):
        instantiate(late)  # so that a wrong value is said now, not after hours of training
    probing = ProbeFitting(probes, folder / "probes")
    for weights in dict.fromkeys((checkpoint_to_resume(config), config.ckpt_path)):
        if weights:
            check_fits(module, weights)
            refuse_seen_test_images(view, weights)
    if module.backbone.settings.checkpoint:
        refuse_seen_test_images(view, module.backbone.settings.checkpoint)
    time = RunTime(stages, resumed=bool(config.resume))
    trainer = build_trainer(config, folder, [*variant.callbacks, TrainedOn(view), time, export, probing])
    notes = [note for note in (config.data.note, resolution_note(catalog)) if note]
    return Parts(view, "; ".join(notes), data, module, stored, export, probing, time, trainer, variant)


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
    return LesionModule(**module_settings(config, view))


def module_settings(config: DictConfig, view: View) -> dict[str, Any]:
    """The arguments of LesionModule."""
    return {
        "backbone": instantiate(config.backbone),
        "finetune": instantiate(config.finetune),
        "objective": instantiate(config.objective),
        "optimizer": instantiate(config.optimizer),
        "head": OmegaConf.to_container(config.head, resolve=True),
        "n_conditions": view.n_conditions,
        "n_groups": len(GROUP_NAMES),
        "seed": config.seed,
        "compile_backbone": config.compile,
    }


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
