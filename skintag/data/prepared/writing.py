"""Raw folders to a prepared folder: catalog, leakage groups, shards, and a report on all of them.

<prepared>/catalog.parquet   written last of these: where it is, the rest is whole
<prepared>/shards/           see skintag.data.shards.writer
<prepared>/report.json       counts (skintag.data.prepared.report)
<prepared>/missing.csv       every image that cannot be used, and why
<prepared>/disagreements.html  near-identical pictures with different diagnoses, if there are any
<prepared>/cache/            what is known of raw files, so that none is opened twice; may be deleted
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.csv_text import csv_of
from skintag.core.errors import DataError
from skintag.core.io import read_json, write_bytes, write_json
from skintag.core.locks import alone
from skintag.data.catalog.catalog import CATALOG, build_catalog, read_catalog, write_catalog
from skintag.data.prepared.disagreements import DISAGREEMENTS, disagreeing, write_disagreements
from skintag.data.prepared.report import Report, missing_images, report_dataset, report_relations
from skintag.data.prepared.settings import DataSettings
from skintag.data.shards.format import shard_folder
from skintag.data.shards.writer import ShardReport, write_shards
from skintag.data.sources import SourceTable, read_source

REPORT: Final = "report.json"
MISSING: Final = "missing.csv"


def write_prepared(settings: DataSettings, *, verify: bool = False) -> Path:
    """Write the prepared folder that `settings` names from its raw folders, and return it.

    A second call with unchanged raw folders opens no image and writes nothing. A killed call is taken up
    where it stopped. Of two calls at once, one waits for the other.

    Args:
        settings: what to prepare, and where to.
        verify: whether every byte of the shards that are there is compared with what was written; damaged shards are
            written again.

    Raises:
        DataError: a raw folder or its metadata cannot be read, no image can be used, or the prepared folder
            has shards of other images.
    """
    out, workers = Path(settings.prepared), settings.workers or os.cpu_count() or 1
    with alone(out):
        tables = [read_source(dataset, Path(root)) for dataset, root in settings.sources.items()]
        catalog = build_catalog(tables, workers=workers, cache=out / "cache")
        _check_any(catalog, tables)
        if not all((shard_folder(out, table.dataset) / "manifest.json").is_file() for table in tables):
            (out / CATALOG).unlink(missing_ok=True)  # what it described is gone
        roots = {table.dataset: table.root for table in tables}
        shards = write_shards(catalog, roots, out, settings.shards, workers, verify=verify)
        _write_report(out, _report(catalog, tables, shards), missing_images(catalog))
        same = _same_catalog(out / CATALOG, catalog)
        if not same or (out / DISAGREEMENTS).is_file() != (not disagreeing(catalog).empty):
            write_disagreements(catalog, roots, out)
        if not same:
            write_catalog(catalog, out / CATALOG)
    return out


def load_report(prepared: Path) -> Report:
    """The report of a prepared folder.

    Raises:
        DataError: there is none.
    """
    path = prepared / REPORT
    if not path.is_file():
        raise DataError(
            path,
            expected="the report of a prepared folder",
            found="no such file",
            fix="run skintag prepare",
        )
    return Report.from_dict(read_json(path), path)


def _report(catalog: pd.DataFrame, tables: Sequence[SourceTable], shards: ShardReport) -> Report:
    rows = dict(iter(catalog.groupby("dataset")))
    return Report(
        datasets={t.dataset: report_dataset(rows.get(t.dataset, catalog[:0]), t.notes) for t in tables},
        relations=report_relations(catalog),
        shards={"images": shards.images, "shards": shards.shards, "bytes": shards.bytes},
    )


def _check_any(catalog: pd.DataFrame, tables: Sequence[SourceTable]) -> None:
    if not catalog["status"].eq("ok").any():
        raise DataError(
            ", ".join(str(table.root) for table in tables),
            expected="images that the metadata lists",
            found=f"none of {len(catalog):,} can be used"
            + "".join(f"; {note}" for table in tables for note in table.notes if note.startswith("packed")),
            fix="put the images into these folders, or correct data.sources",
        )


def _same_catalog(path: Path, catalog: pd.DataFrame) -> bool:
    try:
        return read_catalog(path).equals(catalog)  # both sorted by image_id
    except DataError:  # none there, or one of another version
        return False


def _write_report(out: Path, report: Report, missing: pd.DataFrame) -> None:
    """Write what has changed of `missing.csv` and `report.json`."""
    listing = csv_of(missing)
    path = out / MISSING
    if not path.is_file() or path.read_bytes() != listing:
        write_bytes(path, listing)
    path = out / REPORT
    if not path.is_file() or load_report(out) != report:
        write_json(path, report.to_dict())
