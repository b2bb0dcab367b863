"""A bundle as one zip: the same bytes for the same content, and unpacked only where nothing in it is odd."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Final

from skintag.bundle.manifest import AGAIN, MANIFEST, Manifest, check_name
from skintag.core.errors import DataError
from skintag.core.io import atomic_path

TOTAL_LIMIT: Final = 8 << 30
"""Bytes that a zip may unpack to."""
RATIO_LIMIT: Final = 100
"""Times its own size that a zip may unpack to: weights hardly shrink, so more is a trap."""
ENTRY_LIMIT: Final = 1000
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold


def write_zip(folder: Path, path: Path) -> None:
    """Write a bundle's folder as a zip, atomically; the bytes depend on the files alone.

    Nothing is compressed: weights would not get smaller, and other versions of zlib give other bytes.
    """
    names = [MANIFEST, *(entry.path for entry in Manifest.read(folder).files)]
    with atomic_path(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            with (folder / name).open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)


def unpack_aside(path: Path, limit: int) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder with what a zip holds; raises as `unpack`."""
    folder = tempfile.TemporaryDirectory(prefix="skintag_bundle_", ignore_cleanup_errors=True)
    try:
        unpack(path, Path(folder.name), limit)
    except BaseException:
        folder.cleanup()
        raise
    return folder


def unpack(path: Path, out: Path, limit: int = TOTAL_LIMIT) -> None:
    """Unpack a zip into the folder `out`; everything that it lists is checked before a byte is written.

    Raises:
        DataError: not a zip, an entry that leads out of the folder, a link, the same name twice, encrypted or
            otherwise packed entries, or more bytes than `limit` or than the zip's own size explains.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not _is_folder(entry)]
            _check_entries(entries, path, limit)
            for entry in entries:
                target = out / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)  # zipfile reads no more than it declares
    except (
        zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError,
        FileExistsError, NotADirectoryError, IsADirectoryError,
    ) as error:  # fmt: skip
        found = f"{type(error).__name__}: {error}"
        raise DataError(path, expected="a zip that is whole", found=found, fix=AGAIN) from error


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    """A harmless entry for a folder, as some programs that pack again add them."""
    if not entry.filename.endswith("/") or entry.file_size:
        return False
    check_name(entry.filename.rstrip("/"), "zip entry")
    return True


def _check_entries(entries: list[zipfile.ZipInfo], path: Path, limit: int) -> None:
    if not entries or min(entry.header_offset for entry in entries) != 0:
        # cut short, it may end in what looks like the end of a zip: arrays are stored in small ones
        found = f"{path.stat().st_size:,} bytes that do not begin with an entry"
        raise DataError(path, expected="a zip that is whole", found=found, fix=AGAIN)
    if len(entries) > ENTRY_LIMIT:
        raise _odd(path, f"at most {ENTRY_LIMIT} files", f"{len(entries):,}")
    seen: set[str] = set()
    for entry in entries:
        # zipfile cuts names at a NUL and turns this system's separators; what was written is what counts
        check_name(entry.orig_filename, f"{path}, zip entry")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            what = "a link" if kind == stat.S_IFLNK else "no plain file"
            raise _odd(path, "plain files", f"{entry.filename} is {what}")
        if entry.filename.casefold() in seen:
            raise _odd(path, "each file once", f"{entry.filename} twice, or in other letters")
        seen.add(entry.filename.casefold())
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _odd(path, "stored or deflated files", f"{entry.filename}, encrypted or packed otherwise")
    total, size = sum(entry.file_size for entry in entries), path.stat().st_size
    if total > limit or total > RATIO_LIMIT * size:
        allowed = min(limit, RATIO_LIMIT * size)
        raise _odd(path, f"at most {allowed:,} bytes, unpacked", f"{total:,}")


def _odd(path: Path, expected: str, found: str) -> DataError:
    fix = "do not use this bundle: it was not written by SkinTag, or somebody has changed it"
    return DataError(path, expected=expected, found=found, fix=fix)
