"""Settings filled up with what a model's own configuration says, and the tower that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, cast

import timm

from skintag.core.errors import ConfigError
from skintag.models.settings import INTERPOLATIONS, BackboneSettings
from skintag.models.towers import open_clip_tower, timm_tower, transformers_tower
from skintag.models.towers.files import HUB
from skintag.models.towers.tower import Native, Tower

_NATIVE: Final[dict[str, Callable[[BackboneSettings], Native]]] = {
    "timm": timm_tower.native, "open_clip": open_clip_tower.native, "transformers": transformers_tower.native,
}  # fmt: skip
_BUILD: Final[dict[str, Callable[[BackboneSettings], Tower]]] = {
    "timm": timm_tower.build, "open_clip": open_clip_tower.build, "transformers": transformers_tower.build,
}  # fmt: skip


def complete(settings: BackboneSettings) -> BackboneSettings:
    """The same settings, with the model's own values where none were given; with them alone it can be built again.

    Raises:
        ConfigError: the model's configuration cannot be had, or asks for what there is not here.
        DataError: it is damaged.
    """
    if not needs_look_up(settings):
        return settings
    own = _NATIVE[settings.library](settings)
    if settings.interpolation is None and own.interpolation not in INTERPOLATIONS:
        raise ConfigError(
            f"backbone.name={settings.name} was made with interpolation {own.interpolation!r}, which there is not: set "
            f"backbone.interpolation to one of {', '.join(INTERPOLATIONS)}"
        )
    return replace(
        settings,
        image_size=settings.image_size or own.image_size,
        interpolation=settings.interpolation or cast(Any, own.interpolation),
        padding=own.padding if settings.padding is None else settings.padding,
        mean=settings.mean or own.mean,
        std=settings.std or own.std,
        architecture=settings.architecture or own.architecture,
    )


def hub_of(settings: BackboneSettings) -> str | None:
    """The repository that pretrained weights come from; None where the library does not say."""
    if settings.library == "transformers" or settings.name.startswith(HUB):
        return settings.name.removeprefix(HUB)
    if settings.library == "open_clip":
        return open_clip_tower.hub_of(settings.name)
    config = timm.get_pretrained_cfg(settings.name)
    return None if config is None else config.hf_hub_id


def needs_look_up(settings: BackboneSettings) -> bool:
    """Whether something is left to the model's own configuration."""
    own = settings.library != "timm" or timm_tower.in_files(settings)
    left = not settings.image_size or settings.interpolation is None or settings.padding is None
    return left or (own and not settings.architecture)


def build(settings: BackboneSettings) -> Tower:
    """The tower of complete settings, with its own mean and std. Raises as Backbone does."""
    tower = _BUILD[settings.library](settings)
    return replace(tower, mean=settings.mean or tower.mean, std=settings.std or tower.std)
