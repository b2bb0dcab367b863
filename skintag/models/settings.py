"""What a configuration says of the backbone: which tower, and how much of it learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import timm

from skintag.core.errors import ConfigError, near_matches

Size = int | float | str | bool
LIBRARIES: Final = ("timm", "open_clip", "transformers")
INTERPOLATIONS: Final = ("bilinear", "bicubic")
# arguments of timm.create_model that say where weights come from, or make something else than the model
_NO_SIZES = (
    "checkpoint",
    "pretrained",
    "cache",
    "features_only",
    "scriptable",
    "exportable",
    "jit",
    "num_classes",
)


@dataclass(frozen=True)
class BackboneSettings:
    """Which tower, at which image size, with which weights.

    What is left to the model's own configuration (null) `skintag.models.towers.resolve.complete` looks up.
    """

    name: str
    """A timm model name, with or without a weights tag, or `hf-hub:org/name`; of open_clip `<model>.<weights>` or
    `hf-hub:org/name`; of transformers `org/name`."""
    image_size: int = 0
    """Height and width of the square input, pixels; 0 (or null): the model's own."""
    sizes: Mapping[str, Size] = field(default_factory=dict)
    """Overrides of the architecture, e.g. `embed_dim`, `depth`, `num_heads`."""
    pretrained: bool = False
    """Take timm's weights, from its hub or the hub's local cache."""
    checkpoint: str | None = None
    """Take weights from this file (.safetensors, a state dict by torch, or a LesionModule checkpoint)."""
    package: str | None = None
    """Take the weights file that this installed Python package ships."""
    key_order: Literal["name", "positional"] = "name"
    """How tensors of `checkpoint` or `package` find their place: by name, or by their order in the file."""
    seed: int = 0
    """Seed of the random weights where no others are taken."""
    features: Literal["final", "blocks"] = "final"
    """What is pooled: the output of the `final` layers, or of the `blocks` alone, for small students: the 1x1
    convolution behind MobileNetV3's blocks holds 1.2 of its 4.2 million weights."""
    library: Literal["timm", "open_clip", "transformers"] = "timm"
    """Which library builds it."""
    mean: tuple[float, float, float] | None = None
    """Of red, green and blue, of 1, taken from every pixel; null: the model's own."""
    std: tuple[float, float, float] | None = None
    """What is left is divided by; null: the model's own."""
    interpolation: Literal["bilinear", "bicubic"] | None = "bilinear"
    """How pictures are brought to its size; null: the model's own."""
    padding: bool | None = False
    """Whether they are filled up to a square with black instead of what `loader.fit` says; null: the model's own."""
    pooling: str | None = None
    """Of its tokens: `cls`, `mean`, or timm's `global_pool`; null: the model's own."""
    pretrained_on: tuple[str, ...] | str | None = None
    """Datasets that its weights have learned from, or the name that skintag/core/pretraining.csv is asked for; null:
    that is `name`."""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    """What its library builds it from, as it was looked up; checkpoints and bundles keep it. Nobody sets it by hand."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", dict(self.sizes))
        for name, value in self.sizes.items():
            # a checkpoint's settings may come from anywhere: what is not a size could name a file to load
            if any(word in name for word in _NO_SIZES) or not isinstance(value, int | float | str | bool):
                raise ConfigError(f"backbone.sizes.{name}={value!r} is not a size of the architecture")
        if self.library not in LIBRARIES:
            raise ConfigError(
                f"backbone.library={self.library!r}: {near_matches(str(self.library), LIBRARIES)}"
            )
        self._check_name()
        object.__setattr__(self, "image_size", self.image_size or 0)
        if self.image_size < 0:
            raise ConfigError(f"backbone.image_size={self.image_size} should be a number of pixels")
        self._check_pictures()
        sources = [name for name in ("pretrained", "checkpoint", "package") if getattr(self, name)]
        if len(sources) > 1:
            raise ConfigError(f"backbone takes weights from one place, found {' and '.join(sources)}")
        if self.features not in ("final", "blocks"):
            raise ConfigError(f"backbone.features={self.features!r}: known: final, blocks")
        if self.key_order not in ("name", "positional"):
            raise ConfigError(f"backbone.key_order={self.key_order!r}: known: name, positional")

    def _check_name(self) -> None:
        if self.library == "timm":
            files = self.name.startswith("hf-hub:") or (self.checkpoint and Path(self.checkpoint).is_dir())
            if not files and not self.architecture and not timm.is_model(self.name):
                known = [model.partition(".")[0] for model in timm.list_models()]
                hint = near_matches(self.name.partition(".")[0], known) if self.name else ""
                raise ConfigError(f"backbone.name={self.name!r} is not a timm model; {hint}")
            return
        timms = {"sizes": self.sizes, "package": self.package, "features": self.features != "final"}
        timms["key_order"] = self.key_order != "name"
        if given := [name for name, value in timms.items() if value]:
            raise ConfigError(f"backbone.{given[0]} is for towers of timm, not of {self.library}")
        if not self.name:
            raise ConfigError(f"backbone.name is empty: name a model of {self.library}")

    def _check_pictures(self) -> None:
        """Lists of a configuration become tuples, so that equal settings are equal."""
        for key in ("mean", "std"):
            value = getattr(self, key)
            if value is None:
                continue
            numbers = isinstance(value, Sequence) and all(isinstance(entry, int | float) for entry in value)
            if not numbers or len(value) != 3 or (key == "std" and min(value) <= 0):
                raise ConfigError(f"backbone.{key}={value!r}: expected three numbers, red, green, blue, of 1")
            object.__setattr__(self, key, tuple(map(float, value)))
        if self.interpolation not in (None, *INTERPOLATIONS):
            raise ConfigError(
                f"backbone.interpolation={self.interpolation!r}: known: {', '.join(INTERPOLATIONS)}"
            )
        if self.padding not in (None, True, False):
            raise ConfigError(f"backbone.padding={self.padding!r}: expected true, false or null")
        if self.pretrained_on is not None and not isinstance(self.pretrained_on, str):
            object.__setattr__(self, "pretrained_on", tuple(map(str, self.pretrained_on)))
        object.__setattr__(self, "architecture", dict(self.architecture))


@dataclass(frozen=True)
class FinetuneSettings:
    """How much of the tower learns."""

    unlocked_groups: int | Literal["all"] = 0
    """Number of last blocks that learn; 0: frozen tower; `all`: the stem too."""
    batch_norm: Literal["eval", "train"] = "eval"
    """Running statistics of batch norms inside learning blocks: kept (safe with small batches) or updated."""
    grad_checkpointing: bool = False
    """Recompute the activations of learning blocks in the backward pass: less memory, a third slower."""

    def __post_init__(self) -> None:
        groups = self.unlocked_groups
        if groups != "all" and (isinstance(groups, bool) or not isinstance(groups, int) or groups < 0):
            raise ConfigError(f"finetune.unlocked_groups={groups!r} should be 0, 1, 2 ... or all")
        if self.batch_norm not in ("eval", "train"):
            raise ConfigError(f"finetune.batch_norm={self.batch_norm!r}: known: eval, train")
        if self.grad_checkpointing and self.batch_norm == "train":
            raise ConfigError(
                "finetune.grad_checkpointing runs learning blocks twice a step and would update batch-norm "
                "statistics twice: use finetune.batch_norm=eval with it"
            )
