"""Which runs belong together: the group of a run is its experiment and what its sweep varies, seeds aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

# Runs that differ in these alone are repetitions, or have a name of their own.
_NO_ABLATION: Final = frozenset({"seed", "split_seed", "experiment", "name"})


def group_of(folder: Path, name: str) -> str:
    """`multi_balanced`, or, in a sweep over balance and seeds, `multi_balanced balance=domain`.

    Args:
        folder: the run folder; a sweep's `multirun.yaml` lies in the folder above it.
        name: the experiment's name.
    """
    own = dict(
        item.split("=", 1) for item in _overrides(folder / ".hydra" / "overrides.yaml", "") if "=" in item
    )
    varied = [key for key in varied_keys(folder.parent) if key in own and key not in _NO_ABLATION]
    return " ".join([name, *(f"{key}={own[key]}" for key in varied)])


def sweep_of(folder: Path) -> str | None:
    """The name of the sweep that the run is a job of; None for a run of its own."""
    return folder.resolve().parent.name if (folder.parent / "multirun.yaml").is_file() else None


def varied_keys(sweep: Path) -> list[str]:
    """The keys that a sweep gives several values to, in the order of its command; empty for no sweep."""
    given = _overrides(sweep / "multirun.yaml", "hydra.overrides.task")
    parser, keys = OverridesParser.create(), []
    for override in given:
        try:
            parsed = parser.parse_override(override)
        except HydraException:
            continue
        if parsed.is_sweep_override():
            keys.append(override.split("=", 1)[0])
    return keys


def _overrides(path: Path, key: str) -> list[str]:
    if not path.is_file():
        return []
    loaded: Any = OmegaConf.load(path)
    found = OmegaConf.select(loaded, key) if key else loaded
    return [str(item) for item in found or []]
