"""Progress bars on stderr, one look everywhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich import progress as bars
from rich.console import Console

T = TypeVar("T")
_EVERY = 30.0  # seconds


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield from `items` behind a progress bar on stderr; a log file gets a line every half minute and at the end."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    console = Console(stderr=True)
    columns = (
        bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(), bars.TimeRemainingColumn(),
    )  # fmt: skip
    if not console.is_terminal:
        done, said = 0, time.monotonic()
        for item in items:
            yield item
            done += 1
            if time.monotonic() - said >= _EVERY:
                said = time.monotonic()
                print(f"{description}: {done} of {total or '?'}", file=sys.stderr)
        print(f"{description}: {done} done", file=sys.stderr)
        return
    with bars.Progress(*columns, console=console, transient=False) as bar:
        yield from bar.track(items, total=total, description=description)
