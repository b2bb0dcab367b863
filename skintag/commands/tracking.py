"""`skintag tracking run=<run folder or sweep>`: finished runs to W&B, offline unless a key is set."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.config import plain
from skintag.core.settings import settings_of


def task(config: DictConfig) -> None:
    """Make each finished run below the folder a W&B run, or complete the one it has."""
    from skintag.runs.finding import find_runs
    from skintag.tracking.log import TrackingSettings, log_run

    values = plain(config)
    given = values.pop("run")
    settings = settings_of(TrackingSettings, values)
    folders = [f for path in ([given] if isinstance(given, str) else given) for f in find_runs(path)]
    for folder in dict.fromkeys(folders):
        print(f"{folder}: {log_run(folder, settings=settings)}", flush=True)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("tracking", task, command=command)
