"""A raw folder as its user has it: one walk over the tree, then images and metadata files by name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few

IMAGE_SUFFIXES: Final = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".gif",
)  # fmt: skip
_SUFFIX: Final = rf"(?i)(?:{'|'.join(re.escape(suffix) for suffix in IMAGE_SUFFIXES)})$"
TABLE_SUFFIXES: Final = (".csv", ".tab", ".tsv", "")
# What never is the picture of a row, however it is called. Any other suffix may be: Fitzpatrick17k images
# carry whatever suffix their web address had.
_NOT_IMAGES: Final = re.compile(
    r"[.](csv|tab|tsv|txt|md|json|ya?ml|xml|html?|xlsx?|pdf|log|py|ipynb|np[yz]|parquet|h5|pth?|safetensors|zip|tar"
    r"|t?gz|rar|7z|part|tmp|crdownload|ini|db)"
)
_OTHER_TABLES: Final = (
    ".xlsx",
    ".xls",
    ".ods",
    ".numbers",
    ".parquet",
    ".feather",
    ".json",
    ".jsonl",
    ".sav",
    ".rds",
)
_PACKED: Final = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_MASKS: Final = re.compile(r"(^|[\s_-])(masks?|segmentations?)([\s_-]|$)")
_DOWNSAMPLED: Final = "_downsampled"


@dataclass(frozen=True, eq=False)
class RawFolder:
    """What lies in a dataset's raw folder. Paths are relative to `root`, with "/" between parts."""

    dataset: str
    """Its name, for messages and as the prefix of ids."""
    root: Path
    """The folder itself."""
    candidates: dict[str, list[str]]
    """`image_key` -> files that may be its picture, best first."""
    tables: tuple[str, ...]
    """Files that may hold metadata, by depth and name."""
    masks: int
    """Files left out because their folder is called masks or segmentations."""
    others: tuple[str, ...] = ()
    """Tables of kinds that are not read, and packed files."""

    def find_table(self, *patterns: str) -> Path | None:
        """The metadata file that fits the earliest of `patterns` (lower-case globs on the file name).

        Raises:
            DataError: two files fit one pattern equally well and differ.
        """
        for pattern in patterns:
            found = [path for path in self.tables if fnmatchcase(_name(path), pattern)]
            nearest = [path for path in found if path.count("/") == found[0].count("/")]
            if len({(self.root / path).read_bytes() for path in nearest}) > 1:
                raise DataError(
                    self.root,
                    expected=f"one metadata file of {self.dataset}",
                    found=first_few(nearest),
                    fix="keep the one to use and move the others out of this folder",
                )
            if found:
                return self.root / found[0]
        return None

    def need_table(self, *patterns: str) -> Path:
        """`find_table`, or a DataError that lists the tables that are there."""
        path = self.find_table(*patterns)
        if path is None:
            raise DataError(
                self.root,
                expected=f"the metadata file of {self.dataset}: {' or '.join(patterns)}",
                found=first_few([*self.tables, *self.others]) or "no table in this folder or below it",
                fix=f"{self._ready()}put it there, correct the folder, or {_leave_out(self.dataset)}",
            )
        return path

    @property
    def packed(self) -> list[str]:
        """Files that have to be unpacked."""
        return [path for path in self.others if path.lower().endswith(_PACKED)]

    def _ready(self) -> str:
        """What to do with files that are not read."""
        tables = [path for path in self.others if path.lower().endswith(_OTHER_TABLES)]
        save = f"save {first_few(tables, 3)} as CSV (UTF-8), " if tables else ""
        return save + (f"unpack {first_few(self.packed, 3)}, " if self.packed else "")

    def locate(self, ids: pd.Series) -> tuple[pd.Series, tuple[str, ...]]:
        """Path of each image (text [n], null where there is no file), and notes on what was found.

        Args:
            ids: the source's own image ids, text [n], without suffix; all with their folder below `root` where one
                has it.
        """
        keys = ids.map(image_key)
        best = {key: files[0] for key, files in self.candidates.items()}
        if ids.str.contains("/", regex=False).any():  # files of one name in several folders
            every = [path for files in self.candidates.values() for path in reversed(files)]
            best = {image_key(PurePosixPath(path).with_suffix("").as_posix()): path for path in every}
        paths = keys.map(best).astype("str")
        listed = set(keys)
        several = [
            best[k] for k, files in self.candidates.items() if len(files) > 1 and k in listed and k in best
        ]
        extra = [
            path for key, path in best.items() if key not in listed and path.lower().endswith(IMAGE_SUFFIXES)
        ]
        found = int(paths.notna().sum())
        notes = [f"{found:,} of {len(ids):,} images found, {len(ids) - found:,} missing"]
        if self.packed and found < len(ids):
            notes.append(f"packed files are not looked into; unpack them: {first_few(self.packed, 3)}")
        if several:
            notes.append(f"{len(several):,} images lie there more than once; used: {first_few(several, 3)}")
        if extra:
            notes.append(f"{len(extra):,} images are not in the metadata and not used: {first_few(extra, 3)}")
        if self.masks:
            notes.append(f"{self.masks:,} files in folders of masks or segmentations not used")
        return paths, tuple(notes)


def without_suffix(names: pd.Series) -> pd.Series:
    """File names without the suffix of a picture, text [n]."""
    return names.str.replace(_SUFFIX, "", regex=True)


def image_key(name: str) -> str:
    """How an image id and a file name are compared: lower case, without ISIC 2019's `_downsampled`."""
    return name.lower().removesuffix(_DOWNSAMPLED)


def scan_folder(dataset: str, root: Path) -> RawFolder:
    """Walk the tree under `root` once.

    Links are followed, each real folder once; hidden files and folders are passed over.

    Raises:
        DataError: `root` is no folder, or a folder below it cannot be read.
    """
    if not root.is_dir():
        raise _no_folder(dataset, root)
    images: dict[str, list[tuple[tuple[object, ...], str]]] = {}
    tables: list[str] = []
    others: list[str] = []
    masks = 0
    for path in _walk(root):
        name = PurePosixPath(_name(path))
        stem, suffix = name.stem, name.suffix
        if suffix in TABLE_SUFFIXES:
            tables.append(path)
        elif suffix in (*_OTHER_TABLES, *_PACKED):
            others.append(path)
        if _NOT_IMAGES.fullmatch(suffix):
            continue
        if any(_MASKS.search(part) for part in path.lower().split("/")[:-1]):
            masks += 1
            continue
        rank = IMAGE_SUFFIXES.index(suffix) if suffix in IMAGE_SUFFIXES else len(IMAGE_SUFFIXES)
        order = (stem.endswith(_DOWNSAMPLED), rank, path.count("/"), path.lower(), path)
        images.setdefault(image_key(stem), []).append((order, path))
    candidates = {key: [path for _, path in sorted(images[key])] for key in sorted(images)}
    tables.sort(key=lambda path: (path.count("/"), path))
    return RawFolder(dataset, root, candidates, tuple(tables), masks, tuple(sorted(others)))


def _walk(root: Path) -> list[str]:
    """Every file under `root` but hidden ones, relative, with "/" between parts."""
    seen: set[tuple[int, int]] = set()
    files: list[str] = []
    for parent, folders, names in os.walk(root, followlinks=True, onerror=_unreadable):
        stat = Path(parent).stat()
        if (stat.st_dev, stat.st_ino) in seen:  # a link that leads back up
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        inside = os.path.relpath(parent, root).replace(os.sep, "/")
        prefix = "" if inside == "." else inside + "/"
        files.extend(prefix + name for name in names if not name.startswith("."))
    return files


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1].lower()


def _unreadable(error: OSError) -> None:
    raise DataError(
        error.filename,
        expected="a folder that can be read",
        found=error.strerror or str(error),
        fix="correct its permissions",
    ) from error


def _leave_out(dataset: str) -> str:
    return f"leave the dataset out: '~data.sources.{dataset}'"


def _no_folder(dataset: str, root: Path) -> DataError:
    found = "a file" if root.exists() else "no such folder"
    if root.parent.is_dir():
        beside = sorted(path.name for path in root.parent.iterdir() if path.is_dir())
        lower = {name.lower(): name for name in beside}
        near = [lower[name] for name in get_close_matches(root.name.lower(), lower, n=3, cutoff=0.5)]
        if near or beside:
            found += f"; near it: {first_few(near or beside)}"
    else:
        found += f", nor is there {root.parent}"
    return DataError(
        root,
        expected=f"the raw folder of {dataset}",
        found=found,
        fix=f"set data.sources.{dataset} to the folder, or {_leave_out(dataset)}",
    )
