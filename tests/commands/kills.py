"""Kills a command at the k-th change that it makes to the file system, in a child process that is forked.

What counts as a change is what the interpreter's audit hook sees below a folder: a file opened for writing, renamed or
removed, a folder made or removed. The child ends by `os._exit` just before the change, as SIGKILL would have it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KILLED = 137
_EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir")
_hook = {"below": "", "at": 0, "seen": 0}
_installed: list[bool] = []


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    changes: int
    said: str


def warm_up() -> None:
    """Import once what every child would."""
    import lightning.pytorch  # noqa: F401

    import skintag.distillation.run
    import skintag.export.bundle.build
    import skintag.runs.report
    import skintag.runs.robustness
    import skintag.training.train  # noqa: F401
    from skintag.commands import distill, evaluate, main, prepare, train  # noqa: F401


def run(arguments: Sequence[str], below: Path, *, kill_at: int = 0, limit: float = 240.0) -> Ended:
    """Run `skintag <arguments>` in a child; it is killed at the change of that number below a folder (0: never)."""
    reading, writing = os.pipe()
    log = below.parent / "said.txt"
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _be_the_command(list(arguments), below, kill_at, log, writing)
    os.close(writing)
    until = time.monotonic() + limit
    status = None
    while status is None:
        done, code = os.waitpid(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
        elif time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            status = 124
        else:
            time.sleep(0.02)
    with os.fdopen(reading) as stream:
        changes = int(stream.read() or 0)
    return Ended(status, changes, log.read_text(errors="replace"))


def _be_the_command(arguments: list[str], below: Path, kill_at: int, log: Path, writing: int) -> None:
    status = 1
    try:
        number = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(number, 1)
        os.dup2(number, 2)
        sys.stdout, sys.stderr = (
            os.fdopen(n, "w", encoding="utf-8", buffering=1, closefd=False) for n in (1, 2)
        )
        os.chdir(below)
        sys.argv = ["skintag", *arguments]
        watch(below, kill_at)
        from skintag.commands.main import main

        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
    finally:
        os.write(writing, str(_hook["seen"]).encode())
        os._exit(status)


def watch(below: Path, kill_at: int) -> None:
    """Count changes below a folder from now on, and end the process at one of them."""
    _hook.update(below=str(below.resolve()), at=kill_at, seen=0)
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_seen)


def _seen(event: str, arguments: tuple) -> None:
    if event not in _EVENTS or not _hook["below"]:
        return
    if event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
    try:
        path = str(Path(os.fsdecode(arguments[0])).absolute())
    except (TypeError, ValueError):
        return
    if not path.startswith(str(_hook["below"])) or path.endswith("/.lock"):
        return
    _hook["seen"] += 1  # type: ignore[operator]
    if _hook["seen"] == _hook["at"]:
        os._exit(KILLED)
