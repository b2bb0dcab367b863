"""Where a result came from: commit, versions, data, seeds, machine, and the time of each stage."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "skintag", "torch", "torchvision", "timm", "open_clip_torch", "transformers", "lightning", "hydra-core",
    "omegaconf", "torchmetrics", "xgboost", "scikit-learn", "albumentations", "webdataset", "numpy", "pandas",
    "pyarrow", "pillow", "simplejpeg", "opencv-python-headless",
)  # fmt: skip


@dataclass
class Stages:
    """Wall time of each stage of a run, in seconds, in the order in which they first began."""

    seconds: dict[str, float] = field(default_factory=dict)
    _open: dict[str, float] = field(default_factory=dict, repr=False)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's wall time to `name`."""
        self._open[name] = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - self._open.pop(name))

    def so_far(self) -> dict[str, float]:
        """The times by now, those of stages under way included."""
        now = time.perf_counter()
        under_way = {name: now - began for name, began in self._open.items()}
        names = [*self.seconds, *(name for name in under_way if name not in self.seconds)]
        return {name: self.seconds.get(name, 0.0) + under_way.get(name, 0.0) for name in names}

    def add(self, name: str, seconds: float) -> None:
        """Add to the wall time of the stage `name`."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def split(self, whole: str, part: str, seconds: float) -> None:
        """Book `seconds` of `whole` as a stage of its own."""
        self.add(part, seconds)
        self.add(whole, -seconds)


def git_state(folder: Path) -> dict[str, Any]:
    """Commit of the checkout whose top `folder` is, and whether it has uncommitted changes; nulls elsewhere.

    A package that was installed somewhere inside somebody else's repository is not of that repository's commit.
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    top = git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        return {"commit": None, "dirty": None}
    changed = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changed is None else bool(changed)}


def versions() -> dict[str, str | None]:
    """Installed version of Python and of every library whose version can change a number."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def machine() -> dict[str, Any]:
    """The hardware that counts for a figure: processor, cores, accelerators."""
    import torch

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpus": gpus,
    }


def provenance(*, seed: int, stages: Stages, data: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Everything that `provenance.json` holds; see the module's first line."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "git": git_state(Path(__file__).resolve().parents[2]),
        "versions": versions(),
        "machine": machine(),
        "seed": seed,
        "data": data,
        "seconds": {name: round(value, 2) for name, value in stages.seconds.items()},
        **extra,
    }
