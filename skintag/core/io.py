"""Files that are whole or not there: write beside, then rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from skintag.core.checksums import stamped, unstamped
from skintag.core.leftovers import part_of, sweep_once

CANNOT_WRITE: Final = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
)  # fmt: skip
"""Numbers of the errors with which a system says that it takes no more."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed to disk and renamed to `path`.

    If the block raises, the temporary file or folder is removed and `path` is left as it was.
    A process killed inside the block leaves only a hidden `.<name>.<id>.part`, never a broken `path`; the next one
    that writes into the folder removes it (`skintag.core.leftovers`).

    Raises:
        OSError: it cannot be written; names `path`, also where a library says no more than that it failed.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep_once(target.parent)
    part = part_of(target)
    try:
        yield part
        if part.is_file():
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
        part.replace(target)
    except BaseException as error:
        reason = _reason(error, part, target)
        with suppress(OSError):  # a folder that became read-only
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)
        if reason is None or reason is error:
            raise
        raise reason from error


def _reason(error: BaseException, part: Path, target: Path) -> BaseException | None:
    """Why nothing could be written: the error with the file's name, or the system's own where a library hid it.

    torch, safetensors and numpy say that writing failed, and not why; so a little more is written to be told.
    """
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        if error.filename is None or str(error.filename).startswith(str(part)):
            error.filename = str(target)
            error.filename2 = None
        return error
    if not isinstance(error, Exception) or not part.is_file():
        return None
    try:
        with part.open("ab") as stream:
            stream.write(bytes(1 << 20))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as cause:
        if cause.errno in CANNOT_WRITE:
            return OSError(cause.errno, cause.strerror, str(target))
    return None


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as part:
        part.write_bytes(data)


def write_json(path: str | os.PathLike[str], value: Any, *, checksum: bool = True) -> None:
    """Write `value` as indented JSON, atomically. NaN becomes null, for JSON knows none.

    Args:
        path: the file.
        value: plain values; numpy's scalars and arrays, and paths, are made plain.
        checksum: whether an object gets one, as its last key, see `skintag.core.checksums`; not in a bundle, whose
            files have a digest.
    """
    plain = _json_ready(value)
    if checksum and isinstance(plain, dict):
        plain = stamped(plain)
    text = json.dumps(plain, indent=2, sort_keys=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """What a regular file of at most `most` bytes holds.

    A pipe would be waited for and a device read without end, so neither is opened for that; nor is it where a link
    leads to one.

    Raises:
        OSError: it cannot be read, is no regular file (`EINVAL`) or is larger (`EFBIG`).
    """
    # without O_NONBLOCK, opening a pipe waits for somebody to write
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(number, "rb") as stream:
        about = os.fstat(number)
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "a pipe, socket or device, no file", os.fspath(path))
        data = stream.read(most + 1) if about.st_size <= most else b""
        if about.st_size > most or len(data) > most:
            raise OSError(errno.EFBIG, f"{about.st_size:,} bytes, at most {most:,} are read", os.fspath(path))
        return data


def read_json(path: str | os.PathLike[str]) -> Any:
    """What a JSON file in UTF-8 holds, as plain Python values; its checksum, where it has one, is checked.

    Raises:
        ValueError: it is no JSON in UTF-8.
        Damaged: its content is not that which was written.
        OSError: it cannot be read.
    """
    return unstamped(json.loads(Path(path).read_text(encoding="utf-8")), path)


def _json_ready(value: Any) -> Any:
    """Plain Python values: numpy scalars unwrapped, paths as text, nan and infinities as null."""
    if isinstance(value, dict):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _json_ready(value.tolist())
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value
