"""What a run will need, looked at in seconds before any work: weights, accelerator, places to write to.

And, once the model is there and before the first epoch, how long the run will take.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Final

import pandas as pd
import torch
from torch import Tensor

from skintag.core.console import say
from skintag.core.errors import ConfigError
from skintag.data.view.split_file import File
from skintag.models.backbone import Backbone
from skintag.models.hub import refuse_unreachable
from skintag.models.settings import BackboneSettings
from skintag.models.towers.resolve import hub_of
from skintag.models.weights import weights_in_package
from skintag.runs.settings import RunSettings
from skintag.training.parts import Parts

_SPARE: Final = 10**9  # bytes that a run's own files may take, checkpoints of a small model included
_LONG: Final = 600.0  # seconds from which on it is worth a line
_TRIED: Final = 2  # images that are timed,
_TIMES: Final = 5  # so often: the quickest counts, as other work on the machine only slows it,
_ENOUGH: Final = 3.0  # seconds, after which it is not timed again
_SMALL: Final = 128  # pixels


def look_ahead(settings: RunSettings) -> None:
    """Refuse at once what a run could not be finished with.

    Raises:
        DataError: a split file that cannot be used.
        ConfigError: weights that cannot be had, an accelerator that is not there, a folder that cannot be written
            to, or a disk that is full; says what would do.
    """
    _weights(settings.backbone)
    if isinstance(settings.split, File):
        settings.split.rows()  # before data are prepared, which may take hours
    if settings.trainer.accelerator in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator={settings.trainer.accelerator}: torch finds no GPU here; "
            "trainer.accelerator=auto takes what there is (skintag doctor says what that is)"
        )
    for name in ("runs", "cache"):
        _place(f"paths.{name}", Path(getattr(settings.paths, name)))
    _place("data.prepared", Path(settings.data.prepared))


def _place(key: str, folder: Path) -> None:
    """Refuse a folder that cannot be made or written to, or whose disk is full."""
    place = folder.absolute()
    there = next(parent for parent in (place, *place.parents) if parent.exists())
    if not there.is_dir():
        raise ConfigError(f"{key}={folder}: {there} is a file; name another folder")
    if not os.access(there, os.W_OK | os.X_OK) and not (place.is_dir() and key == "data.prepared"):
        raise ConfigError(f"{key}={folder}: {there} cannot be written to; name another folder")
    free = shutil.disk_usage(there).free
    if free < _SPARE and key != "data.prepared":
        raise ConfigError(
            f"{key}={folder}: {free / 1e9:.1f} GB are free, and a run may need {_SPARE / 1e9:.0f} GB; "
            "free some space, or name a folder of another disk"
        )


def _weights(settings: BackboneSettings) -> None:
    """Refuse weights that are neither here nor to be fetched."""
    if settings.package:
        weights_in_package(settings.package)
    if settings.checkpoint and not Path(settings.checkpoint).exists():
        raise ConfigError(f"backbone.checkpoint={settings.checkpoint}: no such file")
    hub = hub_of(settings) if settings.pretrained else None
    address = refuse_unreachable(settings.name, hub) if hub else None
    if address:
        say(f"weights: {hub} is fetched from {address}")


def tell_duration(settings: RunSettings, parts: Parts, jobs: int = 1) -> None:
    """Time a few images through the model, and say how long the run will take where that is long.

    Args:
        settings: of the run.
        parts: that it is put together from.
        jobs: of the sweep that it is a job of, which is taken to be as long.

    Random numbers and the model's state are as before. On a GPU nothing is timed: its first batches are no measure.
    """
    if not settings.fit or torch.cuda.is_available():
        return
    seconds = estimated_seconds(settings, parts)
    if seconds * jobs > _LONG:
        whole = f", and the {jobs} jobs of this sweep about {duration(seconds * jobs)}" if jobs > 1 else ""
        say(
            f"this run will take about {duration(seconds)} on this processor{whole} "
            f"(no GPU; timed on {_TRIED} images). Quicker: {', '.join(_quicker(settings))}"
        )


def _quicker(settings: RunSettings) -> list[str]:
    """What would be quicker, of what the run has not."""
    small = settings.backbone.name.startswith(("tf_efficientnet_lite", "mobilenet"))
    ways = {
        "profile=demo (minutes)": not small,
        "a smaller backbone (backbone=efficientnet_lite0)": not small,
        f"smaller images (backbone.image_size={_SMALL})": settings.backbone.image_size > _SMALL and small,
        "augment=none (frozen layers are computed once)": settings.augment != type(settings.augment)(),
        "fewer epochs (trainer.max_epochs=1)": (settings.trainer.max_epochs or 2) > 1,
        "or a machine with a GPU": True,
    }
    return [way for way, open_still in ways.items() if open_still]


def estimated_seconds(settings: RunSettings, parts: Parts) -> float:
    """Seconds of training, validation and the export of embeddings, from the time that a few images take.

    See `seconds_of_run`.
    """
    trunk, tail = seconds_an_image(parts.module.backbone, settings.backbone.image_size)
    return seconds_of_run(settings, parts.view.frame["split"], trunk, tail)


def seconds_of_run(
    settings: RunSettings, split: pd.Series, trunk: float, tail: float, *, stored: bool = False
) -> float:
    """Seconds of training, validation and the export of embeddings; probes and reports come on top.

    A backward pass takes about twice its forward pass; frozen layers have none.

    Args:
        settings: of the run.
        split: of each image of the view.
        trunk: seconds of the frozen layers for one image.
        tail: seconds of those that learn.
        stored: whether what the frozen layers make of an image is kept, and so made once.
    """
    n_train, n_val = int((split == "train").sum()), int((split == "val").sum())
    steps = settings.trainer.limit_train_batches
    if steps is not None:
        n_train = (
            round(n_train * steps)
            if isinstance(steps, float)
            else min(n_train, steps * settings.loader.batch_size)
        )
    epochs = max(settings.trainer.max_epochs or 1, 1) if settings.fit else 0
    again = 0.0 if stored else trunk  # in each epoch
    first = (n_train + n_val) * trunk if stored else 0.0
    once = first + len(split) * (trunk + tail) * len(settings.callbacks.features)
    return float(epochs * (n_train * (again + 3 * tail) + n_val * (again + tail)) + once)


def seconds_an_image(backbone: Backbone, size: int) -> tuple[float, float]:
    """Seconds of the frozen layers and of those that learn, for one image."""
    training = backbone.training
    images: Tensor = torch.zeros(_TRIED, 3, size, size, dtype=torch.uint8)
    backbone.eval()
    trunk: list[float] = []
    tail: list[float] = []
    try:
        with torch.no_grad():
            backbone(images)  # the first pass of a shape also allocates and compiles
            until = time.perf_counter() + _ENOUGH
            while len(trunk) < _TIMES and (not trunk or time.perf_counter() < until):
                began = time.perf_counter()
                activations = backbone.forward_trunk(images)
                middle = time.perf_counter()
                backbone.forward_tail(activations)
                trunk.append(middle - began)
                tail.append(time.perf_counter() - middle)
    finally:
        backbone.train(training)
    return min(trunk) / _TRIED, min(tail) / _TRIED


def duration(seconds: float) -> str:
    """`12 minutes`, `5 hours`, `3 days`."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
