"""From a trained teacher to a small student: a run like any other, whose loss also follows the teacher."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from lightning.pytorch import Callback

from skintag.core.console import say
from skintag.core.io import write_json
from skintag.data.view.view import View
from skintag.distillation.ema import EmaWeights
from skintag.distillation.module import DistillationSettings, DistillModule
from skintag.distillation.source import TeacherSource
from skintag.distillation.teacher import Teacher
from skintag.evaluation.predictions.predictions import Predictions
from skintag.models.lesion_module import LesionModule
from skintag.runs import state
from skintag.runs.settings import RunSettings
from skintag.training.parts import Variant
from skintag.training.results import RunResult
from skintag.training.train import train


@dataclass(frozen=True)
class DistillSettings:
    """What to make of a teacher."""

    run: RunSettings
    """The student's run, with its teacher's data, labels and split."""
    distillation: DistillationSettings
    """How much the teacher counts, and how it is asked."""
    formats: tuple[str, ...] = ()
    """Formats to export, see `skintag.export.formats`."""
    bundle: bool = False
    """Whether to pack the bundle, with the smallest ONNX model that was exported."""


def distill(
    settings: DistillSettings, source: TeacherSource, folder: Path, *, alone: bool = True
) -> RunResult | None:
    """Train, score, export and bundle a student; None on further processes.

    Args:
        settings: what to do.
        source: where the teacher lies.
        folder: the run folder.
        alone: see `skintag.training.train.train`.

    Raises:
        ConfigError: a teacher that lacks what is asked of it, or has seen the student's test images.
    """
    kind = settings.distillation.teacher
    written = {"teacher": str(source.path), "kind": kind, "settings": asdict(settings.distillation)}
    teacher = source.teacher()
    write_json(folder / "distillation.json", written)
    say(f"teacher: {source.path} ({kind}, {teacher.image_size} px)")
    result = train(settings.run, folder, variant_of(settings, source, teacher), alone=alone, last=False)
    if result is not None:
        hand_over(settings, folder)
        state.done(folder, state.FINISHED)
    return result


def variant_of(settings: DistillSettings, source: TeacherSource, teacher: Teacher) -> Variant:
    """What makes a run a distillation."""
    run, distillation = settings.run, settings.distillation

    def module(view: View) -> LesionModule:
        return DistillModule(
            teacher=teacher if distillation.asks_teacher else None,
            distillation=distillation,
            **run.module_arguments(view),
        )

    def predictions(view: View) -> list[Predictions]:
        rows = np.flatnonzero((view.frame["split"] != "train").to_numpy())
        said = source.scores(view, rows, run, teacher)
        return [Predictions.from_arrays(view.frame.iloc[rows], "teacher", said.malignant, said.conditions)]

    callbacks: tuple[Callback, ...] = ()
    if distillation.ema_decay is not None:
        callbacks = (EmaWeights(distillation.ema_decay),)
    # Pictures are decoded once, at the larger of both sizes; with labels alone too, so that the arms of an
    # experiment see the same pictures.
    size = max(run.backbone.image_size, teacher.image_size)
    return Variant(module, size, callbacks, predictions, lent={str(source.path): source.seen()})


def hand_over(settings: DistillSettings, folder: Path) -> None:
    """Export the student and pack its bundle, where the settings ask for them."""
    if settings.formats and not state.made(folder, state.EXPORTS):
        from skintag.export import export_run

        export_run(folder, settings.formats)
        state.done(folder, state.EXPORTS)
    if settings.bundle:
        from skintag.export.bundle.build import build_bundle
        from skintag.export.bundle.settings import BundleSettings

        runtime = next((f for f in ("onnx_int8", "onnx") if f in settings.formats), "torch")
        print(f"bundle: {build_bundle(folder, BundleSettings(runtime=runtime))}")
