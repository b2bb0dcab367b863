"""Latency and memory of one file, in a process of its own: `python -m skintag.export.measure <JSON>`.

A fresh process has loaded nothing else, is bound to as many cores as there are threads, and its memory is the
file's alone: what loading and running it adds to the libraries that were there before.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

from skintag.core.errors import DataError
from skintag.export.formats import FORMATS, TORCH, open_runner

_WARM_UP: Final = 5
_LEAST_SECONDS: Final = 0.2  # of warming up: caches, clocks and lazily built kernels
_MEGABYTE: Final = 1e6
_LIMIT: Final = 1800  # seconds: a large tower on a slow machine takes minutes


@dataclass(frozen=True)
class Job:
    """What a fresh process is to measure, and how."""

    kind: str
    """One of FORMATS that can be run, or `torch`."""
    path: str
    """The file."""
    image_size: int
    """S."""
    threads: int = 1
    """Threads, and cores that the process is bound to."""
    repeats: int = 100
    """Timed runs of one picture."""


@dataclass(frozen=True)
class Cost:
    """What running one picture takes."""

    latency_ms: float
    """Median of the timed runs, milliseconds."""
    memory_mb: float
    """What loading the file and running it adds to the process at its peak, 10^6 bytes."""


def measure(job: Job) -> Cost | None:
    """Measure in a fresh process; None where there are fewer cores than threads.

    Raises:
        DataError: the file cannot be run.
    """
    if job.threads > len(_cores()):
        return None
    threads = str(job.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    root = str(Path(__file__).resolve().parent.parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, sys.path)])
    # a format of one's own is known once the module that defines it was imported
    module = FORMATS[job.kind].__module__ if job.kind in FORMATS else __name__
    command = [sys.executable, "-P", "-m", __name__, json.dumps(asdict(job)), module]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, timeout=_LIMIT, check=False
        )
        said, found = done.stderr.strip().splitlines(), done.stdout.strip().splitlines()
    except subprocess.TimeoutExpired:
        said, found = [f"no answer in {_LIMIT} s"], []
    try:
        return Cost(**json.loads(found[-1]))
    except (IndexError, TypeError, ValueError):
        raise DataError(
            job.path,
            expected=f"a file that {job.kind} can run",
            found=said[-1] if said else "no answer",
            fix="export again, with the versions of libraries that constraints.txt names",
        ) from None


def run(job: Job) -> Cost:
    """Measure in this process, which should have loaded nothing else, and be bound to no other cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, _cores()[: job.threads])
    import numpy as np

    _import_libraries(job.kind)
    before = _resident("VmRSS")
    _reset_peak()
    runner = open_runner(job.kind, Path(job.path), job.threads)
    side = job.image_size
    picture = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    began = time.perf_counter()
    for turn in range(1000):
        runner(picture)
        if turn + 1 >= _WARM_UP and time.perf_counter() - began >= _LEAST_SECONDS:
            break
    seconds = []
    for _ in range(job.repeats):
        start = time.perf_counter()
        runner(picture)
        seconds.append(time.perf_counter() - start)
    added = (_resident("VmHWM") - before) / _MEGABYTE
    return Cost(1000 * statistics.median(seconds), added)


def _import_libraries(kind: str) -> None:
    """Import what runs the file, so that its memory is not counted as the file's."""
    modules = ("torch", "skintag.bundle.torch_runtime") if kind == TORCH else FORMATS[kind].runtime
    for module in modules:
        import_module(module)


def _cores() -> list[int]:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _reset_peak() -> None:
    """Let the peak begin here; where the system cannot, it began with the process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _resident(field: str) -> float:
    """Memory of the process in bytes, now (VmRSS) or at its peak (VmHWM); nan where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next(
        (1024.0 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), float("nan")
    )


if __name__ == "__main__":
    import_module(sys.argv[2])
    print(json.dumps(asdict(run(Job(**json.loads(sys.argv[1]))))))
