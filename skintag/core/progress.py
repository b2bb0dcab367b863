"""Progress bars on stderr, one look everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich import progress as bars
from rich.console import Console

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from `items` behind a progress bar on stderr; a log file gets one line at the end instead."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    console = Console(stderr=True)
    columns = (
        bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(), bars.TimeRemainingColumn(),
    )  # fmt: skip
    if not console.is_terminal:
        done = 0
        for item in items:
            yield item
            done += 1
        print(f"{description}: {done} done", file=sys.stderr)
        return
    with bars.Progress(*columns, console=console, transient=False) as bar:
        yield from bar.track(items, total=total, description=description)
