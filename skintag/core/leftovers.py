"""What killed processes leave beside the files that they were writing, and its removal.

A file or folder that is being written is called `.<name>.<machine>-<process>-<random>.part` until it is whole. One
whose process has ended belongs to nobody. On a shared disk it may be another machine's, which cannot be asked: that,
and a name that does not say whose it is, is removed a day after its last change.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
import uuid
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

_DAY: Final = 86_400.0
_NAME: Final = re.compile(r"\..+\.(?:([0-9a-f]{8})-(\d+)-)?[0-9a-z_]{8}(?:-old)?\.part")
_swept: dict[str, int] = {}  # folder -> the process that looked into it; a forked one looks again


def part_of(target: Path) -> Path:
    """A new name beside `target` for what will take its place, with this process's number in it."""
    return target.parent / f"{prefix_of(target)}{uuid.uuid4().hex[:8]}.part"


def prefix_of(target: Path) -> str:
    """How the name of a part begins; eight letters or digits and `.part` follow."""
    return f".{target.name}.{_machine()}-{os.getpid()}-"


def sweep(folder: Path) -> None:
    """Remove what ended processes left in a folder and in all below it."""
    for place, folders, files in os.walk(folder):
        _sweep(Path(place), [*folders, *files])
        folders[:] = [name for name in folders if not _NAME.fullmatch(name)]


def sweep_once(folder: Path) -> None:
    """Remove what ended processes left in a folder, not below it; the first time only that this process asks."""
    if _swept.get(str(folder)) != os.getpid():
        _swept[str(folder)] = os.getpid()
        with suppress(OSError):
            _sweep(folder, [path.name for path in folder.iterdir()])


def _sweep(folder: Path, names: list[str]) -> None:
    for name in names:
        match = _NAME.fullmatch(name)
        if match is not None and _is_nobodys(folder / name, *match.groups()):
            _remove(folder / name)


def _is_nobodys(path: Path, machine: str | None, process: str | None) -> bool:
    if machine == _machine() and process is not None:
        return not _lives(int(process))
    with suppress(OSError):
        return time.time() - path.lstat().st_mtime > _DAY
    return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
