"""`skintag dashboard entity=... project=...`: the W&B workspace that compares runs.

Without a key its specification is written to a JSON file, which is what W&B would be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.config import plain
from skintag.core.errors import ConfigError
from skintag.core.io import write_json
from skintag.core.settings import settings_of
from skintag.tracking.panels import DashboardSettings
from skintag.tracking.session import is_offline
from skintag.tracking.workspace import build_workspace, spec_of


def save_dashboard(settings: DashboardSettings, out: Path) -> None:
    """Save the workspace where a key is set; else write its specification to `out`.

    Raises:
        ConfigError: there is a key, and no entity to save it for.
    """
    workspace = build_workspace(settings)
    if is_offline():
        write_json(out, spec_of(workspace))
        print(
            f"no WANDB_API_KEY: the workspace's specification is in {out}; with a key this command saves it online"
        )
        return
    if not settings.entity:
        raise ConfigError("entity is not set: add entity=<W&B user or team> to save the workspace online")
    print(f"saved: {workspace.save().url}")


def task(config: DictConfig) -> None:
    """Save the workspace, or write what it would be."""
    values = plain(config)
    out = Path(values.pop("out"))
    save_dashboard(settings_of(DashboardSettings, values), out)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("dashboard", task, command=command)
