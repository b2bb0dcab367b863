"""Run folders as somebody would write them who wants more than to be read: each has one thing wrong."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

OLD = Path(__file__).resolve().parents[1] / "fixtures" / "version_0_1"
SECRET = "the-value-of-a-variable"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


class Canary:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@dataclass(frozen=True)
class Hostile:
    """A folder and what is to be tried on it."""

    name: str
    kind: str
    """`run`, `killed` or `sweep`, of the fixtures."""
    spoil: Callable[[Path, Path], None]
    """Of the copied folder and of the canary, a file that must not come to be."""


def plant(folder: Path, text: str, file: str = ".hydra/overrides.yaml") -> None:
    """Add a line to the overrides, or replace another file."""
    path = folder / file
    path.write_text(path.read_text() + f"- {text}\n" if file.endswith("overrides.yaml") else text)


def changed(folder: Path, key: str, value: Any, file: str = ".hydra/config.yaml") -> None:
    """Set a dotted key of a YAML file."""
    path = folder / file
    values = yaml.safe_load(path.read_text())
    node = values
    *way, last = key.split(".")
    for name in way:
        node = node.setdefault(name, {})
    node[last] = value
    path.write_text(yaml.safe_dump(values))


def overrides(canary: Path) -> Iterator[tuple[str, str]]:
    """Overrides that would run, read or write something."""
    there = canary.parent
    call = f"{{_target_:builtins.open,_args_:['{canary}',w]}}"
    yield "callback", f"+hydra.callbacks.x={call}"
    yield "callbacks", f"+hydra={{callbacks:{{x:{call}}}}}"
    yield "sympy", "+hydra.callbacks.x={_target_:sympy.sympify,_args_:[1]}"
    yield "searchpath", f"hydra.searchpath=[file://{there}/configs]"
    yield "launcher", "hydra/launcher=joblib"
    yield "environment", "++hydra.job.env_set.PYTHONSTARTUP=x"
    yield "package", "+experiment@hydra.callbacks.x=multi"
    yield "way_out", f"experiment=../..{there}/configs/experiment/evil"
    yield "absolute", f"experiment={there}/configs/experiment/evil"
    yield "oc_env", "name=${oc.env:SKINTAG_SECRET}"
    yield "oc_env_in_data", "data.name=${oc.env:SKINTAG_SECRET}"
    yield "oc_create", "name=${oc.create:x}"
    yield "escaped", r"name=\\${oc.env:SKINTAG_SECRET}"
    yield "trainer", f"+trainer.default_root_dir={there}/elsewhere"
    yield "wandb", "logger.wandb={settings:{base_url:'http://127.0.0.1:9'}}"
    yield "address", "loader.url=http://127.0.0.1:9/x"
    yield "target", f"+select={call}"
    yield "grammar", "{" * 3000


def targets(canary: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a configuration's `_target_` may not be."""
    yield "open", {"_target_": "builtins.open", "_args_": [str(canary), "w"]}
    yield "through", {"_target_": "skintag.core.io.Path.touch", "_args_": [str(canary)]}
    yield "function", {"_target_": "skintag.core.io.write_bytes", "path": str(canary), "data": ""}
    yield "class", {"_target_": "skintag.runs.files.RunFiles", "path": str(canary.parent)}
    yield "writer", {"_target_": "skintag.commands.sweeps.SweepSummary"}
    yield "main", {"_target_": "skintag.data.augment.__main__.X"}
    yield "module", {"_target_": "evil_module.X"}
    yield "partial", {"_target_": "skintag.evaluation.decisions.selection.Selection", "_partial_": True}
    yield "nested", {"a": [{"_target_": "os.system", "_args_": [f"touch {canary}"]}]}
    yield "other_group", {"_target_": "skintag.models.settings.FinetuneSettings"}
    yield "reference", {"_target_": "${oc.env:SKINTAG_SECRET}"}


def files(canary: Path) -> Iterator[tuple[str, str, str]]:
    """Whole files in the place of others."""
    call = f"!!python/object/apply:os.system ['touch {canary}']\n"
    for name in (".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"):
        yield f"tag_{Path(name).stem}", name, call
        yield f"bomb_{Path(name).stem}", name, BOMB
        yield f"deep_{Path(name).stem}", name, "[" * 5000
        yield f"large_{Path(name).stem}", name, "a: 1\n" * 400_000
        yield f"digits_{Path(name).stem}", name, f"a: {':'.join(['1'] * 400_000)}\n"
    laughs = "\n".join(f"a{i}: ${{a{i + 1}}}${{a{i + 1}}}" for i in range(60))
    yield "laughing_references", ".hydra/config.yaml", f"{laughs}\na60: {'x' * 1000}\n"
    yield "circle", ".hydra/config.yaml", "name: ${seed}\nseed: ${name}\n"
    for name in ("provenance.json", "metrics.json", "thresholds.json"):
        yield f"deep_{name}", name, "[" * 200_000
        yield f"other_{name}", name, "[1, 2]"


def pickled(canary: Path) -> bytes:
    return pickle.dumps({"state_dict": Canary(canary), "hyper_parameters": {}})


def zipped(canary: Path) -> bytes:
    """As torch.save writes it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(canary))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return data.getvalue()


def objects(canary: Path) -> bytes:
    """An array of objects, as `.npz`."""
    data = io.BytesIO()
    np.savez(data, mean=np.array([Canary(canary)], dtype=object))
    return data.getvalue()


def all_of(canary: Path) -> list[Hostile]:
    """Every hostile folder that the tests know."""

    def line(text: str) -> Callable[[Path, Path], None]:
        return lambda folder, _: plant(folder, text)

    def replaced(file: str, content: str | bytes) -> Callable[[Path, Path], None]:
        data = content.encode() if isinstance(content, str) else content
        return lambda folder, _: (folder / file).write_bytes(data) and None  # type: ignore[func-returns-value]

    def told(key: str, value: Any, file: str = ".hydra/config.yaml") -> Callable[[Path, Path], None]:
        return lambda folder, _: changed(folder, key, value, file)

    def in_sweep(kind: str, text: str) -> Callable[[Path, Path], None]:
        def spoil(folder: Path, _: Path) -> None:
            values = yaml.safe_load((folder / "multirun.yaml").read_text())
            values["hydra"]["overrides"][kind].append(text)
            (folder / "multirun.yaml").write_text(yaml.safe_dump(values))

        return spoil

    made = [Hostile(f"override_{name}", "killed", line(text)) for name, text in overrides(canary)]
    made += [Hostile(f"task_{name}", "sweep", in_sweep("task", text)) for name, text in overrides(canary)]
    made += [
        Hostile(f"hydra_{name}", "sweep", in_sweep("hydra", text))
        for name, text in overrides(canary)
        if name != "launcher"
    ]
    made += [
        Hostile(f"sweep_{name}", "sweep", in_sweep("hydra", text))
        for name, text in (
            ("setup", f"hydra.launcher.setup=['touch {canary}']"), ("subdir", f"hydra.sweep.subdir={canary}"),
            ("storage", f"hydra.sweeper.storage=sqlite:///{canary}"), ("params", "hydra.sweeper.params={'+hydra.x':1}"),
        )
    ]  # fmt: skip
    made += [
        Hostile(f"multirun_{name}", "sweep", replaced("multirun.yaml", text))
        for name, file, text in files(canary)
        if "overrides" in file
    ]
    for group in ("select", "split", "probe", "backbone", "labels"):
        made += [Hostile(f"{group}_{name}", "run", told(group, node)) for name, node in targets(canary)]
    made += [Hostile(name, "run", replaced(file, text)) for name, file, text in files(canary)]
    made += [
        Hostile(f"env_{key}", "run", told(key, "${oc.env:SKINTAG_SECRET}"))
        for key in ("name", "data.name", "data.note", "seed", "data.prepared", "paths.cache", "loader.fit")
    ]
    made += [
        Hostile("cwd", "run", told("hydra.runtime.cwd", "${oc.env:SKINTAG_SECRET}", ".hydra/hydra.yaml")),
        Hostile(
            "choices",
            "run",
            told("hydra.runtime.choices.split", "${oc.env:SKINTAG_SECRET}", ".hydra/hydra.yaml"),
        ),
        Hostile("address", "run", told("loader.url", "http://127.0.0.1:9/x")),
        Hostile("hub", "run", told("backbone.name", "hf-hub:somebody/evil")),
        Hostile("local", "run", told("backbone.name", f"local-dir:{canary.parent}")),
    ]
    for name, data in (("pickle", pickled(canary)), ("zip", zipped(canary)), ("objects", objects(canary))):
        made += [Hostile(f"{name}_best", "run", replaced("checkpoints/best.ckpt", data))]
        made += [Hostile(f"{name}_last", "killed", replaced("checkpoints/last.ckpt", data))]
        made += [Hostile(f"{name}_table", "run", replaced("predictions.parquet", data))]
        for file in (
            "majority.npz",
            "finetuned/logistic.npz",
            "finetuned/mlp.safetensors",
            "finetuned/xgboost_binary.ubj",
        ):
            made += [Hostile(f"{name}_{Path(file).stem}", "run", replaced(f"probes/{file}", data))]
    return made


def make(item: Hostile, folder: Path, canary: Path) -> Path:
    """The hostile folder, with a module in it that would run where somebody imports it."""
    shutil.copytree(OLD / item.kind, folder)
    item.spoil(folder, canary)
    (folder / "evil_module.py").write_text(f"open({str(canary)!r}, 'w')\n")
    return folder


def make_configs(folder: Path, canary: Path) -> None:
    """Configurations of somebody else's, which would run something when a command is composed of them."""
    (folder / "configs" / "experiment").mkdir(parents=True)
    call = f"      _target_: builtins.open\n      _args_: ['{canary}', w]\n"
    text = f"# @package _global_\nhydra:\n  callbacks:\n    x:\n{call}"
    (folder / "configs" / "experiment" / "evil.yaml").write_text(text)
