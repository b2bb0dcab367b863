"""From configuration to objects, through one door."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import hydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skintag.core.errors import ConfigError
from skintag.core.io import atomic_path
from skintag.core.registry import is_registered

# A run folder's configuration may come from somebody else: it names only what SkinTag is made of, and what the
# person who reads it has imported and registered.
_PACKAGE = "skintag"
# Where classes that a configuration may name were before version 0.2: runs of then are read, and gone on with.
_MOVED: Final = {
    "skintag.data.balance": "skintag.data.view.balance",
    "skintag.data.label_policy": "skintag.data.view.label_policy",
    "skintag.data.splits": "skintag.data.view.splits",
    "skintag.evaluation.assess": "skintag.evaluation.analyses.assess",
    "skintag.evaluation.report.gather": "skintag.evaluation.report.settings",
    "skintag.evaluation.selection": "skintag.evaluation.decisions.selection",
    "skintag.evaluation.table": "skintag.evaluation.analyses.table",
    "skintag.models.distill_module": "skintag.distillation.module",
    "skintag.sweeps": "skintag.commands.sweeps",
}


def instantiate(node: DictConfig | dict[str, Any], **kwargs: Any) -> Any:
    """Build what `node._target_` names, with `kwargs` added; nested targets are checked and built too.

    Raises:
        ConfigError: a target is neither a class of SkinTag's own nor a registered one of a module that was imported
            already, or refuses its arguments.
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


def plain(config: DictConfig) -> dict[str, Any]:
    """The composed configuration as plain values, interpolations resolved."""
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {str(name): value for name, value in values.items()}


def resolved_where_possible(config: DictConfig) -> dict[str, Any]:
    """A run's configuration as plain values; what refers to something that is not here any more stays as written."""
    values: dict[str, Any] = {}
    for key in map(str, config):
        try:
            node = config[key]
            values[key] = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
        except OmegaConfBaseException:
            values[key] = OmegaConf.to_container(config, resolve=False)[key]  # type: ignore[index, call-overload]
    return values


def with_present_targets(node: Any) -> Any:
    """Plain values with every `_target_` of an earlier version's as this one has it, in a new tree."""
    if isinstance(node, dict):
        return {
            name: _present(str(value)) if name == "_target_" else with_present_targets(value)
            for name, value in node.items()
        }
    return [with_present_targets(value) for value in node] if isinstance(node, list) else node


def _present(target: str) -> str:
    module, _, name = target.rpartition(".")
    return f"{_MOVED.get(module, module)}.{name}"


def write_config(values: Mapping[str, Any], folder: Path) -> None:
    """Write a run's configuration into its folder, unless Hydra, which started it, has done so.

    Raises:
        ConfigError: the folder holds the configuration of another run.
    """
    path = folder / ".hydra" / "config.yaml"
    if not path.is_file():
        with atomic_path(path) as part:
            OmegaConf.save(OmegaConf.create(dict(values)), part)
        return
    there = OmegaConf.load(path)
    if not isinstance(there, DictConfig) or values.get("resume"):
        return
    differ = [key for key in ("seed", "split_seed") if key in there and there[key] != values.get(key)]
    if differ:
        raise ConfigError(
            f"{folder} holds another run (it differs in {', '.join(differ)}): name another folder"
        )


def _check_targets(node: Any) -> None:
    if isinstance(node, dict):
        target = node.get("_target_")
        if target is not None and not (_is_own_class(str(target)) or is_registered(str(target))):
            raise ConfigError(
                f"_target_={target!r} may not be instantiated; allowed: classes of {_PACKAGE}, and registered "
                "ones of your own, once you have imported the module that defines them"
            )
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
