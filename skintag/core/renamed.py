"""Programs that have another name now go on working, and say so."""

from __future__ import annotations

import runpy
import sys
from typing import NoReturn


def run_instead(program: str, *command: str) -> NoReturn:
    """Run `skintag <command>` with the arguments that `program` was given, after a line on stderr.

    By name, for what lies below the commands may not import them.
    """
    print(f"{program} is now: skintag {' '.join(command)}", file=sys.stderr)
    sys.argv = [sys.argv[0], *command, *sys.argv[1:]]
    runpy.run_module("skintag", run_name="__main__", alter_sys=True)
    sys.exit(0)
