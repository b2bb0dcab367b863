"""Sweeps that survive: a job that fails does not end the others, and a killed sweep goes on where it stopped.

Each job keeps `job.json` in its folder: its overrides, how it stands and, at its end, how long it took and the
value that it returned. What is known of a sweep is read from these files, so jobs may run in this process, in
others, or on other machines.
"""

from __future__ import annotations

import gc
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any, Final, cast

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, flag_override
from rich.console import Console

from skintag.commands.folders import override_of, write_start
from skintag.commands.jobs import JOB, Job, jobs_of, summary
from skintag.commands.stored_overrides import key_of, of_sweep
from skintag.core import stopping
from skintag.core.errors import ConfigError, DataError, SkinTagError, first_few
from skintag.core.io import write_bytes
from skintag.core.locks import alone
from skintag.core.stopping import Stopped

ERROR: Final = "error.txt"
SWEEP: Final = "multirun.yaml"  # Hydra's own record of a sweep
LAST_CHECKPOINT: Final = "checkpoints/last.ckpt"
_LOOK: Final = 0.3  # seconds between two looks whether a signal has come


class SweepSummary(Callback):
    """Prints how each job of a sweep ended; a Hydra callback, see configs/hydra/default.yaml."""

    failed = 0
    """Jobs of this process's last sweep that have not finished."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Have jobs in other processes of this machine end with the sweep; what a cluster has taken goes on."""
        launcher = str(config.hydra.launcher._target_)
        if not any(name in launcher for name in ("BasicLauncher", "SlurmLauncher", "RayLauncher")):
            pass_on_signals(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Read the jobs' folders, print the table and remember how many failed."""
        folder = Path(config.hydra.sweep.dir)
        jobs = jobs_of(folder)
        SweepSummary.failed = sum(job.status != "finished" for _, job in jobs)
        if jobs:
            Console(width=None if sys.stdout.isatty() else 140).print(summary(jobs))
            print(f"sweep folder: {folder}", flush=True)


def run_job(task: Callable[[DictConfig], Any], config: DictConfig, command: tuple[str, ...] = ()) -> Any:
    """One job of a sweep: skipped if it has finished before, and not raising if it fails.

    Args:
        task: the job.
        config: of the job; `resume` names the sweep's folder where the sweep is resumed, and the task gets the
            job's own, or none where the job has no checkpoint yet.
        command: what stands before the overrides on the command line, see `skintag.commands.cli.run_command`.

    Returns:
        What the task returns, or returned when it finished; nan after a failure (a search counts that as one).
    """
    elsewhere = not stopping.heeding()  # in a process that a launcher started
    if elsewhere:
        stopping.heed()
    if stopping.asked() is not None:
        return nan  # another job of this process was stopped
    gc.collect()  # a trainer is a web of cycles: the job before this one would stay in memory for long
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    overrides = tuple(o for o in hydra.overrides.task if not o.startswith("resume="))
    job = Job(int(hydra.job.num), overrides, "running")
    with alone(folder, wait=False) as mine:
        if not mine:
            print(f"job {job.number} still runs in another process: {folder}", file=sys.stderr, flush=True)
            return nan
        began = time.perf_counter()
        try:
            if "resume" in config and config.resume:
                job = _as_it_was(folder, job)
                if job.status == "finished":
                    print(f"job {job.number} has finished before: {folder}", file=sys.stderr, flush=True)
                    return nan if job.value is None else job.value
                config.resume = str(folder) if (folder / LAST_CHECKPOINT).is_file() else None
            write_start(config, folder)
            replace(job, status="running", message=None, process=_me()).write(folder)
            (folder / ERROR).unlink(missing_ok=True)
            with _as_a_single_run(folder, (*command, *overrides), config):
                value = task(config)
        except Stopped:
            seconds = round(job.seconds + time.perf_counter() - began, 2)
            replace(job, status="stopped", message=None, seconds=seconds).write(folder)
            if elsewhere:
                return nan  # raised, it would have the launcher kill the other jobs
            raise
        except Exception as error:
            _failed(folder, job, error, job.seconds + time.perf_counter() - began)
            return nan
        seconds = round(job.seconds + time.perf_counter() - began, 2)
        known = None if value is None or isnan(value) else float(value)
        Job(job.number, overrides, "finished", seconds, known).write(folder)
        return value


def _me() -> str:
    return f"{platform.node()} {os.getpid()}"


def pass_on_signals(folder: Path) -> None:
    """Let jobs in other processes of this machine be told when a signal asks the sweep to end, and wait for them.

    A thread does it, for as long as the process lives: jobs that begin meanwhile are told too.
    """

    def watch() -> None:
        told: set[str] = set()
        while True:
            time.sleep(_LOOK)
            if stopping.asked() is None:
                continue
            for place, job in jobs_of(folder):
                machine, _, number = (job.process or "").rpartition(" ")
                if job.status == "running" and machine == platform.node() and number not in told:
                    told.add(number)
                    _tell(place, int(number))

    stopping.be_patient(seconds=None)
    threading.Thread(target=watch, name="pass_on_signals", daemon=True).start()


def _tell(folder: Path, process: int) -> None:
    """Ask a job's process to end; one whose lock is free has ended, and its number may be another's by now."""
    with alone(folder, wait=False) as ended:
        if not ended and process != os.getpid():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGTERM)


def expand_resume(folder: Path, arguments: list[str]) -> list[str]:
    """The arguments that go on with the sweep in `folder`: its own, and its place.

    Raises:
        ConfigError: other settings were asked for; a sweep's jobs are comparable because they share them.
    """
    other = [a for a in arguments if not a.startswith(("resume=", "dry_run=", "-", "hydra.", "hydra/"))]
    if other:
        raise ConfigError(
            f"resume={folder} is a sweep, it goes on as it was started: leave out {first_few(other)}"
        )
    earlier = of_sweep(folder / SWEEP, [key_of(a) for a in arguments if "=" in a])
    flags = [a for a in arguments if a.startswith("-") and a not in ("-m", "--multirun")]
    kept = [a for a in arguments if "=" in a and not a.startswith(("resume=", "hydra.sweep.dir="))]
    place = [override_of("resume", folder), override_of("hydra.sweep.dir", folder)]
    return [*flags, "--multirun", *earlier, *kept, *place]


def _as_it_was(folder: Path, now: Job) -> Job:
    """The job as an earlier part of the sweep left it; DataError if that was another job."""
    if not (folder / JOB).is_file():
        return now
    before = Job.read(folder)
    if sorted(before.overrides) != sorted(now.overrides):
        raise DataError(
            folder / JOB,
            expected=f"the job {' '.join(now.overrides)}",
            found=f"the job {' '.join(before.overrides)}",
            fix="resume the sweep with the code and configurations that it was started with",
        )
    return before


@contextmanager
def _as_a_single_run(folder: Path, arguments: tuple[str, ...], config: DictConfig) -> Iterator[None]:
    """Let the command line and Hydra's run folder be those of the job alone.

    The further processes of a distributed run are started with them, and provenance records the former.
    """
    argv, hydra = sys.argv, cast(DictConfig, HydraConfig.get())
    resume = [override_of("resume", folder)] if "resume" in config and config.resume else []
    sys.argv = [argv[0], *arguments, *resume]
    with flag_override(hydra, "readonly", False):
        hydra.run.dir = str(folder)
    try:
        yield
    finally:
        sys.argv = argv


def _failed(folder: Path, job: Job, error: Exception, seconds: float) -> None:
    """Write down what went wrong, and say it in one line."""
    expected = isinstance(error, SkinTagError)
    said = str(error) if expected else f"{type(error).__name__}: {error}"
    text = said if expected else "".join(traceback.format_exception(error))
    write_bytes(folder / ERROR, f"{text}\n".encode())
    message = next((line for line in said.splitlines() if line.strip()), type(error).__name__)
    # a record that cannot be read stays as it is, to be looked at
    Job(job.number, job.overrides, "failed", round(seconds, 2), None, message).write(folder)
    print(f"job {job.number} failed: {message} (more in {folder / ERROR})", file=sys.stderr, flush=True)
