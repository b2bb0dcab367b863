"""What a run, or a sweep, was started with, read back from its folder: settings of SkinTag's own tree, and no more.

Hydra instantiates whatever its own configuration names (callbacks, launchers, sweepers), and reads further
configurations from where it is told to look. So of a folder, which may be a stranger's, nothing of `hydra` is taken
but what says how and where a sweep's jobs run, each value held to its form. What is refused may be given again on
the command line: there it is the user's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from skintag.core.errors import ConfigError
from skintag.core.stored import reaches_out, read_yaml
from skintag.runs.training_settings import TrainerSettings, WandbSettings

_LONGEST: Final = 4_000  # characters of an override
_MOST: Final = 200  # overrides
_REFERENCES: Final = 16  # in all of them
_PATHS: Final = ("ckpt_path", "teacher")  # keys at the top of the tree that take one; the others are groups
_KEY: Final = re.compile(r"[A-Za-z_][\w-]*(?:[./][\w-]+)*")
_CHOICE: Final = re.compile(r"[\w-]+(?:/[\w-]+)*|null|None|")
_COUNT: Final = re.compile(r"[0-9]{1,6}")
_WORD: Final = re.compile(r"[\w.-]{1,100}")
_FOLDER: Final = re.compile(r"(?!/)(?!.*\.\.(?:/|$))(?:[\w./@ =,-]|\$\{[\w.]+\})+")
# Of a sweep's own settings: how many jobs run where, and what their folders are called.
_OF_HYDRA: Final[dict[str, re.Pattern[str]]] = {
    "hydra/launcher": re.compile(r"basic|joblib|parallel|submitit|submitit_local|submitit_slurm|slurm|ray|ray_local"),
    "hydra/sweeper": re.compile(r"basic|optuna"),
    "hydra.sweep.subdir": _FOLDER,
    **{
        f"hydra.launcher.{name}": _COUNT
        for name in (
            "n_jobs", "timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "nodes", "mem_gb",
            "array_parallelism",
        )
    },
    **{f"hydra.launcher.{name}": _WORD for name in ("partition", "qos", "account", "constraint")},
    **{f"hydra.sweeper.{name}": _COUNT for name in ("n_trials", "n_jobs", "sampler.seed", "max_batch_size")},
    "hydra.sweeper.study_name": _WORD,
    "hydra.sweeper.direction": re.compile(r"maximize|minimize"),
}  # fmt: skip
# Where values go to a library as they are (`+trainer.<name>=...`): its further arguments name places and plugins.
_FIELDS: Final = {
    "trainer": {*TrainerSettings.__dataclass_fields__} - {"more"},
    "logger.wandb": {*WandbSettings.__dataclass_fields__} - {"more"},
}


def of_run(folder: Path, given: Sequence[str]) -> list[str]:
    """The overrides in a run's folder, but for those whose key is given anew.

    Args:
        folder: with `.hydra/overrides.yaml`.
        given: keys that the command line has, as `key_of` gives them.

    Raises:
        ConfigError: one is no setting of SkinTag's, or a value that a folder may not decide; names the file and key.
        DataError: the file cannot be read.
    """
    path = folder / ".hydra" / "overrides.yaml"
    return _checked(_texts(path, read_yaml(path, "a list of overrides")), path, given)


def of_sweep(path: Path, given: Sequence[str]) -> list[str]:
    """The overrides that Hydra's record of a sweep holds, those of Hydra itself last. As `of_run`."""
    node: Any = read_yaml(path, "Hydra's record of a sweep")
    for name in ("hydra", "overrides"):
        node = node.get(name) if isinstance(node, dict) else None
    node = node if isinstance(node, dict) else {}
    task, hydra = (_texts(path, node.get(name)) for name in ("task", "hydra"))
    return [*_checked(task, path, given), *_checked_hydra(hydra, path, given)]


def key_of(override: str) -> str:
    """`balance` of `+balance=domain`, `~balance` and `balance@there=domain`."""
    return re.split("[=@]", override.lstrip("+~"), maxsplit=1)[0]


def _texts(path: Path, values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        _refuse(path, "its overrides", "are no list of texts: restore the file")
    if len(values) > _MOST or sum(value.count("${") for value in values) > _REFERENCES:
        _refuse(
            path,
            "its overrides",
            f"are more than {_MOST}, or refer to other values more than {_REFERENCES} times",
        )
    return [str(value) for value in values]


def _checked(overrides: Sequence[str], path: Path, given: Sequence[str]) -> list[str]:
    kept = [text for text in overrides if key_of(text) not in {"resume", *given}]
    for text in kept:
        _check(_parsed(text, path), text, path)
    return kept


def _check(override: Override, text: str, path: Path) -> None:
    """Refuse an override that is none of SkinTag's own tree."""
    key = str(override.key_or_group)
    if not _KEY.fullmatch(key) or re.split("[./]", key)[0] == "hydra":
        _refuse(path, key, "is no setting of SkinTag's")
    if override.package is not None:
        _refuse(path, f"{key}@{override.package}", "puts a choice in another place")
    if reaches_out(text):
        _refuse(path, key, "refers to more than other settings", again=key)
    for name, value in _leaves(key, _value(override)):
        if name.endswith("_target_"):
            _refuse(path, name, "names code")
        for place, fields in _FIELDS.items():
            if name.startswith(f"{place}.") and name.removeprefix(f"{place}.").split(".")[0] not in fields:
                _refuse(path, name, "is a library's own argument", again=name)
        if name == "loader.url" and value:
            _refuse(path, name, "is an address, which is not fetched from unasked", again=name)
    _check_choice(override, key, text, path)


def _check_choice(override: Override, key: str, text: str, path: Path) -> None:
    """Refuse a choice that leads out of the configurations' folders: `experiment=../../elsewhere`."""
    if "." in key or override.is_delete():
        return
    value = _value(override)
    for choice in value if isinstance(value, list) else [value]:
        if (
            isinstance(choice, str)
            and ("../" in choice or choice.startswith(("/", ".")))
            and key not in _PATHS
        ):
            _refuse(path, key, "is no name of a choice", again=key)
        if "/" in key and not _CHOICE.fullmatch(str(choice)):
            _refuse(path, key, "is no name of a choice", again=key)


def _checked_hydra(overrides: Sequence[str], path: Path, given: Sequence[str]) -> list[str]:
    """Those of a sweep's own settings that going on with it needs; what Hydra sets anew is left out."""
    kept = []
    for text in overrides:
        override = _parsed(text, path)
        key = str(override.key_or_group)
        if key in (*given, "hydra.mode", "hydra.sweep.dir", "hydra.run.dir", "hydra.verbose"):
            continue
        form = _OF_HYDRA.get(key)
        said = text.partition("=")[2].strip("'\"")
        if form is None or override.package is not None or override.is_delete() or not form.fullmatch(said):
            _refuse(path, text[:80], "is not taken from a folder", again=key)
        kept.append(text)
    return kept


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of what an override sets; a mapping has several."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _leaves(f"{key}.{name}", child)
    elif isinstance(value, list) and any(isinstance(child, dict | list) for child in value):
        for number, child in enumerate(value):
            yield from _leaves(f"{key}.{number}", child)
    else:
        yield key, value


def _value(override: Override) -> Any:
    """The override's value as plain values; the list of its choices where it is swept over."""
    if override.is_delete():
        return None
    if override.is_sweep_override():
        swept = override.value()
        return list(getattr(swept, "list", None) or [])
    return _unquoted(override.value())


def _unquoted(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(_unquoted(name)): _unquoted(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_unquoted(child) for child in value]
    return getattr(value, "text", value)


def _parsed(text: str, path: Path) -> Override:
    if len(text) > _LONGEST:
        _refuse(path, key_of(text)[:80], f"has {len(text):,} characters")
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, RecursionError) as error:
        raise ConfigError(
            f"{path}: {text[:80]!r} is no override: restore the file, or leave out resume"
        ) from error


def _refuse(path: Path, what: str, why: str, again: str = "") -> NoReturn:
    cure = (
        f"; if you want it, give it again: {again}=<value>"
        if again
        else "; do not use a folder that is not yours"
    )
    raise ConfigError(f"{path}: {what} {why}{cure}")
