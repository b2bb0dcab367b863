"""From a trained teacher to a small student: a run like any other, whose loss also follows the teacher."""

from __future__ import annotations

import sys
from collections.abc import Sequence
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
from skintag.evaluation.predictions import Predictions
from skintag.io import write_json
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
    source = teacher_source(config.teacher, settings.teacher)
    config = inherit(config, source.config, given())
    save_config(config, folder)
    written = {"teacher": str(source.path), "kind": settings.teacher, "settings": asdict(settings)}
    write_json(folder / "distillation.json", written)
    teacher = source.teacher()
    print(f"teacher: {source.path} ({settings.teacher}, {teacher.image_size} px)", file=sys.stderr)
    result = train(config, folder, variant_of(config, settings, source, teacher))
    if result is not None:
        hand_over(config, folder)
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
    # pictures are decoded once, at the larger of both sizes
    size = max(config.backbone.image_size, teacher.image_size) if settings.asks_teacher else None
    return Variant(module, size, callbacks, predictions)


def hand_over(config: DictConfig, folder: Path) -> None:
    """Export the student and pack its bundle, where the configuration asks for them."""
    if config.export:
        from skintag.export import export_run

        export_run(folder, list(config.export))
    if config.bundle:
        from skintag.bundle import build_bundle

        runtime = next((f for f in ("onnx_int8", "onnx") if f in config.export), "torch")
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
            for key in (k for k in keys if k.startswith(f"{name}.")):
                OmegaConf.update(made, key, OmegaConf.select(config, key), force_add=True)
    return made


def save_config(config: DictConfig, folder: Path) -> None:
    """Write the configuration that counts over the one that Hydra wrote, which knows nothing of the teacher's."""
    path = folder / ".hydra" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    OmegaConf.save(config, part)
    part.replace(path)
