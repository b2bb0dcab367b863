"""From configuration to objects, through one door."""

from __future__ import annotations

from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from skintag.errors import ConfigError

# A run folder's configuration may come from somebody else: it names only what SkinTag is made of.
_ALLOWED = ("skintag.", "lightning.", "torch.optim.")


def instantiate(node: DictConfig | dict[str, Any], **kwargs: Any) -> Any:
    """Build what `node._target_` names, with `kwargs` added; nested targets are checked and built too.

    Raises:
        ConfigError: a target lies outside SkinTag, Lightning and torch.optim, or refuses its arguments.
    """
    plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    _check_targets(plain)
    try:
        return hydra.utils.instantiate(plain, **kwargs, _convert_="all")
    except hydra.errors.InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, (TypeError, ValueError, ConfigError)):
            target = plain.get("_target_") if isinstance(plain, dict) else None
            raise ConfigError(f"{target}: {cause}") from error
        raise cause from error


def _check_targets(node: Any) -> None:
    if isinstance(node, dict):
        target = node.get("_target_")
        if target is not None and not str(target).startswith(_ALLOWED):
            allowed = ", ".join(f"{prefix}*" for prefix in _ALLOWED)
            raise ConfigError(f"_target_={target!r} may not be instantiated; allowed: {allowed}")
        for value in node.values():
            _check_targets(value)
    elif isinstance(node, list):
        for value in node:
            _check_targets(value)
