"""`skintag robustness run=<folder>`: a run's test images, clean and distorted, through its models."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.config import plain
from skintag.core.errors import DataError, first_few
from skintag.core.memory import keep_freed_memory
from skintag.core.settings import number, settings_of
from skintag.runs.files import ROBUSTNESS
from skintag.runs.finding import find_runs


@dataclass(frozen=True)
class RobustnessSettings:
    """What `configs/robustness.yaml` and the command line ask for."""

    run: str
    """A run folder, or a folder with finished runs below it."""
    models: tuple[str, ...] | None = None
    """Models of the run's predictions; None: all."""
    limit: int | None = number(least=1, default=None)
    """At most so many test images; None: all."""
    seed: int = 0
    """Of the distortions and of the draw."""
    sheet: bool = True
    """Whether to draw what the distortions do."""
    prepared: str | None = None
    """The prepared folder, where it is no longer where the run found it."""
    cache: str | None = None
    """As `prepared`, the folder of the embedding store."""


def score_run(folder: Path, settings: RobustnessSettings) -> None:
    """Score one run, draw a sheet of the distortions, and say where they lie."""
    from skintag.runs.folder import RunFolder
    from skintag.runs.robustness import score_distorted, write_sheet

    run = RunFolder(folder, prepared=settings.prepared, cache=settings.cache)
    score_distorted(run, models=settings.models, limit=settings.limit, seed=settings.seed)
    print(f"scores: {folder / ROBUSTNESS}")
    if settings.sheet:
        print(f"sheet: {write_sheet(run, seed=settings.seed)}")


def score_runs(settings: RobustnessSettings) -> None:
    """Score every run that `settings.run` names; one that cannot be scored does not keep the others from it.

    Raises:
        DataError: some of them could not be scored.
    """
    keep_freed_memory()
    runs, failed = find_runs(settings.run), []
    for folder in runs:
        try:
            score_run(folder, settings)
        except DataError as error:
            if len(runs) == 1:
                raise
            print(f"error: {error}", file=sys.stderr)
            failed.append(folder)
    if failed:
        raise DataError(
            settings.run,
            expected=f"{len(runs)} runs that can be scored",
            found=f"{len(failed)} that cannot: {first_few(failed)}",
            fix="see the messages above",
        )


def task(config: DictConfig) -> None:
    """Score the runs that the configuration names."""
    score_runs(settings_of(RobustnessSettings, plain(config)))


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("robustness", task, command=command)
