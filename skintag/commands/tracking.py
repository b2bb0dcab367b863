"""`skintag tracking run=<run folder or sweep>`: finished runs to W&B, offline unless a key is set."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf

from skintag.commands.cli import run_command


def task(config: DictConfig) -> None:
    """Each finished run below the folder becomes, or completes, its W&B run."""
    from skintag.runs.folder import find_runs
    from skintag.tracking.log import TrackingSettings, log_run

    values = dict(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
    given = values.pop("run")
    settings = TrackingSettings(**values)
    folders = [f for path in ([given] if isinstance(given, str) else given) for f in find_runs(path)]
    for folder in dict.fromkeys(folders):
        print(f"{folder}: {log_run(folder, settings=settings)}", flush=True)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("tracking", task, command=command)
