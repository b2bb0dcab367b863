"""One process at a time in a folder; a lock ends with the process that holds it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def alone(folder: str | os.PathLike[str], *, wait: bool = True) -> Iterator[bool]:
    """Hold the folder's lock (`.lock` in it) while the block runs; the folder is made where it is not there.

    Args:
        folder: to keep other processes out of.
        wait: until another process has done; otherwise yield at once.

    Yields:
        Whether the lock is held; always true with `wait`.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    lock = FileLock(Path(folder) / ".lock", timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
