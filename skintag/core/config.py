"""From configuration to objects, through one door."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skintag.core.errors import ConfigError
from skintag.core.registry import is_registered, is_registered_class
from skintag.core.stored import read_yaml, write_yaml

# A run folder's configuration may come from somebody else: it names only settings, which do nothing when they are
# made, and what is registered; of other packages only what the person who reads it has imported.
_PLACES: Final = (
    "skintag.data.augment",
    "skintag.data.view.balance",
    "skintag.data.view.label_policy",
    "skintag.data.view.split_file",
    "skintag.data.view.splits",
    "skintag.distillation.module",
    "skintag.evaluation.analyses.assess",
    "skintag.evaluation.analyses.table",
    "skintag.evaluation.decisions.selection",
    "skintag.evaluation.report.settings",
    "skintag.models.objectives",
    "skintag.models.optimizer",
    "skintag.models.settings",
    "skintag.probes",
)
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

    References in plain values are not followed: those of a composed configuration are, once.

    Raises:
        ConfigError: a target is neither one of SkinTag's own settings nor a registered class, of a module that was
            imported already where it is not SkinTag's; or it refuses its arguments.
    """
    plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
    _check_targets(plain)
    return _built(plain, kwargs)


def _built(node: Any, more: Mapping[str, Any]) -> Any:
    """A tree of checked targets as objects, the innermost first."""
    if isinstance(node, list):
        return [_built(value, {}) for value in node]
    if not isinstance(node, dict):
        return node
    values = {str(name): _built(value, {}) for name, value in node.items()}
    if "_target_" not in values:
        return {**{name: values[str(name)] for name in node}, **more}
    target = str(values.pop("_target_"))
    try:
        return _class_of(target)(**values, **more)
    except (TypeError, ValueError, AttributeError, ConfigError) as error:
        raise ConfigError(f"{target}: {error}") from error


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
        write_yaml(OmegaConf.create(dict(values)), path)
        return
    there = read_yaml(path)
    if not isinstance(there, dict) or values.get("resume"):
        return
    differ = [key for key in ("seed", "split_seed") if key in there and there[key] != values.get(key)]
    if differ:
        raise ConfigError(
            f"{folder} holds another run (it differs in {', '.join(differ)}): name another folder"
        )


def _check_targets(node: Any) -> None:
    if isinstance(node, dict):
        if "_target_" in node and _class_of(str(node["_target_"])) is None:
            raise ConfigError(
                f"_target_={str(node['_target_'])!r} may not be instantiated; allowed: settings of SkinTag's own, and "
                "registered classes of your own, once you have imported the module that defines them"
            )
        for value in node.values():
            _check_targets(value)
    elif isinstance(node, list):
        for value in node:
            _check_targets(value)


def _class_of(target: str) -> Any:
    """The class that a configuration may name so; None where it may not.

    A prefix is not enough: `skintag.x.np.load` begins with the right one too, for every module can be reached
    through those that import it, and `skintag.x.Writer` would write when it is made.
    """
    module, _, name = target.rpartition(".")
    if is_registered(target):
        return getattr(importlib.import_module(module), name)
    if "__" in target or not any(module == place or module.startswith(f"{place}.") for place in _PLACES):
        return None
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    if not isinstance(found, type) or found.__name__ != name or not _is_own(found):
        return None
    return found if dataclasses.is_dataclass(found) or is_registered_class(found) else None


def _is_own(found: type) -> bool:
    return found.__module__.partition(".")[0] == "skintag"
