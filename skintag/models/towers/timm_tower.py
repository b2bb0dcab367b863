"""Towers of timm: any of its names, a repository of the hub (`hf-hub:org/name`), or a folder in its format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import timm
import torch

from skintag.core.errors import ConfigError
from skintag.models.layers import drop_final_layers, layer_groups, stages
from skintag.models.settings import BackboneSettings
from skintag.models.towers.files import HUB, ModelFiles
from skintag.models.towers.plain import only_simple, side_of, triple
from skintag.models.towers.tower import Native, Tower
from skintag.models.weights import load_state, load_weights, weights_in_package

_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
_OF_PICTURES: Final = ("input_size", "interpolation", "mean", "std", "crop_mode")
_KEPT: Final = ("architecture", "global_pool")


def native(settings: BackboneSettings) -> Native:
    """What timm, or the model's folder or repository, says of it. Raises ConfigError where nothing does."""
    if not in_files(settings):
        config: Any = timm.get_pretrained_cfg(settings.name)
        return Native(int(config.input_size[-1]), config.interpolation, config.crop_mode == "border")
    values = ModelFiles.of(settings).configuration("config.json")
    name = values.get("architecture")
    if not isinstance(name, str) or not timm.is_model(name):
        raise ConfigError(
            f"backbone.name={settings.name}: its config.json names no architecture of timm ({name!r})"
        )
    said = values.get("pretrained_cfg")
    pictures = only_simple(said if isinstance(said, dict) else values, _OF_PICTURES)
    usual: Any = timm.get_pretrained_cfg(name)
    known = usual.to_dict() | pictures
    arguments = values.get("model_args")
    return Native(
        side_of(known["input_size"][-1], settings.name),
        str(known["interpolation"]),
        known.get("crop_mode") == "border",
        triple(known["mean"], "mean", settings.name),
        triple(known["std"], "std", settings.name),
        {**only_simple(values, _KEPT), "model_args": only_simple(arguments or {}, set(arguments or {}))},
    )


def in_files(settings: BackboneSettings) -> bool:
    """Whether the model's own files say what it is."""
    return settings.name.startswith(HUB) or bool(settings.checkpoint and Path(settings.checkpoint).is_dir())


def build(settings: BackboneSettings) -> Tower:
    """The model without classifier, with the weights that the settings ask for; errors as Backbone has them."""
    model = _created(settings)
    path = weights_in_package(settings.package) if settings.package else settings.checkpoint
    by_position = settings.key_order == "positional"
    if settings.features == "blocks":
        if path and by_position:
            raise ConfigError(
                "backbone.features=blocks: weights by position need all layers, use features=final"
            )
        drop_final_layers(model)
    if settings.architecture and (settings.pretrained or (path and Path(path).is_dir())):
        files = ModelFiles.of(settings)
        load_state(model, files.state(*_WEIGHTS), files.folder or settings.name)
    elif path:
        load_weights(model, Path(path), by_position=by_position)
    return parts_of(model, blocks_alone=settings.features == "blocks")


def parts_of(model: Any, *, blocks_alone: bool = False) -> Tower:
    """A timm model (they share no type) in parts."""
    if blocks_alone:
        size = int(model.feature_info[-1]["num_chs"])
    else:
        size = int(getattr(model, "head_hidden_size", model.num_features))
    mean, std = (model.pretrained_cfg[key] for key in ("mean", "std"))
    return Tower(model, layer_groups(model), stages(model), size, tuple(mean), tuple(std))


def _created(settings: BackboneSettings) -> Any:
    """The model with timm's own weights, or random ones."""
    own = settings.architecture
    name = str(own.get("architecture", settings.name))
    options: dict[str, Any] = {"num_classes": 0, **own.get("model_args", {}), **settings.sizes}
    pooling = settings.pooling or own.get("global_pool")
    if pooling:
        options["global_pool"] = pooling
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        options["img_size"] = settings.image_size
    pretrained = settings.pretrained and not own
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(settings.seed)
            return timm.create_model(name, pretrained=pretrained, **options)
    except (TypeError, AssertionError) as error:
        if isinstance(error, AssertionError) and not settings.pooling:
            raise
        key = "sizes or pooling" if settings.pooling else "sizes"
        raise ConfigError(f"backbone.{key}: {settings.name} does not take one of them: {error}") from error
    except Exception as error:  # the hub client has errors of its own, by the dozen
        if not pretrained:
            raise
        raise ConfigError(
            f"backbone.pretrained: no weights for {settings.name} from timm's hub or its cache "
            f"({type(error).__name__}: {error}); without a network give the file: "
            "backbone.pretrained=false backbone.checkpoint=<path>"
        ) from error
