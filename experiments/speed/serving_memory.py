"""Memory that a server and its children hold, looked at while it is asked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pids: list[int]) -> int:
    """Bytes that processes hold; 0 is this one."""
    found = 0
    for pid in pids:
        try:
            found += int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return found


def family(pid: int) -> list[int]:
    """A process and all below it."""
    out = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            out += family(int(child))
    return out


def processor_seconds(pid: int) -> float:
    """That a process and all below it have used."""
    ticks = 0
    for each in family(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def watched(pid: int, into: list[int], every: float = 0.1) -> Iterator[None]:
    """Note what a process and its children hold, now and then, while the block runs."""
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            into.append(resident(family(pid)))
            time.sleep(every)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
