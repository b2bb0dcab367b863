"""`skintag synthetic out=data/synthetic images=1600`: write the benchmark, count it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig
from rich.table import Table

from skintag.commands.cli import run_command
from skintag.core.bands import fst_group_of
from skintag.core.config import plain
from skintag.core.console import readable_console
from skintag.core.settings import settings_of
from skintag.core.vocabulary import FST_GROUPS, MALIGNANCY
from skintag.data.synthetic.settings import SyntheticSettings
from skintag.data.synthetic.sheet import contact_sheet
from skintag.data.synthetic.writer import TRUTH_CSV, write_benchmark


def summary(folder: Path) -> Table:
    """Pictures of a written benchmark by dataset, malignancy in the metadata, and skin as it was drawn."""
    truth = pd.read_csv(folder / TRUTH_CSV, keep_default_na=False)
    truth = truth[truth["has_file"]]
    counts = pd.crosstab(
        [truth["dataset"], truth["malignancy"].replace("", "undiagnosed")], fst_group_of(truth["fitzpatrick"])
    ).reindex(columns=list(FST_GROUPS), fill_value=0)
    table = Table(
        title="Synthetic benchmark: drawn, no medical data", caption="skin types as drawn, recorded or not"
    )
    for name in ("dataset", "malignancy"):
        table.add_column(name)
    for name in (*FST_GROUPS, "pictures"):
        table.add_column(name, justify="right")
    for dataset in truth["dataset"].unique():
        present = [
            (dataset, level) for level in (*MALIGNANCY, "undiagnosed") if (dataset, level) in counts.index
        ]
        for key in present:
            cells = [int(n) for n in counts.loc[key]]
            table.add_row(*key, *(str(n) for n in (*cells, sum(cells))), end_section=key == present[-1])
    table.add_row("all", "", *(str(n) for n in (*counts.sum(), len(truth))))
    return table


def task(config: DictConfig) -> None:
    """Write the benchmark that `configs/synthetic.yaml` and the command line ask for."""
    knobs = plain(config)
    out, workers, sheet = (knobs.pop(name) for name in ("out", "workers", "contact_sheet"))
    settings = settings_of(SyntheticSettings, knobs)
    folder = write_benchmark(Path(out), settings, workers=workers or os.cpu_count() or 1)
    readable_console().print(summary(folder))
    if sheet:
        print(contact_sheet(folder, Path(sheet)))
    print(folder)


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("synthetic", task, command=command)
