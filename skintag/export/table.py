"""The table of exports: printed, as JSON and CSV, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import pandas as pd
from rich.console import Console
from rich.table import Table

from skintag.core.csv_text import csv_of
from skintag.core.io import read_json, write_bytes, write_json
from skintag.export.row import Row
from skintag.runs.folder import RunFolder

_WIDTH: Final = 170  # where nobody looks at a terminal
_HEADINGS: Final = (
    "format", "MB", "AUROC test", "difference", "AUROC val", "max diff", "flipped tiers", "ms, 1 core", "ms, 2 cores",
    "memory MB", "in float", "note",
)  # fmt: skip


def print_table(rows: Sequence[Row], run: RunFolder, n_test: int) -> None:
    """Print the rows to stdout."""
    note = f" ({run.caption})" if run.caption else ""
    table = Table(title=f"exports of {run.label}{note}", title_justify="left", caption_justify="left")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading in ("format", "in float", "note") else "right")
    for row in rows:
        table.add_row(
            row.format,
            "—" if row.bytes is None else f"{row.bytes / 1e6:.2f}",
            _number(row.auroc, ".4f"),
            _number(row.auroc_difference, "+.4f"),
            _number(row.auroc_val, ".4f"),
            _number(row.max_difference, ".1e"),
            "—" if row.flipped_tiers is None else f"{row.flipped_tiers} of {n_test}",
            _number(row.latency_ms_1_thread, ".2f"),
            _number(row.latency_ms_2_threads, ".2f"),
            _number(row.memory_mb, ".0f"),
            row.float_layers.replace(",", ", ") or "—",
            row.note,
        )
    table.caption = (
        "MB are 10^6 bytes; difference: AUROC less the torch model's, on the same test images; max diff: of any "
        "probability on val and test; time: median of one image; memory: added at the peak of a fresh process"
    )
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)


def write_rows(folder: Path, rows: Sequence[Row], run: RunFolder, weights: str) -> None:
    """Write `exports.json`, `exports.csv` and the plot."""
    plain = [asdict(row) for row in rows]
    content = {"run": run.label, "caption": run.caption, "weights": weights, "exports": plain}
    write_json(folder / "exports.json", content)
    write_bytes(folder / "exports.csv", csv_of(pd.DataFrame(plain)))
    from skintag.evaluation.plots.style import save
    from skintag.export.plot import pareto_plot

    if any(row.auroc == row.auroc and row.latency_ms_1_thread == row.latency_ms_1_thread for row in rows):
        save(pareto_plot(rows), folder, run.caption)


def read_rows(folder: Path, weights: str) -> list[Row]:
    """The rows that `write_rows` wrote of the same weights; none where there is no such table."""
    try:
        content = read_json(folder / "exports.json")
        return [Row.of(entry) for entry in content["exports"]] if content["weights"] == weights else []
    except (OSError, KeyError, TypeError, ValueError):
        return []


def _number(value: float, how: str) -> str:
    return "—" if value != value else format(value, how)
