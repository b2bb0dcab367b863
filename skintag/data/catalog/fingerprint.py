"""Every image opened once: hashes, size, whether it can be read; remembered until its file changes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import pandas as pd

from skintag.core.checksums import Damaged, say_again
from skintag.core.errors import ImageError
from skintag.core.hashing import content_key
from skintag.core.parquet import read_parquet, write_parquet
from skintag.core.progress import track
from skintag.data.catalog.keypoints import keypoints
from skintag.data.catalog.likeness import perceptual_hash, thumbnail
from skintag.data.images.files import decode_image, read_image

_VERSION: Final = 3  # of what is computed from a file; raise it when decoding or hashing changes
_KEY: Final = ["path", "file_bytes", "mtime_ns"]
COLUMNS: Final[dict[str, str]] = {
    "path": "str",  # relative to the raw folder
    "file_bytes": "Int64",
    "mtime_ns": "Int64",  # when the file was last changed
    "status": "str",  # "ok" or "unreadable"
    "reason": "str",  # why unreadable
    "content_hash": "str",  # SHA-256 of the file
    "phash": "str",
    "width": "Int32",  # after EXIF orientation
    "height": "Int32",
    "thumbnail": "object",  # bytes of uint8 [SIDE, SIDE], see skintag.data.catalog.likeness
    "keypoints": "object",  # bytes of RECORD [k], see skintag.data.catalog.keypoints
}
_BATCH: Final = 16
_SAVE_EVERY: Final = 4096
_PASSING: Final = ("cannot be read", "no such file", "out of memory", "unsupported format")
"""Reasons that may be gone the next time, though the file has not changed."""


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """What is known of the files of one raw folder."""

    frame: pd.DataFrame
    """One row per path asked for, in that order, with the columns of `COLUMNS`."""
    reused: int
    """Files that were not opened, because they have not changed since they were."""


def fingerprint_files(
    root: Path, paths: Sequence[str], *, workers: int, cache: Path | None, description: str
) -> Fingerprints:
    """Fingerprint the files `paths` (each once, relative to `root`).

    Pixels are decoded in full, so that a file with a good header and a bad end is known for what it is.

    Args:
        workers: threads; decoding leaves Python's lock, so they work side by side.
        cache: a folder for what is known already; a file counts as unchanged while its path, size and time of
            change are the same. Saved every few thousand images: a killed run goes on from there.
        description: shown at the progress bar.
    """
    store = None
    if cache is not None:
        store = cache / f"{root.name}-{content_key(_VERSION, str(root.resolve()))[:12]}.parquet"
    found = _stat_files(root, paths).merge(_load(store), on=_KEY, how="left", validate="one_to_one")
    todo = found["path"][found["status"].isna()].tolist()
    fresh: list[dict[str, Any]] = []
    try:
        rows = track(_each(root, todo, workers), description, total=len(todo)) if todo else ()
        for number, row in enumerate(rows, 1):
            fresh.append(row)
            if number % _SAVE_EVERY == 0:
                _save(_combine(found, fresh), store)
    finally:
        if fresh:
            _save(_combine(found, fresh), store)
    frame = _combine(found, fresh).set_index("path").loc[list(paths)].reset_index()
    return Fingerprints(frame, reused=len(paths) - len(todo))


def fingerprint_file(root: Path, path: str) -> dict[str, Any]:
    """One row of `COLUMNS` but for size and time of change; an unreadable file gives status and reason."""
    where = root / path
    try:
        data = read_image(where, where)
        image = decode_image(data, where)
        return {
            "path": path,
            "status": "ok",
            "content_hash": hashlib.sha256(data).hexdigest(),
            "phash": perceptual_hash(image),
            "height": image.shape[0],
            "width": image.shape[1],
            "thumbnail": thumbnail(image).tobytes(),
            "keypoints": keypoints(image).tobytes(),
        }
    except ImageError as error:
        return {"path": path, "status": "unreadable", "reason": error.reason}
    except (MemoryError, cv2.error):  # one picture's: the others go on
        return {"path": path, "status": "unreadable", "reason": "out of memory"}


def _each(root: Path, paths: list[str], workers: int) -> Iterator[dict[str, Any]]:
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    with ThreadPoolExecutor(max(1, workers)) as pool:
        try:
            for rows in pool.map(lambda batch: [fingerprint_file(root, path) for path in batch], batches):
                yield from rows
        finally:
            pool.shutdown(cancel_futures=True)


def _stat_files(root: Path, paths: Sequence[str]) -> pd.DataFrame:
    rows = []
    for path in paths:
        try:
            stat = os.stat(root / path)  # noqa: PTH116 (twice as fast, for tens of thousands of files)
            rows.append((path, stat.st_size, stat.st_mtime_ns))
        except OSError:  # gone since it was listed: opening it will say so
            rows.append((path, 0, 0))
    frame = pd.DataFrame(rows, columns=_KEY)
    return frame.astype({name: COLUMNS[name] for name in _KEY})


def _load(store: Path | None) -> pd.DataFrame:
    """The remembered rows; none where there is no file, or one that cannot be read (it only saves time; it is said)."""
    if store is not None and store.is_file():
        try:
            return _typed(read_parquet(store, columns=list(COLUMNS)))
        except (Damaged, OSError, ValueError, KeyError, TypeError):
            say_again(store, "its images are opened")
    return _typed(pd.DataFrame(columns=list(COLUMNS)))


def _save(frame: pd.DataFrame, store: Path | None) -> None:
    if store is not None:
        kept = frame[~frame["reason"].isin(_PASSING)]
        write_parquet(kept, store, compression="zstd")


def _combine(found: pd.DataFrame, fresh: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows of `found` whose status is known, and `fresh` ones with the size and time that `found` has."""
    columns = [name for name in COLUMNS if name not in ("file_bytes", "mtime_ns")]
    rows = found[_KEY].merge(pd.DataFrame(fresh, columns=columns), on="path")
    return _typed(pd.concat([_typed(found[found["status"].notna()]), _typed(rows)], ignore_index=True))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[list(COLUMNS)].astype(COLUMNS)
