"""Regimes: what runs have in common that differ in their seed alone, and names that tell regimes apart.

The seed of the split belongs to the regime: with another one, other images are tested on. Names leave it out, and the
fold of a cross-validation too: a name is repeated under seeds, splits or both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf

from skintag.core.errors import DataError
from skintag.core.hashing import content_key
from skintag.runs.files import RunFiles

# Where a run computes, reads, writes and reports: its figures do not hang on these, and `seed` is what is repeated.
_APART: Final = (
    "seed", "probe.*.seed", "name", "resume", "logger", "report", "robustness", "cache", "compile", "select",
    "dry_run", "paths", "hydra", "data.prepared", "data.workers", "data.note", "data.synthetic.out",
    "loader.num_workers",
    "loader.prefetch_factor", "loader.start_method", "loader.url", "loader.eval_batch_size", "trainer.accelerator",
    "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.benchmark", "trainer.deterministic",
    "trainer.log_every_n_steps", "trainer.num_sanity_val_steps", "callbacks.progress_bar",
    "callbacks.checkpoint_every_steps",
)  # fmt: skip
REPEATED: Final = ("split_seed", "split.fold")
"""What else is repeated under one name."""
_SHORT: Final = 8  # hex digits of a key in a name


def matters(key: str) -> bool:
    """Whether runs that differ in this dotted key of the configuration are of different regimes."""
    parts = re.split(r"[./]", key)
    above = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return not any(fnmatchcase(part, pattern) for part in above for pattern in _APART)


def settings_of(config: DictConfig) -> dict[str, Any]:
    """The settings that make up the regime: dotted key -> value, interpolations as they are written."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    flat = {key: value for key, value in _leaves(plain, "") if matters(key)}
    # of the data's raw folders it matters which there are, not where
    return {key: "" if key.startswith("data.sources.") else value for key, value in flat.items()}


def regime_key(config: DictConfig, *, without: Sequence[str] = ()) -> str:
    """Equal for runs that repeat each other under other seeds.

    Args:
        config: of the run.
        without: further keys that may differ, such as `split_seed`.
    """
    return content_key({k: v for k, v in settings_of(config).items() if k not in without})


def differing(a: DictConfig, b: DictConfig, *, without: Sequence[str] = ()) -> list[str]:
    """The keys by which two regimes differ; arguments as `regime_key`."""
    one, other = settings_of(a), settings_of(b)
    keys = dict.fromkeys((*one, *other))
    return [key for key in keys if key not in without and _at(one, key) != _at(other, key)]


def regime_names(runs: Sequence[RunFiles]) -> list[str]:
    """A name for each run, such that (name, split, seed) is a run's own and a name is that of one regime.

    It is the experiment's name and, where several regimes have that, the settings in which they differ: `multi
    objective=focal`. Runs that repeat a regime under the same split and seed are told apart by their folders.
    """
    by_name: dict[str, list[int]] = {}
    for i, run in enumerate(runs):
        by_name.setdefault(_name(run), []).append(i)
    names = [""] * len(runs)
    for name, members in by_name.items():
        for i, label in zip(members, _labels([runs[i] for i in members]), strict=True):
            names[i] = f"{name} {label}".strip()
    return _told_apart(runs, names)


def _labels(runs: Sequence[RunFiles]) -> list[str]:
    """What tells the regimes of one experiment apart; empty where there is one."""
    keys = [_key(run) for run in runs]
    if len(set(keys)) == 1:
        return [""] * len(runs)
    settings = [_settings(run) for run in runs]
    varied = [
        k for k in dict.fromkeys(k for s in settings for k in s) if len({_at(s, k) for s in settings}) > 1
    ]
    parts: list[list[str]] = [[] for _ in runs]
    for group in dict.fromkeys(key.split(".")[0] for key in varied):
        within = [key for key in varied if key.split(".")[0] == group]
        for part, words in zip(parts, _words(runs, settings, group, within), strict=True):
            part += words
    labels = [" ".join(part) for part in parts]
    shared = {
        label
        for label in labels
        if len({k for k, other in zip(keys, labels, strict=True) if other == label}) > 1
    }
    return [f"{x} #{k[:_SHORT]}".strip() if x in shared else x for x, k in zip(labels, keys, strict=True)]


def _words(
    runs: Sequence[RunFiles], settings: Sequence[Mapping[str, Any]], group: str, keys: Sequence[str]
) -> list[list[str]]:
    """What differs in one group of the configuration: by the names of its choices where they say all of it."""
    values = [tuple(_at(s, key) for key in keys) for s in settings]
    for said in (
        [run.choices.get(group) for run in runs],
        [_kind(s.get(f"{group}._target_")) for s in settings],
    ):
        if None not in said and len(set(said)) == len(set(values)) == len(
            set(zip(said, values, strict=True))
        ):
            return [[f"{group}={word}"] for word in said]
    return [[f"{key}={_shown(key, s[key])}" for key in keys if key in s] for s in settings]


def _told_apart(runs: Sequence[RunFiles], names: list[str]) -> list[str]:
    """Names with the sweep, the folder or the whole path added where a name, split and seed are several runs'."""
    seeds = [(*split_of(run), seed_of(run)) for run in runs]
    paths = [run.path.resolve() for run in runs]
    for name in dict.fromkeys(names):
        own = [i for i, other in enumerate(names) if other == name]
        twice = [i for i in own if sum(seeds[j] == seeds[i] for j in own) > 1]
        if not twice:
            continue
        for chosen, words in (
            (own, [p.parent.name for p in paths]),  # repeated sweeps: each keeps its seeds together
            (twice, [p.name for p in paths]),
            (twice, [str(p) for p in paths]),
        ):
            new = {i: f"{name} {words[i]}" for i in chosen}
            given = [(new.get(i, names[i]), seeds[i]) for i in range(len(names))]
            if len({given[i] for i in own}) == len(own) and not set(new.values()) & set(names):
                break
        for i, text in new.items():
            names[i] = text
    return names


def _leaves(node: Any, prefix: str) -> list[tuple[str, Any]]:
    """Dotted keys and values; a list is a value."""
    if not isinstance(node, dict):
        return [(prefix, node)]
    return [pair for k, v in node.items() for pair in _leaves(v, f"{prefix}.{k}" if prefix else str(k))]


def _at(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else ""


def _kind(target: object) -> str | None:
    """`group_dro` of `skintag.models.objectives.GroupDro`."""
    if target is None:
        return None
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(target).rpartition(".")[2]).lower()


def _shown(key: str, value: object) -> str:
    return str(_kind(value)) if key.endswith("_target_") else str(value)


def _settings(run: RunFiles) -> dict[str, Any]:
    try:
        return {k: v for k, v in settings_of(run.config).items() if k not in REPEATED}
    except DataError:
        return {}


def _key(run: RunFiles) -> str:
    """The regime's key; a run that does not say how it was configured is of a regime of its own."""
    try:
        return regime_key(run.config, without=REPEATED)
    except DataError:
        return content_key(str(run.path.resolve()))


def _name(run: RunFiles) -> str:
    try:
        return run.name
    except DataError:
        return run.path.resolve().name


def split_of(run: RunFiles) -> tuple[int, int]:
    """The seed of a run's split and the fold of its cross-validation; 0 where the run does not say."""
    try:
        seed, fold = (OmegaConf.select(run.config, key) for key in REPEATED)
    except DataError:
        return 0, 0
    return int(seed or 0), int(fold or 0)


def seed_of(run: RunFiles) -> int:
    """The seed of a run's training; 0 where the run does not say."""
    try:
        return run.seed
    except DataError:
        return 0
