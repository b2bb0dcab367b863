"""`python -m skintag.prepare data=five paths.raw=/data/skin`: raw folders to shards, with a report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from skintag.cli import run_command
from skintag.data.preparation import print_report
from skintag.data.prepare import CATALOG, MISSING, REPORT, PrepareSettings, load_report, prepare
from skintag.io import read_json, write_json

ORIGIN = "origin.json"
_SETTINGS = ("sources", "workers", "longest_side", "quality", "samples_per_shard")


def prepare_data(data: DictConfig) -> Path:
    """Prepare what a choice of the `data` group describes and return the prepared folder.

    A synthetic benchmark is drawn first where it is not there. What is done already is not done again.

    Args:
        data: the composed `data` group, see `configs/data`.

    Raises:
        ConfigError: a value makes no sense.
        DataError: see `skintag.data.prepare.prepare`.
    """
    if data.get("synthetic"):
        draw_benchmark(data)
    values = OmegaConf.to_container(data, resolve=True)
    assert isinstance(values, dict)
    settings = {str(name): values[name] for name in _SETTINGS if name in values}
    out = prepare(PrepareSettings(out=values["prepared"], **settings))
    origin = origin_of(data)
    if not (out / ORIGIN).is_file() or read_json(out / ORIGIN) != origin:
        write_json(out / ORIGIN, origin)
    return out


def origin_of(data: DictConfig) -> dict[str, Any]:
    """What a prepared folder was made from: its raw folders, and the knobs of a drawn benchmark."""
    roots = {str(name): str(Path(folder).resolve()) for name, folder in data.sources.items()}
    knobs = {str(name): value for name, value in (data.get("synthetic") or {}).items() if name != "out"}
    return {"sources": roots, "synthetic": knobs or None}


def draw_benchmark(data: DictConfig) -> None:
    """Draw the synthetic benchmark that `data.synthetic` describes, unless it is there.

    Raises:
        DataError: the folder holds one with other settings.
    """
    from skintag.data.synthetic import SyntheticSettings, write_benchmark

    knobs = {str(name): value for name, value in data.synthetic.items()}
    out = Path(knobs.pop("out"))
    write_benchmark(out, SyntheticSettings(**knobs), workers=data.workers or os.cpu_count() or 1)


def main(config: DictConfig) -> None:
    """Prepare, print the report, and say what lies where."""
    out = prepare_data(config.data)
    print_report(load_report(out))
    for what, path in (
        ("catalog", out / CATALOG),
        ("shards", out / "shards"),
        ("counts", out / REPORT),
        ("missing and unreadable images", out / MISSING),
    ):
        print(f"{what}: {path}")


if __name__ == "__main__":
    run_command("prepare", main)
