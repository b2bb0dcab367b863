"""The report on a prepared folder as tables, for a terminal, a file or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.table import Table

from skintag.core.errors import first_few
from skintag.core.vocabulary import CONDITIONS, FST_GROUPS, MALIGNANCY
from skintag.data.prepared.report import UNKNOWN, DatasetReport, RelationReport, Report

_LABELS_SHOWN: Final = 12


def print_report(report: Report, console: Console | None = None) -> None:
    """Print the tables of a report; into a file or a pipe, 120 characters wide."""
    console = console or Console(width=None if sys.stdout.isatty() else 120)
    console.print(_overview(report.datasets))
    for title, field in (
        ("Conditions: images / rows", "conditions"),
        ("Malignancy: images / rows", "malignancy"),
        ("Fitzpatrick skin type: images / rows", "fitzpatrick"),
        ("Skin-type group: images / rows", "fst_groups"),
    ):
        console.print(_breakdown(title, report.datasets, field))
    for name, dataset in report.datasets.items():
        labels = [f"{label} {images:,}/{rows:,}" for label, (rows, images) in dataset.raw_labels.items()]
        line = f"{name}, labels (images/rows): {first_few(labels, _LABELS_SHOWN)}"
        console.print(line, highlight=False, markup=False)
        for note in dataset.notes:
            console.print(f"  note: {note}", highlight=False, markup=False)
    console.print(_relations(report.relations))


def _overview(datasets: Mapping[str, DatasetReport]) -> Table:
    table = Table(title="Datasets")
    table.add_column("dataset")
    columns = ("rows", "images", "missing", "unreadable", "undiagnosed")
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("unreadable because")
    for name, dataset in datasets.items():
        reasons = ", ".join(f"{reason} {n:,}" for reason, n in dataset.reasons.items())
        table.add_row(name, *(f"{getattr(dataset, column):,}" for column in columns), reasons)
    table.add_section()
    sums = (sum(getattr(dataset, column) for dataset in datasets.values()) for column in columns)
    table.add_row("all", *(f"{n:,}" for n in sums), "")
    return table


def _breakdown(title: str, datasets: Mapping[str, DatasetReport], field: str) -> Table:
    table = Table(title=title)
    table.add_column("")
    per_dataset = [getattr(dataset, field) for dataset in datasets.values()]
    for name in datasets:
        table.add_column(name, justify="right")
    orders = {"conditions": CONDITIONS, "malignancy": MALIGNANCY, "fst_groups": FST_GROUPS}
    for value in (*orders.get(field, "123456"), UNKNOWN):
        cells = [counts.get(value) for counts in per_dataset]
        if any(cells):
            table.add_row(value, *(f"{cell[1]:,} / {cell[0]:,}" if cell else "" for cell in cells))
    return table


def _relations(relations: RelationReport) -> Table:
    lines = {
        "images whose file another one has byte by byte": relations.identical,
        "clusters of near-duplicates": relations.clusters,
        "  images in them": relations.clustered,
        "  images in the largest": relations.largest_cluster,
        "  with more than one lesion id": relations.across_lesions,
        "  with more than one patient id": relations.across_patients,
        "  with more than one dataset": relations.across_datasets,
        "  with more than one malignancy": relations.across_malignancy,
        "leakage groups": relations.groups,
        "  rows in the largest": relations.largest_group,
    }
    table = Table(title="Near-duplicates and leakage groups", show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in lines.items():
        table.add_row(name, f"{value:,}")
    return table
