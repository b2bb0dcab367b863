"""A bundle's folder against its manifest: every file, nothing else, and to the byte what was written."""

from __future__ import annotations

import os
from pathlib import Path

from skintag.bundle.content import refuse_code
from skintag.bundle.manifest import AGAIN, MANIFEST, FileEntry, Manifest
from skintag.core.errors import DataError, first_few
from skintag.core.hashing import file_sha256


def verify(folder: Path, shown: object = None) -> Manifest:
    """Check a folder whole before anything in it is used; runs and unpickles nothing.

    Args:
        folder: holds `bundle.json`.
        shown: what messages call it, where that is not the folder itself (a zip that was unpacked into it).

    Returns:
        The manifest, which the folder now is known to agree with.

    Raises:
        DataError: no bundle, a newer format, a file that is missing, extra, changed or a link, or a pickle.
    """
    where = str(shown or folder)
    manifest = _renamed(folder, where)
    there, wanted = _files(folder, where), {entry.path for entry in manifest.files}
    listed = f"the {len(wanted)} files that {MANIFEST} lists"
    if missing := sorted(wanted - there):
        raise DataError(where, expected=listed, found=f"missing: {first_few(missing)}", fix=AGAIN)
    if extra := sorted(there - wanted - {MANIFEST}):
        fix = f"remove what does not belong there, or {AGAIN}"
        raise DataError(where, expected=f"{listed}, and no other", found=f"also {first_few(extra)}", fix=fix)
    for entry in manifest.files:
        _check(folder, entry, where)
    for entry in manifest.files:
        try:
            refuse_code(folder / entry.path)
        except DataError as error:
            found = f"{entry.path}: {error.found}"
            raise DataError(where, expected=error.expected, found=found, fix=error.fix) from error
    return manifest


def _renamed(folder: Path, where: str) -> Manifest:
    """The manifest, its errors under the name that the user knows."""
    try:
        return Manifest.read(folder)
    except DataError as error:
        name = error.where.replace(str(folder), where, 1)
        raise DataError(name, expected=error.expected, found=error.found, fix=error.fix) from error


def _files(folder: Path, where: str) -> set[str]:
    """Every file below the folder, `/` between parts.

    Raises:
        DataError: a link, or something that is neither file nor folder.
    """
    found = set()
    for top, folders, files in os.walk(folder, followlinks=False):
        for name in (*folders, *files):
            path = Path(top) / name
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                kind = "a link" if path.is_symlink() else "neither file nor folder"
                relative = path.relative_to(folder).as_posix()
                raise DataError(where, expected="plain files", found=f"{relative} is {kind}", fix=AGAIN)
        found |= {(Path(top) / name).relative_to(folder).as_posix() for name in files}
    return found


def _check(folder: Path, entry: FileEntry, where: str) -> None:
    path = folder / entry.path
    if path.stat().st_size != entry.bytes:
        expected, found = f"{entry.bytes:,} bytes", f"{path.stat().st_size:,} bytes"
    elif (digest := file_sha256(path)) != entry.sha256:
        expected, found = f"SHA-256 {entry.sha256}", f"SHA-256 {digest}: the file was changed"
    else:
        return
    raise DataError(f"{where}: {entry.path}", expected=expected, found=found, fix=AGAIN)
