"""One schema for all datasets: the columns of records and of the catalog.

`records` are what a source adapter makes of a raw folder: one row per image that the metadata lists,
whether or not its file is there. The `catalog` is the records of all datasets plus what was found out by
opening every image. Unknown is null, never a made-up value.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few

# column -> pandas dtype. "str" columns hold text or null.
RECORD_COLUMNS: Final[dict[str, str]] = {
    "image_id": "str",  # "<dataset>/<the source's own id>", unique over all datasets
    "dataset": "str",
    "domain": "str",  # one of vocabulary.DOMAINS; of the picture, not of the dataset
    "path": "str",  # relative to the dataset's raw folder, "/" between parts; null: no file found
    "raw_label": "str",  # the source's own diagnosis, as written
    "condition": "Int8",  # extended taxonomy, 0..10; null: undiagnosed
    "malignancy": "str",  # one of vocabulary.MALIGNANCY; null: undiagnosed
    "inflammatory": "boolean",
    "fitzpatrick": "Int8",  # 1..6; null: unknown or known only as a pair
    "fst_group": "str",  # one of FST_GROUPS; null: unknown
    "skin_tone": "Int8",  # 0 very dark .. 5 very light, another scale than Fitzpatrick's; 0 is a tone, null is unknown
    "sex": "str",  # one of SEXES
    "age": "Float32",  # years
    "site": "str",  # body site as the source writes it, lower case
    "lesion_id": "str",  # prefixed with the dataset
    "patient_id": "str",  # prefixed with the dataset
    "confirmation": "str",  # how the diagnosis was confirmed, as the source says, lower case
}
CATALOG_COLUMNS: Final[dict[str, str]] = {
    **RECORD_COLUMNS,
    "status": "str",  # "ok", "missing" (no file) or "unreadable"
    "reason": "str",  # why unreadable, one short phrase; null otherwise
    "content_hash": "str",  # SHA-256 of the raw file's bytes, hex; null unless status is ok
    "phash": "str",  # perceptual hash, hex; null unless status is ok
    "width": "Int32",  # pixels, after EXIF orientation
    "height": "Int32",
    "file_bytes": "Int64",
    "duplicate_id": "str",  # images with one value are identical or near-identical pictures
    "group_id": "str",  # leakage group: joined by patient, lesion or duplicate_id, directly or in a chain
}

# What catalogs of version 0.1 and of the first 0.2 lack: read as unknown.
_LATER: Final = ("skin_tone",)


def conform(frame: pd.DataFrame, columns: dict[str, str], where: object) -> pd.DataFrame:
    """The frame with exactly `columns`, in order and with their dtypes.

    A column that earlier versions did not have is null where it is missing.

    Raises:
        DataError: another column is missing, or a value cannot be held by the column's dtype.
    """
    if later := [name for name in _LATER if name in columns and name not in frame]:
        frame = frame.reindex(columns=[*frame.columns, *later])
    missing = [name for name in columns if name not in frame]
    if missing:
        raise DataError(
            where,
            expected=f"the columns {', '.join(columns)}",
            found=f"no {first_few(missing)}",
            fix="write the table with this version of SkinTag (skintag prepare)",
        )
    out = {}
    for name, dtype in columns.items():
        try:
            out[name] = frame[name].astype(dtype)  # type: ignore[call-overload]
        except (TypeError, ValueError) as error:
            raise DataError(
                where, expected=f"{dtype} values in {name!r}", found=str(error), fix="correct these rows"
            ) from error
    return pd.DataFrame(out).reset_index(drop=True)


def check_unique(frame: pd.DataFrame, where: object) -> None:
    """Raise DataError where two rows share an `image_id`."""
    twice = frame["image_id"][frame["image_id"].duplicated()].unique()
    if len(twice):
        raise DataError(
            where,
            expected="one row per image",
            found=f"{len(twice)} image_id(s) more than once: {first_few(list(twice))}",
            fix="remove the repeated rows from the metadata file",
        )
