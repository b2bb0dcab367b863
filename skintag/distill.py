"""From a trained teacher to a small student: a run like any other, whose loss also follows the teacher."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from hydra.core.hydra_config import HydraConfig
from lightning.pytorch import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from skintag.callbacks.ema import EmaWeights
from skintag.config import instantiate
from skintag.data.view import View
from skintag.distill_teacher import TeacherSource, teacher_source
from skintag.errors import ConfigError
from skintag.evaluation.predictions import Predictions
from skintag.io import atomic_path, read_json, write_json
from skintag.models.distill_module import DistillationSettings, DistillModule
from skintag.models.lesion_module import LesionModule
from skintag.models.teacher import Teacher
from skintag.run import train
from skintag.run_parts import Variant, module_settings
from skintag.run_results import RunResult

# what a student takes over from its teacher's run, unless it is told otherwise
INHERITED: Final = ("data", "labels", "split", "split_seed", "train_on", "balance")


def distill(config: DictConfig, folder: Path | None = None) -> RunResult | None:
    """Train, score, export and bundle the student that `config` describes; None on further processes.

    Args:
        config: `configs/distill.yaml`, composed.
        folder: the run folder; by default the one that Hydra made.

    Raises:
        ConfigError: no such teacher, or one that has seen the student's test images.
    """
    folder = folder or Path(HydraConfig.get().runtime.output_dir)
    settings: DistillationSettings = instantiate(config.distillation)
    formats = formats_of(config)
    source = teacher_source(teacher_path(config, folder), settings.teacher)
    if source.config is None and not any(o.lstrip("+~").startswith("data") for o in given()):
        raise ConfigError(
            f"teacher={config.teacher} is a bundle, which does not say where its data lie: give the data (data=...), "
            "and labels, split and balance where they are not the default"
        )
    config = inherit(config, source.config, given())
    if os.environ.get("LOCAL_RANK", "0") == "0":  # further processes of a distributed run find it written
        save_config(config, folder, source.choices)
    written = {"teacher": str(source.path), "kind": settings.teacher, "settings": asdict(settings)}
    write_json(folder / "distillation.json", written)
    teacher = source.teacher()
    print(f"teacher: {source.path} ({settings.teacher}, {teacher.image_size} px)", file=sys.stderr)
    result = train(config, folder, variant_of(config, settings, source, teacher))
    if result is not None:
        hand_over(config, folder, formats)
    return result


def variant_of(
    config: DictConfig, settings: DistillationSettings, source: TeacherSource, teacher: Teacher
) -> Variant:
    """What makes a run a distillation."""

    def module(config: DictConfig, view: View) -> LesionModule:
        source.refuse_seen(view)
        return DistillModule(
            teacher=teacher if settings.asks_teacher else None,
            distillation=settings,
            **module_settings(config, view),
        )

    def predictions(view: View) -> list[Predictions]:
        rows = np.flatnonzero((view.frame["split"] != "train").to_numpy())
        malignant, conditions = source.scores(view, rows, config, teacher)
        return [Predictions.from_arrays(view.frame.iloc[rows], "teacher", malignant, conditions)]

    callbacks: tuple[Callback, ...] = ()
    if settings.ema_decay is not None:
        callbacks = (EmaWeights(settings.ema_decay),)
    # Pictures are decoded once, at the larger of both sizes; with labels alone too, so that the arms of an
    # experiment see the same pictures.
    size = max(config.backbone.image_size, teacher.image_size)
    return Variant(module, size, callbacks, predictions)


def formats_of(config: DictConfig) -> tuple[str, ...]:
    """The formats to export; raises ConfigError, before any training, where one is unknown or cannot be made."""
    if not config.export:
        return ()
    from skintag.export.formats import check_formats

    return check_formats(config.export)


def teacher_path(config: DictConfig, folder: Path) -> str:
    """Where the teacher lies; a resumed run may be started in another folder than it was the first time."""
    written = folder / "distillation.json"
    if config.resume and not Path(config.teacher).exists() and written.is_file():
        return str(read_json(written)["teacher"])
    return str(config.teacher)


def hand_over(config: DictConfig, folder: Path, formats: Sequence[str]) -> None:
    """Export the student and pack its bundle, where the configuration asks for them."""
    if formats:
        from skintag.export import export_run

        export_run(folder, formats)
    if config.bundle:
        from skintag.bundle import build_bundle

        runtime = next((f for f in ("onnx_int8", "onnx") if f in formats), "torch")
        print(f"bundle: {build_bundle(folder, runtime=runtime)}")


def given() -> list[str]:
    """The overrides of this run's command line; none where Hydra did not start it."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def inherit(config: DictConfig, teacher: DictConfig | None, overrides: Sequence[str]) -> DictConfig:
    """The student's configuration with the teacher's data, labels, split and balance, where none were given.

    Args:
        config: the student's.
        teacher: the teacher's, with absolute paths; None: nothing is known of it.
        overrides: of the command line; a group or a value that is among them stays as it is.
    """
    if teacher is None:
        return config
    keys = [o.split("=", 1)[0].lstrip("+~") for o in overrides]
    made = config.copy()
    with open_dict(made):
        for name in INHERITED:
            if name in keys or name not in teacher:
                continue
            made[name] = teacher[name]
            for override in (o for o in overrides if o.lstrip("+~").startswith(f"{name}.")):
                key = override.split("=", 1)[0].lstrip("+~")
                if override.startswith("~"):
                    parent, _, last = key.rpartition(".")
                    OmegaConf.select(made, parent).pop(last, None)
                else:
                    OmegaConf.update(made, key, OmegaConf.select(config, key), force_add=True)
        if "fit" in teacher and "loader.fit" not in keys:
            made.loader.fit = teacher.fit
    return made


def save_config(config: DictConfig, folder: Path, choices: Mapping[str, str]) -> None:
    """Write the configuration that counts over the one that Hydra wrote, which knows nothing of the teacher's.

    Args:
        config: the student's, complete.
        folder: its run folder.
        choices: group -> name of the teacher's choice; they become the student's where it took the group over.
    """
    path = folder / ".hydra" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as part:
        OmegaConf.save(config, part)
    said = path.with_name("hydra.yaml")
    if not said.is_file():
        return
    keys = [o.split("=", 1)[0].lstrip("+~") for o in given()]
    hydra = OmegaConf.load(said)
    for name in INHERITED:
        if name in choices and name not in keys:
            OmegaConf.update(hydra, f"hydra.runtime.choices.{name}", choices[name], force_add=True)
    with atomic_path(said) as part:
        OmegaConf.save(hydra, part)
