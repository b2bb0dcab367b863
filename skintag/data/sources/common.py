"""What every adapter ends in: a table of records in one schema, with notes on what a reader should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from skintag.core.errors import DataError, first_few, near_matches
from skintag.data.catalog.labels import LabelTable, load_label_table
from skintag.data.catalog.records import SourceTable
from skintag.data.catalog.schema import RECORD_COLUMNS, conform
from skintag.data.sources.cells import refuse
from skintag.data.sources.folder import RawFolder, without_suffix
from skintag.data.sources.registry import adapter_of
from skintag.data.sources.table import MetadataTable


def image_ids(cells: pd.Series, where: object) -> pd.Series:
    """The source's own image ids without folder and suffix, text [n].

    Raises:
        DataError: a row without an id, or two rows with the same one.
    """
    refuse(cells[cells.isna()], where, "an image id in every row")
    return each_once(without_suffix(cells.str.replace(r"^.*[/\\]", "", regex=True)), where)


def each_once(ids: pd.Series, where: object) -> pd.Series:
    """The ids as they are; DataError where two rows have the same one."""
    twice = ids[ids.duplicated(keep=False)]
    if len(twice):
        shown = [f"{name!r} in rows {first_few(list(rows.index), 4)}" for name, rows in twice.groupby(twice)]
        raise DataError(
            f"{where}, column {ids.name!r}",
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
    domains: Sequence[str] | None = None,
    labels: LabelTable | None = None,
) -> SourceTable:
    """Look labels and image files up, and bring everything into the schema.

    Args:
        folder: the scanned raw folder.
        table: the metadata file; its path is named in errors and its notes are taken over.
        ids: the source's own image ids, text [n], unique; see `image_ids`.
        raw_label: the source's own diagnosis, text [n]; null where undiagnosed.
        columns: further columns of `RECORD_COLUMNS`, each [n]; `domain` is needed where there are several.
        malignancy: one of `MALIGNANCY` [n] as the source's own column says, compared row by row.
        notes: further notes.
        domains: those that the pictures may be of; None: the registered adapter's.
        labels: the label table; None: the registered adapter's.

    Raises:
        DataError: an unseen label, a malignancy that differs from the source's, or a row without a domain.
        ValueError: a name in `columns` that no record has.
    """
    where = table.path
    if domains is None:
        domains = adapter_of(folder.dataset).domains
    meaning = _meaning(labels or _labels_of(folder.dataset), raw_label, malignancy, where)
    paths, image_notes = folder.locate(ids)
    known: dict[str, pd.Series] = {
        "image_id": prefixed(folder.dataset, ids),
        "dataset": pd.Series(folder.dataset, index=ids.index),
        "path": paths,
        "raw_label": raw_label,
        **{str(name): meaning[name] for name in meaning},
        **columns,
        "domain": _domains(domains, columns.get("domain"), ids.index, where),
    }
    records = _records(known, ids.index, where)
    said = (*image_notes, *_undiagnosed(meaning), *table.notes, *_absent(table), *notes)
    return SourceTable(folder.dataset, folder.root, records, said)


def _labels_of(dataset: str) -> LabelTable:
    return load_label_table(dataset, adapter_of(dataset).labels)


def _meaning(
    labels: LabelTable, raw_label: pd.Series, malignancy: pd.Series | None, where: object
) -> pd.DataFrame:
    """Condition, malignancy and inflammatory of each label, [n, 3], compared with the source's malignancy."""
    if malignancy is not None:
        labels.check(raw_label, malignancy, where)
    return labels.apply(raw_label, where)


def _absent(table: MetadataTable) -> list[str]:
    """A note on optional columns that the file does not have, where there are any."""
    names = ", ".join(dict.fromkeys(table.absent))
    return (
        [f"optional columns that are not in {table.path.name}, unknown for all rows: {names}"]
        if names
        else []
    )


def _undiagnosed(meaning: pd.DataFrame) -> list[str]:
    """A note on rows without a diagnosis, where there are any."""
    rows = int(meaning["condition"].isna().sum())
    return [f"{rows:,} rows without a diagnosis are kept, condition unknown"] if rows else []


def _domains(domains: Sequence[str], said: pd.Series | None, rows: pd.Index, where: object) -> pd.Series:
    """The domain of each row, text [n]: what the row says, or the only one that there is."""
    if said is None and len(domains) == 1:
        return pd.Series(domains[0], index=rows)
    of_row = pd.Series(pd.NA, index=rows, dtype="str", name="domain") if said is None else said
    expected = f"a domain in every row: {', '.join(domains)}"
    refuse(of_row[~of_row.isin(domains)], where, expected)
    return of_row


def _records(known: Mapping[str, pd.Series], rows: pd.Index, where: object) -> pd.DataFrame:
    """The columns in the schema's order and dtypes, [n, RECORD_COLUMNS]; what is not known is null."""
    if unknown := [name for name in known if name not in RECORD_COLUMNS]:
        raise ValueError(f"no record has a column {unknown[0]!r}: {near_matches(unknown[0], RECORD_COLUMNS)}")
    nothing = pd.Series(pd.NA, index=rows, dtype="object")
    frame = pd.DataFrame({name: known.get(name, nothing) for name in RECORD_COLUMNS})
    return conform(frame, RECORD_COLUMNS, where)
