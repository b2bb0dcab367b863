"""What is printed for a person: tables on a console of a readable width, one-line messages on stderr."""

from __future__ import annotations

import sys

from rich.console import Console

_WIDTH = 120  # of tables in a file; rich would take 80 columns


def readable_console(*, stderr: bool = False, width: int = _WIDTH) -> Console:
    """A console as wide as the terminal, or `width` columns wide where the output goes to a file."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else width)


def say(text: str) -> None:
    """Print a line on stderr, at once: stdout is for what a command gives."""
    print(text, file=sys.stderr, flush=True)
