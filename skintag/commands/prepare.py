"""`skintag prepare data=five paths.raw=/data/skin`: raw folders to shards, with a report."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.config import plain
from skintag.core.settings import settings_of


def task(config: DictConfig) -> None:
    """Prepare, print the report, and say what lies where."""
    from skintag.data.catalog.catalog import CATALOG
    from skintag.data.prepared.disagreements import DISAGREEMENTS
    from skintag.data.prepared.opening import prepare_data
    from skintag.data.prepared.settings import DataSettings
    from skintag.data.prepared.tables import print_report
    from skintag.data.prepared.writing import MISSING, REPORT, load_report

    out = prepare_data(settings_of(DataSettings, plain(config.data), "data"), verify=config.verify)
    print_report(load_report(out))
    for what, path in (
        ("catalog", out / CATALOG),
        ("shards", out / "shards"),
        ("counts", out / REPORT),
        ("missing and unreadable images", out / MISSING),
        ("near-identical pictures with different diagnoses", out / DISAGREEMENTS),
    ):
        if path.exists():
            print(f"{what}: {path}")


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("prepare", task, command=command)
