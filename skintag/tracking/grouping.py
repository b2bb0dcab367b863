"""Which runs belong together: the group of a run is its experiment and all that it was told, seeds and places aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from skintag.core.hashing import content_key
from skintag.core.stored import read_yaml
from skintag.runs.regimes import matters

LONGEST: Final = 128
"""Characters of a group's name that W&B takes."""
# Choices that set devices and searches alone.
_NO_REGIME: Final = frozenset({"trainer", "sweep"})


def group_of(folder: Path, name: str) -> str:
    """`multi_balanced`, or, told so on the command line, `multi_balanced balance=domain`.

    Runs of one group differ in their seed alone, in a sweep or not.

    Args:
        folder: the run folder, where Hydra wrote down what the run was told.
        name: the experiment's name; an experiment of that name is not repeated.
    """
    told = {
        _key(item): item for item in _overrides(folder / ".hydra" / "overrides.yaml")
    }  # the last one counts
    told = {key: item for key, item in told.items() if matters(key) and key not in _NO_REGIME}
    if told.get("experiment") == f"experiment={name}":
        del told["experiment"]
    group = " ".join([name, *(told[key] for key in sorted(told))])
    if len(group) > LONGEST:
        known = f" #{content_key(group)[:8]}"
        group = group[: LONGEST - len(known)] + known
    return group


def sweep_of(folder: Path) -> str | None:
    """The name of the sweep that the run is a job of; None for a run of its own."""
    return folder.resolve().parent.name if (folder.parent / "multirun.yaml").is_file() else None


def _key(override: str) -> str:
    return override.lstrip("+~").split("=", 1)[0]


def _overrides(path: Path) -> list[str]:
    loaded: Any = read_yaml(path, "a list of overrides") if path.is_file() else []
    return [str(item) for item in loaded] if isinstance(loaded, list) else []
