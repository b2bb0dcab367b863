"""Checksums of what is stored, checked when it is read: a bit that flipped on a disk is told, not used.

CRC-32 everywhere, as zip, PNG and gzip have it: it sees every damage of up to three bits and every burst of up to 32,
runs at some gigabytes a second, and is in the standard library. It is no protection against a person who wants
to change a file; bundles, which travel, have SHA-256 for that.

Where the sum lies: JSON files have a key `checksum`; Parquet files an entry of their footer's metadata, over all other
bytes of the file; torch's checkpoints and numpy's `.npz` are zips, which have one for each member. Files of version
0.1 have none in JSON and Parquet, and are read without.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from skintag.core.errors import DataError

CHECKSUM: Final = "checksum"
ZIP_ERRORS: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError,
    OverflowError,
)  # fmt: skip
"""What zipfile raises for a damaged archive: names that are no text, sizes that are none, methods that it lacks."""
"""Its key in a JSON file."""
_PIECE: Final = 1 << 22  # bytes that are read at a time


class Damaged(DataError):
    """A file of ours whose bytes are not those that were written."""


def stamped(value: Mapping[str, Any]) -> dict[str, Any]:
    """`value` (plain JSON values) with a checksum of its content as the last key."""
    content = {
        key: item for key, item in value.items() if key != CHECKSUM
    }  # of a file that was read as it is
    return {**content, CHECKSUM: _json_sum(content)}


def unstamped(value: Any, path: object) -> Any:
    """What `stamped` was given, out of what a JSON file holds; a value without a checksum as it is.

    Raises:
        Damaged: the content is not that which was written.
    """
    if not isinstance(value, dict):
        return value
    if CHECKSUM not in value:
        if likely := [key for key in value if _damaged_name(key)]:
            raise damaged(path, str(value[likely[0]]), f"none, but a key {likely[0]!r}")
        return value
    said = value.pop(CHECKSUM)
    if said != (found := _json_sum(value)):
        raise damaged(path, str(said), found)
    return value


def _damaged_name(key: str) -> bool:
    """Whether a key is CHECKSUM but for one character."""
    return len(key) == len(CHECKSUM) and sum(a != b for a, b in zip(key, CHECKSUM, strict=True)) == 1


def check_zip(path: str | os.PathLike[str]) -> None:
    """Read every member of a zip (a checkpoint of torch's, an `.npz`) and compare its CRC-32.

    A file that is no zip passes: what reads it has to say what it is.

    Raises:
        Damaged: a member's bytes are not those that were written.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as member:
                    while member.read(_PIECE):
                        pass
    except ZIP_ERRORS as error:
        raise damaged(path, "as its members' checksums say", str(error)) from error


def file_crc32(path: str | os.PathLike[str]) -> str:
    """CRC-32 of a file, 8 hex digits."""
    total = 0
    with Path(path).open("rb") as stream:
        while piece := stream.read(_PIECE):
            total = zlib.crc32(piece, total)
    return f"{total:08x}"


def damaged(path: object, said: str, found: str, fix: str | None = None) -> Damaged:
    """The error for a file whose checksum should be `said` and is `found`."""
    return Damaged(
        path,
        expected=f"the bytes that were written (checksum {said})",
        found=f"others (checksum {found}): the file was damaged, or changed by hand",
        fix=fix
        or "copy it again from where it is whole, or delete it and let the command that wrote it run again",
    )


def say_again(path: object, what: str) -> None:
    """Tell, on stderr, that a damaged file of a cache is set aside and its content computed again."""
    print(f"{path} is damaged; {what} again", file=sys.stderr)


def _json_sum(value: Mapping[str, Any]) -> str:
    """Over the canonical text, so that blanks and line ends may be changed."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"{zlib.crc32(text.encode()):08x}"
