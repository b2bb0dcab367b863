"""The catalog: the records of all datasets, and what was found out by opening every image."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.checksums import Damaged, say_again
from skintag.core.errors import DataError
from skintag.core.hashing import content_key, hash_strings
from skintag.core.parquet import read_parquet, write_parquet
from skintag.data.catalog.duplicates import CLOSER, EVIDENCE, SUSPECT, Opener, near_duplicates
from skintag.data.catalog.fingerprint import COLUMNS, fingerprint_files
from skintag.data.catalog.leakage import duplicate_ids, leakage_groups
from skintag.data.catalog.likeness import SIDE
from skintag.data.catalog.records import SourceTable
from skintag.data.catalog.schema import CATALOG_COLUMNS, check_unique, conform
from skintag.data.catalog.search import LIKELY, LIKELY_TURNED, NEIGHBOURS
from skintag.data.images.files import decode_image, read_image

CATALOG: Final = "catalog.parquet"
"""Its name in a prepared folder."""
_FINGERPRINTED: Final = [name for name in COLUMNS if name not in ("path", "mtime_ns")]
_PAIRS_VERSION: Final = 5  # raise it when what likeness, keypoints, overlay or shared_keypoints give changes


def build_catalog(tables: Sequence[SourceTable], *, workers: int, cache: Path | None) -> pd.DataFrame:
    """Open every image once and join the rows that belong together.

    Args:
        tables: the records of each dataset, each dataset once.
        workers: threads for opening and comparing images.
        cache: folder that remembers what was found; on a second run no unchanged image is opened. How many
            were is said on stderr.

    Returns:
        A row per record with the columns of `CATALOG_COLUMNS`, sorted by image_id; the same for the same
        files, whatever the order of `tables` and of their rows.

    Raises:
        DataError: two records share an image_id.
    """
    parts = [_with_fingerprints(table, workers, cache) for table in tables]
    frame = pd.concat(parts, ignore_index=True)
    check_unique(frame, "the records of all datasets")
    frame = frame.sort_values("image_id", ignore_index=True)
    usable = frame["status"].eq("ok")
    roots = {table.dataset: table.root for table in tables}
    frame["duplicate_id"] = pd.Series(None, index=frame.index, dtype="object")
    frame.loc[usable, "duplicate_id"] = _duplicates(frame[usable], roots, workers, cache)
    frame["group_id"] = leakage_groups(frame)
    return conform(frame, CATALOG_COLUMNS, "the catalog")


def write_catalog(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write the catalog as Parquet, atomically.

    Raises:
        DataError: a column is missing or holds what it may not.
    """
    conformed = conform(frame, CATALOG_COLUMNS, path)
    write_parquet(conformed, path)


def read_catalog(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a catalog that `write_catalog` wrote, with the columns and dtypes of `CATALOG_COLUMNS`.

    Raises:
        DataError: the file is missing, is no Parquet, or lacks a column.
    """
    try:
        frame = read_parquet(path)
    except (Damaged, OSError, ValueError) as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else _said(error)
        raise DataError(
            path,
            expected="the catalog of a prepared folder",
            found=found,
            fix="run skintag prepare, or correct paths.prepared",
        ) from error
    return conform(frame, CATALOG_COLUMNS, path)


def _said(error: Exception) -> str:
    return error.found if isinstance(error, Damaged) else str(error)


def catalog_fingerprint(frame: pd.DataFrame) -> str:
    """A hash of the catalog's content, 32 hex digits; the order of its rows and columns plays no part."""
    cells = conform(frame, CATALOG_COLUMNS, "the catalog").astype("string").fillna("\0")
    lines = cells["image_id"].str.cat(cells.drop(columns="image_id"), sep="\x1f")
    rows = np.sort(hash_strings(lines))
    return hashlib.sha256(rows.astype("<u8").tobytes()).hexdigest()[:32]


def _with_fingerprints(table: SourceTable, workers: int, cache: Path | None) -> pd.DataFrame:
    records = table.records
    paths = sorted(records["path"].dropna().unique())
    fingerprints = fingerprint_files(
        table.root,
        paths,
        workers=workers,
        cache=cache / "fingerprints" if cache else None,
        description=f"{table.dataset}: opening images",
    )
    if fingerprints.reused:
        print(
            f"{table.dataset}: {fingerprints.reused:,} of {len(paths):,} images unchanged, not opened again",
            file=sys.stderr,
        )
    found = fingerprints.frame.set_index("path")[_FINGERPRINTED]
    joined = records.join(found, on="path")
    joined["status"] = joined["status"].fillna("missing")
    return joined


def _duplicates(
    usable: pd.DataFrame, roots: dict[str, Path], workers: int, cache: Path | None
) -> NDArray[np.object_]:
    """`duplicate_id` of each row of `usable`; files with the same bytes are compared to others once."""
    files = usable.drop_duplicates("content_hash").sort_values("content_hash")
    hashes = files["content_hash"].to_numpy(object)
    store = None
    if cache is not None:
        settings = (EVIDENCE, SUSPECT, CLOSER, LIKELY, LIKELY_TURNED, NEIGHBOURS)
        store = cache / f"near-duplicates-{content_key(_PAIRS_VERSION, settings, list(hashes))}.parquet"
    pairs = _remembered_pairs(store)
    if pairs is None:
        thumbs = np.frombuffer(b"".join(files["thumbnail"]), np.uint8).reshape(-1, SIDE, SIDE)
        keypoints = files["keypoints"].tolist()
        pairs = near_duplicates(thumbs, keypoints, _opener(files, roots), workers=workers)
        pairs = pairs.assign(first=hashes[pairs["first"]], second=hashes[pairs["second"]])
        if store is not None:
            write_parquet(pairs, store)
    return duplicate_ids(usable["image_id"].tolist(), usable["content_hash"].tolist(), pairs)


def _opener(files: pd.DataFrame, roots: dict[str, Path]) -> Opener:
    """Opens the picture at a position of `files`."""
    places = [roots[name] / path for name, path in zip(files["dataset"], files["path"], strict=True)]

    def opened(row: int) -> NDArray[np.uint8]:
        return decode_image(read_image(places[row], places[row]), places[row])

    return opened


def _remembered_pairs(store: Path | None) -> pd.DataFrame | None:
    """The pairs of an earlier call; None where there are none, or they are damaged, which is said."""
    if store is None or not store.is_file():
        return None
    try:
        return read_parquet(store)[["first", "second", "evidence"]]
    except (Damaged, OSError, ValueError, KeyError):
        say_again(store, "images are compared")
        return None
