"""Progress bars on stderr, one look everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from `items` behind a progress bar on stderr; a log file gets one line at the end instead."""
    if total is None:
        total = len(items) if hasattr(items, "__len__") else None
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    if not console.is_terminal:
        done = 0
        for item in items:
            yield item
            done += 1
        print(f"{description}: {done} done", file=sys.stderr)
        return
    with Progress(*columns, console=console, transient=False) as bar:
        yield from bar.track(items, total=total, description=description)
