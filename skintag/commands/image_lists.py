"""The pictures that a command line names: a folder, paths and globs, or a column of a CSV."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skintag.commands.bundle_arguments import find_images
from skintag.core.console import say
from skintag.core.errors import DataError, first_few, near_matches

COLUMNS: Final = ("image", "path", "file", "filename", "file_name", "image_path")
"""Of a CSV, the first that it has where none is named."""
_SUFFIXES: Final = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif")
)


@dataclass(frozen=True)
class ImageList:
    """Pictures in order."""

    names: tuple[str, ...]
    """What each is called: its path, or the text of the CSV."""
    root: Path = Path()
    """What names are relative to."""

    def paths(self) -> Iterator[Path]:
        """Where each lies."""
        return (self.root / name for name in self.names)


def image_list(
    images: str | Sequence[str], *, column: str | None = None, root: str | None = None
) -> ImageList:
    """The pictures that `images` names.

    Args:
        images: a folder, of which all picture files are taken, those in folders below too, by path; a CSV; or paths
            and globs, see `find_images`.
        column: of a CSV, that holds the paths; None: the first of COLUMNS.
        root: folder that a CSV's paths are relative to; None: that of the CSV.

    Raises:
        ConfigError: nothing is named.
        DataError: the folder has no pictures, a glob matches nothing, or the CSV cannot be read.
    """
    given = [images] if isinstance(images, str) else list(images)
    only = Path(given[0]) if len(given) == 1 and given[0] else None
    if only is not None and only.is_dir():
        return ImageList(_below(only))
    if only is not None and only.suffix.lower() == ".csv" and only.exists():
        return ImageList(_listed(only, column), Path(root) if root else only.parent)
    return ImageList(tuple(find_images(given)))


def _below(folder: Path) -> tuple[str, ...]:
    """The picture files below a folder; the others are counted, by the end of their names."""
    found: list[str] = []
    others: Counter[str] = Counter()
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            suffix = Path(name).suffix.lower()
            if suffix in _SUFFIXES and not name.startswith("."):
                found.append(os.path.join(place, name))  # noqa: PTH118 (a million of them)
            else:
                others[suffix or name] += 1
    if others:
        kinds = first_few([f"{n:,} {kind}" for kind, n in others.most_common()], 5)
        say(f"{folder}: {sum(others.values()):,} other file(s) left out ({kinds})")
    if not found:
        fix = "name the folder that they lie in, or a glob: 'images=photos/*'"
        raise DataError(f"images={folder}", expected="picture files", found="none", fix=fix)
    return tuple(sorted(found))


def _listed(path: Path, column: str | None) -> tuple[str, ...]:
    """The paths in a CSV, as they are written."""
    import pandas as pd

    try:
        header = [str(name) for name in pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns]
        chosen = column or next((name for name in COLUMNS if name in header), None)
        if chosen not in header:
            known = (
                f"no column {column!r}; {near_matches(column, header)}"
                if column
                else f"only {first_few(header)}"
            )
            wanted = f"a column {' or '.join(COLUMNS)}" if column is None else "the column that is named"
            raise DataError(path, expected=wanted, found=known, fix="column=<the one that holds the paths>")
        cells = pd.read_csv(path, usecols=[chosen], dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        said = " ".join(str(error).split())
        fix = "save it as CSV, separated by commas"
        raise DataError(path, expected="a CSV in UTF-8", found=said, fix=fix) from error
    names = cells[chosen].tolist()
    if empty := [i + 2 for i, name in enumerate(names) if not name.strip()]:
        found = f"{len(empty):,} empty, e.g. in line {first_few(empty, 3)}"
        raise DataError(
            path, expected=f"a path in each row of {chosen!r}", found=found, fix="remove these rows"
        )
    if not names:
        raise DataError(path, expected="rows", found="none", fix="name the CSV that lists the pictures")
    return tuple(names)
