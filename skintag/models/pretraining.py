"""What a backbone's first weights have learned from, by its settings."""

from __future__ import annotations

from skintag.core.pretraining import Pretraining, pretraining_of
from skintag.models.settings import BackboneSettings


def seen_in_pretraining(settings: BackboneSettings) -> tuple[Pretraining, ...]:
    """Datasets that the settings name, else those that the register knows of where there are first weights."""
    name = settings.pretrained_on
    if name is not None and not isinstance(name, str):
        return tuple(
            Pretraining(settings.name, dataset, "given", "backbone.pretrained_on") for dataset in name
        )
    has_weights = settings.pretrained or settings.checkpoint or settings.package
    return pretraining_of(name or settings.name) if has_weights else ()
