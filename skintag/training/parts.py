"""What a run is put together from: view, loaders, model, callbacks and trainer, as its settings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import lightning.pytorch as pl

from skintag.core.provenance import Stages
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.prepared.opening import resolution_note
from skintag.data.view.audit import seen_before
from skintag.data.view.seen import Seen, refuse_seen
from skintag.data.view.view import View
from skintag.evaluation.predictions.predictions import Predictions
from skintag.models.lesion_module import LesionModule
from skintag.models.pretraining import seen_in_pretraining
from skintag.runs.checkpoints import check_fits, seen_in
from skintag.runs.settings import RunSettings
from skintag.training.callbacks.embedding_export import EmbeddingExport
from skintag.training.callbacks.probe_fitting import ProbeFitting
from skintag.training.callbacks.run_time import RunTime
from skintag.training.callbacks.stored_training import StoredTraining
from skintag.training.checkpoints import TrainedOn
from skintag.training.trainer import build_trainer


@dataclass(frozen=True)
class Variant:
    """What is different in a run that is more than plain training; as it stands, nothing is."""

    module: Callable[[View], LesionModule] | None = None
    """Makes the LightningModule; None: `RunSettings.module`."""
    train_image_size: int | None = None
    """Size of training images where it is not the backbone's, pixels."""
    callbacks: tuple[pl.Callback, ...] = ()
    """Further callbacks, before those that export and fit probes."""
    predictions: Callable[[View], list[Predictions]] | None = None
    """Gives further models' rows for the predictions table."""
    lent: Mapping[str, Seen] = field(default_factory=dict)
    """What others that it learns from, teachers, have seen: by what to call them."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a run is put together from."""

    view: View
    """Which images, in which split."""
    caption: str
    """What has to stand beside every figure."""
    data: LesionDataModule
    """The images."""
    module: LesionModule
    """What is trained."""
    stored: StoredTraining
    """What takes the place of training images, where it can."""
    export: EmbeddingExport
    """Embeddings of every image, after training."""
    probing: ProbeFitting
    """Probes on them."""
    time: RunTime
    """Seconds of each stage, over all parts of a resumed run."""
    trainer: pl.Trainer
    """What runs it all."""
    variant: Variant
    """What is different from plain training."""


def put_together(
    settings: RunSettings, folder: Path, prepared: Path, stages: Stages, variant: Variant | None = None
) -> Parts:
    """View, loaders, model, callbacks and trainer.

    Raises:
        ConfigError: parts that do not go together, or weights that are not the model's or have seen its test
            images.
    """
    variant = variant or Variant()
    catalog = settings.catalog(prepared)
    view = settings.view(catalog)
    export, stored = _features(settings, variant)
    data = settings.data_module(view, prepared, train_image_size=variant.train_image_size)
    module = (variant.module or settings.module)(view)
    seen = _check_weights(settings, view, module, variant)
    before = seen_before(view.frame, seen.pretraining)
    view = replace(view, audit=replace(view.audit, pretraining=before))
    probing = ProbeFitting(settings.probes, folder / "probes")
    time = RunTime(stages, resumed=bool(settings.resume))
    callbacks = [*variant.callbacks, TrainedOn(seen), time, stored, export, probing]
    notes = [note for note in (settings.data.note, resolution_note(catalog)) if note]
    notes += [entry.text for entry in before]
    return Parts(
        view=view,
        caption="; ".join(notes),
        data=data,
        module=module,
        stored=stored,
        export=export,
        probing=probing,
        time=time,
        trainer=build_trainer(settings, folder, callbacks),
        variant=variant,
    )


def _features(settings: RunSettings, variant: Variant) -> tuple[EmbeddingExport, StoredTraining]:
    """What exports embeddings, and what takes the place of training images where it can."""
    export = EmbeddingExport(
        settings.paths.embeddings,
        build_backbone=settings.first_backbone,
        features=settings.callbacks.features,
        checkpoint=settings.ckpt_path,
    )
    # what does not train a LesionModule as it stands may want the images themselves
    wanted = settings.fit and variant.module is None
    stored = StoredTraining(settings.paths.activations, settings.cache, export.embed, wanted=wanted)
    return export, stored


def _check_weights(settings: RunSettings, view: View, module: LesionModule, variant: Variant) -> Seen:
    """What the run's weights will have seen: the view's train and val, and all that what it begins from had.

    Of published weights that is what the register of pretraining knows; it refuses nothing.

    Raises:
        ConfigError: checkpoints of another model, or weights that have seen the view's test images.
    """
    given = [path for path in dict.fromkeys((settings.checkpoint, settings.ckpt_path)) if path]
    for path in given:
        check_fits(module, path)
    if module.backbone.settings.checkpoint:
        given.append(module.backbone.settings.checkpoint)
    lent = {**variant.lent, **{path: seen_in(path) for path in given}}
    for name, seen in lent.items():
        refuse_seen(view, seen, name)
    before = Seen(pretraining=seen_in_pretraining(settings.backbone))
    return Seen.union([Seen.of(view), *lent.values(), before])
