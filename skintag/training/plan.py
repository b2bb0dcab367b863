"""What a run would take, found out without starting it: its images, its time on this processor, its disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd
import torch

from skintag.core.hashing import content_key
from skintag.core.vocabulary import FROZEN, SPLITS
from skintag.data.catalog.catalog import CATALOG
from skintag.data.images.pipeline import ImagePipeline
from skintag.data.view.view import View
from skintag.models.lesion_module import LesionModule
from skintag.runs.settings import RunSettings
from skintag.training.preflight import look_ahead, seconds_an_image, seconds_of_run

_FLOAT: Final = 4  # bytes
_GB: Final = 10**9
_MOMENTS: Final = 2  # that AdamW keeps of each weight that learns
_CHECKPOINTS: Final = 2  # best.ckpt and last.ckpt
_OVERHEAD: Final = 5_000_000  # bytes of tables, logs and, without it, nothing much else


@dataclass(frozen=True)
class Plan:
    """What one run would take."""

    images: tuple[int, ...] | None
    """Of train, val and test; None where the data are not prepared yet."""
    seconds: float | None
    """Of training and embeddings on this processor; None on a GPU, or where images cannot be counted."""
    folder: int
    """Bytes below its run folder: checkpoints and tables; without exports, bundles and reports."""
    kept: Mapping[str, int]
    """Bytes in the cache by what is kept there; runs share what has the same name."""
    learns: int
    """Weights that learn."""
    weights: int
    """All weights."""


@dataclass(frozen=True)
class _Measured:
    """What was found out of a backbone, whichever runs have it."""

    times: tuple[float, float] | None
    """Seconds of the frozen layers and of those that learn, for one image; None where nothing is timed."""
    embedding: int
    """Features of an embedding."""
    activation: int
    """Bytes that the frozen layers make of an image; 0 where none comes before a layer that learns."""
    frozen: bool
    """Whether nothing in the backbone learns."""
    learns: int
    """Weights that learn, the head's among them."""
    weights: int
    """All weights."""


class Planner:
    """Plans runs; a catalog is read, and a backbone timed, once for all of them. Nothing is written."""

    def __init__(self) -> None:
        self._measured: dict[str, _Measured] = {}
        self._catalogs: dict[tuple[str, ...], pd.DataFrame] = {}
        self._planned = 0

    @property
    def timed(self) -> int:
        """How many backbones were timed."""
        return sum(found.times is not None for found in self._measured.values())

    def plan(self, settings: RunSettings) -> Plan:
        """What a run of these settings would take.

        Raises:
            ConfigError, DataError: what the run would end with before it trained.
        """
        look_ahead(settings)
        view = self.view(settings)
        self._planned += 1
        parts = [
            vars(settings.backbone),
            vars(settings.finetune),
            vars(settings.head),
            settings.labels.n_conditions,
        ]
        key = content_key(*parts, on_gpu(settings))
        if key not in self._measured:
            self._measured[key] = _measure(settings)
        found = self._measured[key]
        n = 0 if view is None else len(view.frame)
        stored = _is_stored(settings, found, n)
        seconds = None
        if view is not None and found.times is not None:
            seconds = seconds_of_run(settings, view.frame["split"], *found.times, stored=stored)
        numbers = found.weights + _MOMENTS * found.learns
        folder = _OVERHEAD + (_CHECKPOINTS * _FLOAT * numbers if settings.fit else 0)
        kept = _kept(settings, found, n, self._planned)
        images = None if view is None else tuple(len(view.rows(name)) for name in SPLITS)
        return Plan(images, seconds, folder, kept, found.learns, found.weights)

    def view(self, settings: RunSettings) -> View | None:
        """The run's images; None where they are not prepared. Raises as `build_view`."""
        prepared = Path(settings.data.prepared)
        if not (prepared / CATALOG).is_file():
            return None
        key = (str(prepared), *sorted(settings.data.sources))
        if key not in self._catalogs:
            self._catalogs[key] = settings.catalog(prepared)
        return settings.view(self._catalogs[key])


def on_gpu(settings: RunSettings) -> bool:
    """Whether the run would take a GPU, on which nothing is timed: its first batches are no measure."""
    return settings.trainer.accelerator != "cpu" and torch.cuda.is_available()


def _measure(settings: RunSettings) -> _Measured:
    """Build the model with random weights, which are as many and as fast, and time it."""
    plain = replace(settings.backbone, pretrained=False, checkpoint=None, package=None, key_order="name")
    blank = replace(settings, backbone=plain, compile=False)
    module = LesionModule(**blank.module_arguments(settings.labels))
    backbone, size = module.backbone, settings.backbone.image_size
    activation = 0
    if backbone.trunk_length and not backbone.fully_frozen:
        with torch.no_grad():
            activation = backbone.forward_trunk(torch.zeros((1, 3, size, size), dtype=torch.uint8)).nbytes
    return _Measured(
        times=None if on_gpu(settings) else seconds_an_image(backbone, size),
        embedding=backbone.embedding_size,
        activation=activation,
        frozen=backbone.fully_frozen,
        learns=sum(p.numel() for p in module.parameters() if p.requires_grad),
        weights=sum(p.numel() for p in module.parameters()),
    )


def _is_stored(settings: RunSettings, found: _Measured, n: int) -> bool:
    """Whether training would run on what the frozen layers made of n images once; see `StoredInputs`."""
    idle = ImagePipeline(settings.backbone.image_size, settings.loader.fit, settings.augment).one_for_all
    if not idle or settings.cache.activations is False or settings.loader.mode != "indexed":
        return False
    return found.frozen or 0 < n * found.activation <= settings.cache.max_gb * _GB


def _kept(settings: RunSettings, found: _Measured, n: int, run: int) -> dict[str, int]:
    """Bytes in the cache: embeddings of n images, and activations where training runs on them."""
    tower = content_key(vars(settings.backbone))
    kept = {}
    for feature in settings.callbacks.features:
        # the frozen tower's are the same in every run, the fine-tuned one's are a run's own
        own = feature != FROZEN and not found.frozen
        kept[f"{FROZEN} {tower}" if not own else f"{feature} of run {run}"] = n * found.embedding * _FLOAT
    if _is_stored(settings, found, n) and not found.frozen:
        kept[f"activations {tower} {settings.finetune.unlocked_groups}"] = n * found.activation
    return kept
