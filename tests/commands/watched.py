"""A program: runs commands one after another, and writes down what they start, fetch, run, or write elsewhere.

    python watched.py <jobs.json> <results.jsonl>

A job holds `argv`, `cwd`, `hostile` (folders nothing may be imported or run from) and `free` (where files may be made).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any

seen: list[str] = []
hostile: tuple[str, ...] = ()
free: tuple[str, ...] = ()
watching = False

STARTS = ("os.exec", "os.system", "os.posix_spawn", "os.spawn", "pty.spawn", "os.startfile")
FETCHES = ("socket.connect", "socket.getaddrinfo", "urllib.Request")
CHANGES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "os.chmod",
    "os.truncate",
)
# what SkinTag and its libraries start to learn which commit and machine this is
HARMLESS = ("git", "fc-list", "lscpu", "/sbin/ldconfig", "/usr/bin/uname", "uname", "nvidia-smi")


def hook(event: str, args: tuple[Any, ...]) -> None:
    global watching
    if not watching:
        return
    watching = False  # what is done here is not watched
    try:
        look(event, args)
    finally:
        watching = True


def absolute(path: Any) -> str:
    """The path as the system sees it, without following links."""
    return os.path.normpath(Path.cwd() / os.fsdecode(path))


def ours(args: tuple[Any, ...]) -> bool:
    """Whether what is started is SkinTag's own measurement of an exported file, in a process of its own."""
    lists = [list(map(os.fsdecode, a)) for a in args if isinstance(a, list | tuple) and a]
    return any(a[0] == sys.executable and a[1:4] == ["-P", "-m", "skintag.export.measure"] for a in lists)


def to_a_worker(event: str, args: tuple[Any, ...]) -> bool:
    """Whether it is a socket of multiprocessing's own, a file where files may be made: to workers that load."""
    return event == "socket.connect" and isinstance(args[1], str) and absolute(args[1]).startswith(free)


def look(event: str, args: tuple[Any, ...]) -> None:
    if (event in (*STARTS, "subprocess.Popen") and ours(args)) or to_a_worker(event, args):
        return
    if event == "subprocess.Popen":
        command = args[1] if isinstance(args[1], str) else args[1][0]
        if (
            os.fspath(args[0] or command).rsplit("/", 1)[-1] not in HARMLESS
            and os.fspath(command) not in HARMLESS
        ):
            seen.append(f"{event} {args[1]!r}")
    elif event in STARTS or event in FETCHES:
        seen.append(f"{event} {args!r}")
    elif event == "compile" and str(args[1]).startswith(hostile):
        seen.append(f"compile {args[1]}")
    elif event == "exec" and str(getattr(args[0], "co_filename", "")).startswith(hostile):
        seen.append(f"exec {args[0].co_filename}")
    elif event == "open":
        path, _, flags = args
        if isinstance(path, int):
            return
        where = absolute(path)
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        if writes and not where.startswith((*free, "/dev/")):
            seen.append(f"write {where}")
        if where.startswith(hostile) and where.endswith((".py", ".pyc", ".so", ".pth")):
            seen.append(f"import {where}")
    elif event in CHANGES and isinstance(args[0], str | bytes | os.PathLike):
        where = absolute(args[0])
        if not where.startswith(free):
            seen.append(f"{event} {where}")


def run(job: dict[str, Any]) -> dict[str, Any]:
    """One job, its status (0, 1, 2, or 99 for an exception that came through), and what was seen."""
    global hostile, free, watching
    from skintag.commands.main import main

    seen.clear()
    hostile, free = tuple(job["hostile"]), tuple(job["free"])
    os.chdir(job["cwd"])
    sys.argv = ["skintag", *job["argv"]]
    out, err = io.StringIO(), io.StringIO()
    began, status = time.perf_counter(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        watching = True
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            status = 99
            err.write(traceback.format_exc())
        watching = False
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "argv": job["argv"], "status": status, "seen": list(seen), "out": out.getvalue(), "err": err.getvalue(),
        "seconds": round(time.perf_counter() - began, 2), "peak_mb": peak,
    }  # fmt: skip


if __name__ == "__main__":
    sys.addaudithook(hook)
    jobs = json.loads(Path(sys.argv[1]).read_text())
    with Path(sys.argv[2]).open("w") as results:
        for job in jobs:
            print(json.dumps(run(job)), file=results, flush=True)
