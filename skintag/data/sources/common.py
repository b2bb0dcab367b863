"""What every adapter ends in: a table of records in one schema, with notes on what a reader should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.data.catalog.labels import LabelTable, load_label_table
from skintag.data.catalog.schema import DOMAIN_OF, RECORD_COLUMNS, conform
from skintag.data.sources.cells import refuse
from skintag.data.sources.folder import IMAGE_SUFFIXES, RawFolder
from skintag.data.sources.table import MetadataTable

_SUFFIX: Final = rf"(?i)(?:{'|'.join(suffix.replace('.', '[.]') for suffix in IMAGE_SUFFIXES)})$"


@dataclass(frozen=True, eq=False)
class SourceTable:
    """The records of one dataset."""

    dataset: str
    root: Path
    """The raw folder; `records.path` is relative to it."""
    records: pd.DataFrame
    """One row per image that the metadata lists, with the columns of `RECORD_COLUMNS`."""
    notes: tuple[str, ...]
    """One sentence each: images missing or left over, rows kept without a diagnosis, and the like."""


def image_ids(cells: pd.Series, where: object) -> pd.Series:
    """The source's own image ids without folder and suffix, text [n].

    Raises:
        DataError: a row without an id, or two rows with the same one.
    """
    refuse(cells[cells.isna()], where, "an image id in every row")
    ids = cells.str.replace(r"^.*[/\\]", "", regex=True).str.replace(_SUFFIX, "", regex=True)
    twice = ids[ids.duplicated(keep=False)]
    if len(twice):
        shown = [f"{name!r} in rows {first_few(list(rows.index), 4)}" for name, rows in twice.groupby(twice)]
        raise DataError(
            f"{where}, column {cells.name!r}",
            expected="one row per image",
            found=f"{len(shown)} image(s) more than once: {first_few(shown, 5)}",
            fix="remove the repeated rows",
        )
    return ids


def prefixed(dataset: str, *parts: pd.Series) -> pd.Series:
    """`<dataset>/<part>[/<part>]`, text [n]; null where any part is null. Never a made-up id."""
    joined = pd.Series(dataset, index=parts[0].index, dtype="str")
    for part in parts:
        joined = joined + "/" + part.str.removesuffix(".0")  # numbers that a spreadsheet saved as 12.0
    return joined


def source_table(
    folder: RawFolder,
    table: MetadataTable,
    *,
    ids: pd.Series,
    raw_label: pd.Series,
    columns: Mapping[str, pd.Series],
    malignancy: pd.Series | None = None,
    notes: Sequence[str] = (),
) -> SourceTable:
    """Look labels and image files up, and bring everything into the schema.

    Args:
        folder: the scanned raw folder.
        table: the metadata file; its path is named in errors and its notes are taken over.
        ids: the source's own image ids, text [n], unique.
        raw_label: the source's own diagnosis, text [n]; null where undiagnosed.
        columns: further columns of `RECORD_COLUMNS`, each [n]; those not given are null.
        malignancy: one of `MALIGNANCY` [n] as the source's own column says, compared row by row.
        notes: further notes.

    Raises:
        DataError: an unseen label, or a malignancy that differs from the source's.
    """
    dataset = folder.dataset
    labels: LabelTable = load_label_table(dataset)
    if malignancy is not None:
        labels.check(raw_label, malignancy, table.path)
    meaning = labels.apply(raw_label, table.path)
    paths, image_notes = folder.locate(ids)
    nothing = pd.Series(pd.NA, index=ids.index, dtype="object")
    known: dict[str, pd.Series] = {
        "image_id": prefixed(dataset, ids),
        "dataset": pd.Series(dataset, index=ids.index),
        "domain": pd.Series(DOMAIN_OF[dataset], index=ids.index),
        "path": paths,
        "raw_label": raw_label,
        **{str(name): meaning[name] for name in meaning},
        **columns,
    }
    records = pd.DataFrame({name: known.get(name, nothing) for name in RECORD_COLUMNS})
    undiagnosed = int(meaning["condition"].isna().sum())
    said = [f"{undiagnosed:,} rows without a diagnosis are kept, condition unknown"] if undiagnosed else []
    return SourceTable(
        dataset,
        folder.root,
        conform(records, RECORD_COLUMNS, table.path),
        (*image_notes, *said, *table.notes, *notes),
    )
