"""Vision towers of transformers: SigLIP (1 and 2, at one fixed size), CLIP, DINOv2 and DINOv3.

They are built from their configuration by the library's own classes; code that a repository brings is never asked
for, and weights are read as safetensors or with `weights_only=True`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from skintag.core.errors import ConfigError, near_matches
from skintag.models.layers import Stage, grouped_by_block
from skintag.models.settings import BackboneSettings
from skintag.models.towers.files import ModelFiles
from skintag.models.towers.libraries import library
from skintag.models.towers.plain import filter_name, only_simple, side_of, triple
from skintag.models.towers.tower import Native, Tower
from skintag.models.towers.transformers_weights import loaded, quietly

_SIGLIP: Final = "siglip_vision_model"
_PICTURES: Final = ("preprocessor_config.json", "processor_config.json")
# in a configuration that says nothing of the model's shape
_NO_SHAPE: Final = (
    "_",
    "architectures",
    "auto",
    "dtype",
    "torch",
    "transformers",
    "out_",
    "stage_",
    "id2",
    "label2",
)


@dataclass(frozen=True)
class _Family:
    """One kind of vision tower."""

    model: str
    """Name of its class."""
    blocks: str
    """Where its blocks lie, with a dot behind."""
    final: tuple[str, ...]
    """Beginnings of the names of parameters behind the last block."""
    norm: str
    """The last layer norm."""
    prefix: int
    """Tokens before those of the patches, less registers."""


_FAMILIES: Final = {
    _SIGLIP: _Family(
        "SiglipVisionModel", "encoder.layers.", ("post_layernorm.", "head."), "post_layernorm", 0
    ),
    "clip_vision_model": _Family("CLIPVisionModel", "encoder.layers.", ("post_layernorm.",), "post_layernorm", 1),
    "dinov2": _Family("Dinov2Model", "encoder.layer.", ("layernorm.",), "layernorm", 1),
    "dinov3_vit": _Family("DINOv3ViTModel", "model.layer.", ("norm.",), "norm", 1),
}  # fmt: skip


def native(settings: BackboneSettings) -> Native:
    """What the model's folder or repository says of it. Raises ConfigError where it says nothing."""
    files = ModelFiles.of(settings)
    values = files.configuration("config.json")
    vision = values.get("vision_config")
    if isinstance(vision, dict):
        values = {"model_type": f"{values.get('model_type')}_vision_model", **vision}
    kind = str(values.get("model_type"))
    if kind not in _FAMILIES:
        raise ConfigError(
            f"backbone.name={settings.name}: {files.folder or files.repository} holds config.json of model_type "
            f"{kind!r}; known: siglip, clip, {', '.join(list(_FAMILIES)[2:])}"
        )
    pictures = files.configuration(*_PICTURES)
    pictures = pictures.get("image_processor", pictures)
    if not pictures:
        raise ConfigError(
            f"backbone.name={settings.name}: {_PICTURES[0]} is not there: give the whole folder"
        )
    if (
        abs(float(pictures.get("rescale_factor", 1 / 255)) * 255 - 1) > 1e-4
        or pictures.get("do_rescale") is False
    ):
        raise ConfigError(
            f"backbone.name={settings.name}: pixels that are not scaled to 0..1 are not supported"
        )
    cut = pictures.get("crop_size") if pictures.get("do_center_crop") else None
    plain = pictures.get("do_normalize") is False
    return Native(
        side_of(cut or pictures.get("size"), settings.name),
        filter_name(pictures.get("resample", 2 if kind == "dinov3_vit" else 3)),
        bool(pictures.get("do_pad", False)),
        triple(0.0 if plain else pictures.get("image_mean"), "mean", settings.name),
        triple(1.0 if plain else pictures.get("image_std"), "std", settings.name),
        {"model_type": kind, **_shape(kind, values)},
    )


def _shape(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the model's shape and arithmetic, of names that its configuration has."""
    known = _classes(kind)[1]().to_dict()
    names = {name for name in known if not name.startswith(_NO_SHAPE)} - {"model_type"}
    return only_simple(values, names)


def _classes(kind: str) -> tuple[Any, Any]:
    """The classes of a model and of its configuration."""
    if kind not in _FAMILIES:
        raise ConfigError(f"backbone.architecture.model_type={kind!r}: {near_matches(kind, list(_FAMILIES))}")
    model = getattr(library("transformers"), _FAMILIES[kind].model)
    return model, model.config_class


def build(settings: BackboneSettings) -> Tower:
    """The vision tower, with the weights that the settings ask for.

    Raises:
        ConfigError: a pooling that it has not, or weights that cannot be had.
        DataError: weights that do not fit.
    """
    kind = str(settings.architecture.get("model_type"))
    model_class, config_class = _classes(kind)
    shape = _shape(kind, settings.architecture)
    pooling = _pooling(settings, kind, bool(shape.get("vision_use_head", True)))
    if kind == _SIGLIP:
        shape["vision_use_head"] = pooling == "head"  # what nothing is learned of is not there
    try:
        with quietly(), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(settings.seed)
            model = model_class(config_class(**shape))
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"backbone.architecture: {settings.name} cannot be built of it ({error})"
        ) from error
    if settings.pretrained or settings.checkpoint:
        model = loaded(model, settings)
    if getattr(model.embeddings, "mask_token", None) is not None:
        model.embeddings.mask_token = None  # of pretraining alone
    family = _FAMILIES[kind]
    return Tower(
        model,
        grouped_by_block(model, family.blocks, family.final),
        _stages(model, kind, pooling, settings.image_size),
        int(model.config.hidden_size),
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 1.0),  # the settings hold the real ones, see `native`
    )


def _pooling(settings: BackboneSettings, kind: str, has_head: bool) -> str:
    """How tokens are pooled. Raises ConfigError where there is no such way."""
    own = "head" if kind == _SIGLIP and has_head else None if kind == _SIGLIP else "cls"
    ways = [way for way in (own, "mean") if way]
    if settings.pooling is not None and settings.pooling not in ways:
        said = near_matches(settings.pooling, ways)
        raise ConfigError(
            f"backbone.pooling={settings.pooling!r}: {settings.name} has {' and '.join(ways)}; {said}"
        )
    return settings.pooling or ways[0]


def _stages(model: Any, kind: str, pooling: str, side: int) -> list[Stage]:
    family = _FAMILIES[kind]
    stem = [model.embeddings, *([model.pre_layrnorm] if hasattr(model, "pre_layrnorm") else [])]
    parts = [name.rstrip(".") for name in family.final]
    final = [getattr(model, name) for name in parts if hasattr(model, name)]
    blocks = model.get_submodule(family.blocks.rstrip("."))
    rotated = side if hasattr(model, "rope_embeddings") else 0
    skipped = family.prefix + int(getattr(model.config, "num_register_tokens", 0))
    return [
        Stage(tuple(stem), partial(_stem, model, kind in (_SIGLIP, "clip_vision_model"))),
        *(Stage((block,), partial(_block, model, block, rotated)) for block in blocks),
        Stage(tuple(final), partial(_final, model, family.norm, pooling, skipped)),
    ]


def _stem(model: Any, positions: bool, x: Tensor) -> Tensor:
    """[B, 3, S, S] -> [B, tokens, D]; a table of positions is resampled to the size of the picture."""
    x = model.embeddings(x, interpolate_pos_encoding=True) if positions else model.embeddings(x)
    return model.pre_layrnorm(x) if hasattr(model, "pre_layrnorm") else x  # its name in the library


def _block(model: Any, block: Callable[..., Any], side: int, x: Tensor) -> Tensor:
    """One block; where positions are rotations (`side` > 0) they are those of a whole picture, never jittered."""
    if not side:
        out = block(x, None)
    else:
        model.rope_embeddings.eval()
        out = block(x, position_embeddings=model.rope_embeddings(x.new_empty((1, 3, side, side))))
    tokens: Tensor = out[0] if isinstance(out, tuple) else out
    return tokens


def _final(model: Any, norm: str, pooling: str, skipped: int, x: Tensor) -> Tensor:
    """[B, tokens, D] -> [B, D]."""
    if pooling == "cls":
        x = x[:, 0]
    x = getattr(model, norm)(x)
    if pooling == "head":
        x = model.head(x)
        return x
    return x[:, skipped:].mean(dim=1) if pooling == "mean" else x
