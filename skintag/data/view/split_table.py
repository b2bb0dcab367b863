"""A split as a file: one row an image, and for each fold, as CSV; what it was made with lies beside it as JSON.

    image_id,dataset,split,fold,group,content_hash        (`fold` only where the file holds several splits)

It names no path and no machine, so it can be published with a paper.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pandas as pd

from skintag.core.csv_text import csv_of
from skintag.core.errors import DataError, first_few
from skintag.core.io import read_json, read_regular, write_bytes, write_json
from skintag.core.vocabulary import SPLITS

LEFT_OUT: Final = "left_out"
"""In column `split`: the split takes the image on no side, on purpose."""
COLUMNS: Final = ("image_id", "dataset", "split", "fold", "group", "content_hash")
VERSION: Final = 1
_SHA256: Final = "sha256"  # key of the JSON file: of the CSV
_MOST: Final = 1 << 30  # bytes
_EXAMPLES: Final = 3


def settings_beside(path: Path) -> Path:
    """Where the settings of a split file lie: `split.json` beside `split.csv`."""
    return path.with_suffix(".json")


def write_split(frame: pd.DataFrame, path: Path, settings: Mapping[str, Any]) -> None:
    """Write a split and its settings, each file atomically, the settings last.

    Args:
        frame: COLUMNS, `fold` left out where there is one split.
        path: of the CSV.
        settings: plain values; version and checksum of the CSV are added.
    """
    ordered = frame[[name for name in COLUMNS if name in frame]]
    keys = [name for name in ("fold", "image_id") if name in frame]
    data = csv_of(ordered.sort_values(keys, ignore_index=True))
    beside = settings_beside(path)
    beside.unlink(missing_ok=True)  # killed between the two, the new table would have the settings of the old
    write_bytes(path, data)
    write_json(beside, {"version": VERSION, **settings, _SHA256: hashlib.sha256(data).hexdigest()})


def read_split(path: Path, *, hashes: bool = True) -> pd.DataFrame:
    """The rows of a split file, all texts but `fold`, which is int64; columns that it has not are left out.

    Args:
        path: of the CSV.
        hashes: whether every row has to have a `content_hash`.

    Raises:
        DataError: no such file, no CSV in UTF-8, a missing column, an unknown split, an image twice, two folds that
            are one split, or another content than its settings file knows.
    """
    try:
        stat = path.stat()
        frame = _read(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:
        found = "no such file" if isinstance(error, FileNotFoundError) else str(error.strerror or error)
        fix = "skintag split export ... out=<file> writes one; check split.path"
        raise problem(path, "a split as CSV", found, fix) from error
    missing = [name for name in ("content_hash",) if hashes and name not in frame]
    if missing:
        fix = "add the SHA-256 of each image file, or split.any_content=true to take whatever has these names"
        raise problem(path, "the column content_hash", f"only {', '.join(frame.columns)}", fix)
    if hashes and (bad := ~frame["content_hash"].str.fullmatch("[0-9a-f]{64}")).any():
        fix = "give the SHA-256 of the file, or split.any_content=true to take whatever has these names"
        raise problem(path, "a SHA-256 in each row's content_hash", _lines(frame, bad, "content_hash"), fix)
    return frame


@lru_cache(4)
def _read(path: Path, size: int, changed: int) -> pd.DataFrame:
    """The checked rows; kept for the view of a run is computed more than once."""
    data = read_regular(path, _MOST)
    _check_unchanged(path, data)
    try:
        frame = pd.read_csv(BytesIO(data), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:  # pandas' own errors and UnicodeDecodeError are subclasses
        fix = "save it as CSV in UTF-8, separated by commas"
        raise problem(path, "a table as CSV", " ".join(str(error).split()), fix) from error
    missing = [name for name in ("image_id", "split") if name not in frame]
    if missing:
        found = f"no {' and no '.join(missing)}; there are {first_few(list(frame.columns))}"
        raise problem(path, f"the columns {', '.join(COLUMNS)}", found, "skintag split export writes them")
    frame = frame[[name for name in COLUMNS if name in frame]]
    allowed = (*SPLITS, LEFT_OUT)
    if (unknown := ~frame["split"].isin(allowed)).any():
        fix = f"name the sides {', '.join(SPLITS)}; {LEFT_OUT} is for what is on none"
        raise problem(path, f"one of {', '.join(allowed)}", _lines(frame, unknown, "split"), fix)
    if "fold" in frame:
        frame = frame.assign(fold=_folds(frame, path))
    keys = [name for name in ("image_id", "fold") if name in frame]
    if (twice := frame.duplicated(keys, keep=False)).any():
        found = f"{int(frame[twice][keys].drop_duplicates().shape[0]):,} more than once: "
        once = " and fold" if "fold" in keys else ""
        fix = "remove the rows that are too many; several splits in one file need a column fold"
        raise problem(path, f"one row an image{once}", found + _lines(frame, twice, "image_id"), fix)
    if "fold" in frame:
        _check_distinct(frame, path)
    return frame


def _folds(frame: pd.DataFrame, path: Path) -> pd.Series:
    if (wrong := ~frame["fold"].str.fullmatch(r"\d{1,6}")).any():
        fix = "number the splits of the file 0, 1, 2, ..."
        raise problem(path, "a whole number in each row's fold", _lines(frame, wrong, "fold"), fix)
    return frame["fold"].astype("int64")


def _check_distinct(frame: pd.DataFrame, path: Path) -> None:
    """Refuse two folds that put every image on the same side: a mean over them would count one split twice."""
    seen: dict[str, int] = {}
    for fold, rows in frame.sort_values("image_id", kind="stable").groupby("fold"):
        text = "\n".join(rows["image_id"].str.cat(rows["split"], sep="\t"))
        key = hashlib.sha256(text.encode()).hexdigest()
        number = int(str(fold))
        if key in seen:
            fix = "remove one of them, or number the folds as they were meant"
            raise problem(path, "another split in each fold", f"folds {seen[key]} and {number} are one", fix)
        seen[key] = number


def _check_unchanged(path: Path, data: bytes) -> None:
    """Compare with the checksum in the settings file; a table that came without settings is taken as it is."""
    beside = settings_beside(path)
    if not beside.is_file():
        return
    try:
        values = read_json(beside)
        said = values.get(_SHA256) if isinstance(values, dict) else None
    except (OSError, ValueError) as error:
        raise problem(
            beside, "the settings of a split", str(error), f"restore it, or delete {beside}"
        ) from error
    if said is not None and said != hashlib.sha256(data).hexdigest():
        fix = f"restore it; if it was changed on purpose, delete {beside.name} beside it"
        raise problem(path, f"the file that {beside.name} was written with", "other content (SHA-256)", fix)


def _lines(frame: pd.DataFrame, rows: pd.Series, column: str) -> str:
    """`3 row(s): 'tset' in line 7 (ham10000/a), ...`; the header is line 1."""
    shown = frame[rows].head(_EXAMPLES)
    said = [f"{row[column]!r} in line {int(str(i)) + 2} ({row['image_id']})" for i, row in shown.iterrows()]
    more = int(rows.sum()) - len(said)
    return f"{', '.join(said)}{f' (+{more:,} more)' if more > 0 else ''}"


def by_dataset(frame: pd.DataFrame) -> str:
    """`6,000 bcn20000, 12 ddi (e.g. bcn20000/a, ...)`: how many images of which datasets, and a few of them."""
    names = frame["image_id"].str.partition("/")[0] if "dataset" not in frame else frame["dataset"]
    counts = [f"{n:,} {name}" for name, n in sorted(names.value_counts().items())]
    return f"{', '.join(counts)} (e.g. {first_few(frame['image_id'].tolist()[:_EXAMPLES])})"


def problem(path: Path, expected: str, found: str, fix: str) -> DataError:
    """What is wrong with a split file."""
    return DataError(path, expected=expected, found=found, fix=fix)
