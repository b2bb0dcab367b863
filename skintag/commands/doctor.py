"""`skintag doctor data=five paths.raw=/data/skin`: is everything here that is needed, and does it look right?"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from omegaconf import DictConfig
from rich.markup import escape
from rich.table import Table

from skintag.commands.cli import run_command
from skintag.core.config import plain
from skintag.core.console import readable_console
from skintag.core.distributions import distribution_of
from skintag.core.errors import SkinTagError, first_few

GOOD: Final = "ok"
ABSENT: Final = "not here"
ODD: Final = "look at it"
_EXTRAS: Final = {
    "joblib": "sweeps side by side: hydra/launcher=parallel",
    "submitit": "sweeps on a cluster: hydra/launcher=slurm",
    "optuna": "a search: sweep=optuna",
    "ray": "sweeps with Ray, in an environment of its own",
    "mobile": "skintag export formats=[executorch,coreml]",
    "wandb": "skintag dashboard",
    "space": "skintag space, in an environment of its own",
    "heic": "HEIC pictures, as phones send them",
}
_GB: Final = 10**9


@dataclass(frozen=True)
class Finding:
    """One line of what the doctor says."""

    what: str
    """What was looked at."""
    state: str
    """GOOD, ABSENT or ODD."""
    said: str
    """What was found, and what to do where that is not as it should be."""


def task(config: DictConfig) -> None:
    """Look at the installation, the machine and the data, and print a table of each.

    Raises:
        SystemExit: with status 1 where a library that SkinTag needs is not installed.
    """
    values = plain(config)
    installed = list(_libraries())
    for title, findings in (
        ("Installed", installed),
        ("Extras", list(_extras())),
        ("Machine", [*_accelerator(), *_places(values["paths"])]),
        (f"Raw folders ({values['data']['name']})", list(raw_folders(values["data"]["sources"]))),
    ):
        _print(title, findings)
    lost = [finding.what for finding in installed if finding.state == ABSENT]
    if lost:
        print(f"not installed: {first_few(lost)}; pip install skintag brings them", file=sys.stderr)
        sys.exit(1)


def raw_folders(sources: dict[str, str]) -> Iterator[Finding]:
    """Whether each raw folder can be read, and holds as many rows and images as were published.

    Args:
        sources: dataset -> its raw folder, or the file that describes it.
    """
    try:
        from skintag.data.sources import read_source
        from skintag.data.sources.published import PUBLISHED
    except ModuleNotFoundError as error:
        yield Finding(
            "raw folders", ABSENT, f"not looked at: {distribution_of(error.name or '')} is not installed"
        )
        return

    for dataset, root in sources.items():
        if not Path(root).exists():
            yield Finding(dataset, ABSENT, _absent(root))
            continue
        try:
            records = read_source(dataset, Path(root)).records
        except SkinTagError as error:
            yield Finding(dataset, ODD, str(error).replace("\n", " "))
            continue
        rows, images = len(records), int(records["path"].notna().sum())
        known = PUBLISHED.get(dataset)
        said = f"{rows:,} rows, {images:,} with an image ({root})"
        if known is not None and rows != known.rows:
            yield Finding(dataset, ODD, f"{said}; published: {known.rows:,} rows ({known.source})")
        elif images < rows:
            yield Finding(
                dataset, ODD, f"{said}; skintag prepare lists the {rows - images:,} that are missing"
            )
        else:
            yield Finding(dataset, GOOD, said)


def _absent(place: str) -> str:
    """What is said of a raw folder, or a description, that is not there."""
    from skintag.data.sources.description import is_description

    if is_description(place):
        return f"no file {place}; correct table="
    return f"no folder {place}; set paths.raw=<folder that holds {Path(place).name}>"


def _libraries() -> Iterator[Finding]:
    yield Finding(
        "skintag", GOOD, f"{_version('skintag') or 'a checkout'}, Python {platform.python_version()}"
    )
    for name, extra in _required():
        if extra is None:
            found = _version(name)
            yield Finding(name, ABSENT if found is None else GOOD, found or f"pip install {name}")


def _extras() -> Iterator[Finding]:
    wanted: dict[str, list[str]] = {}
    for name, extra in _required():
        if extra in _EXTRAS:
            wanted.setdefault(extra, []).append(name)
    for extra, purpose in _EXTRAS.items():
        lost = [name for name in wanted.get(extra, []) if _version(name) is None]
        said = f"{purpose}; pip install 'skintag[{extra}]'" if lost else purpose
        yield Finding(extra, ABSENT if lost else GOOD, said)


def _required() -> Iterator[tuple[str, str | None]]:
    """Distribution and extra of each requirement, as the installed package states them."""
    try:
        stated = requires("skintag") or []
    except PackageNotFoundError:  # a checkout that was not installed
        stated = []
    for text in stated:
        name = re.match(r"[\w.-]+", text)
        extra = re.search(r"extra == ['\"](\w+)", text)
        if name and name[0] != "skintag":
            yield name[0], extra[1] if extra else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _accelerator() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("processor", GOOD, f"{cores} cores, {platform.machine()}, {platform.system()}")
    try:
        import torch
    except ImportError:
        said = "torch is not installed: reports of predictions tables and ONNX bundles can do without, training cannot"
        yield Finding("accelerator", ABSENT, said)
        return
    for i in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(i)
        bf16 = "bf16" if torch.cuda.is_bf16_supported() else "no bf16"
        said = f"{properties.name}, {properties.total_memory / _GB:.0f} GB, {bf16}, CUDA {torch.version.cuda}"
        yield Finding(f"GPU {i}", GOOD, said)
    if torch.backends.mps.is_available():
        yield Finding("GPU", GOOD, "Apple's, through Metal")
    elif not torch.cuda.device_count():
        yield Finding("GPU", ABSENT, "none: training runs on the processor; profile=demo is made for it")


def _places(paths: dict[str, str]) -> Iterator[Finding]:
    for name in ("prepared", "runs", "cache"):
        folder = Path(paths[name]).absolute()
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(there).free / _GB
        writable = os.access(there, os.W_OK)
        said = f"{folder}: {free:,.0f} GB free" + ("" if writable else f"; {there} cannot be written to")
        yield Finding(f"paths.{name}", GOOD if writable else ODD, said)
    key = "set" if os.environ.get("WANDB_API_KEY") else "not set: W&B runs stay offline"
    yield Finding("WANDB_API_KEY", GOOD, key)


def _print(title: str, findings: Sequence[Finding]) -> None:
    colours = {GOOD: "green", ABSENT: "yellow", ODD: "red"}
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
    for column in ("what", "state", "said"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row(finding.what, f"[{colours[finding.state]}]{finding.state}[/]", escape(finding.said))
    readable_console().print(table)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("doctor", task, command=command)
