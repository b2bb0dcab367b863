"""From configuration to objects, through one door."""

from __future__ import annotations

import importlib
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from skintag.errors import ConfigError

# A run folder's configuration may come from somebody else: it names only what SkinTag is made of.
_PACKAGE = "skintag"


def instantiate(node: DictConfig | dict[str, Any], **kwargs: Any) -> Any:
    """Build what `node._target_` names, with `kwargs` added; nested targets are checked and built too.

    Raises:
        ConfigError: a target is not a class of SkinTag's own, or refuses its arguments.
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
        if target is not None and not _is_own_class(str(target)):
            raise ConfigError(f"_target_={target!r} may not be instantiated; allowed: classes of {_PACKAGE}")
        for value in node.values():
            _check_targets(value)
    elif isinstance(node, list):
        for value in node:
            _check_targets(value)


def _is_own_class(target: str) -> bool:
    """Whether the dotted name is a class that a module of SkinTag defines.

    A prefix is not enough: `skintag.x.np.load` begins with the right one too, for every module can be reached
    through those that import it.
    """
    module, _, name = target.rpartition(".")
    if module.partition(".")[0] != _PACKAGE:
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    return isinstance(found, type) and _defined_in_package(found, name)


def _defined_in_package(found: type, name: str) -> bool:
    return found.__name__ == name and found.__module__.partition(".")[0] == _PACKAGE
