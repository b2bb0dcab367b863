"""Finished runs below a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from skintag.core.console import say
from skintag.core.errors import DataError, first_few
from skintag.runs.files import PREDICTIONS
from skintag.runs.state import SCORES, STATE, has


def find_runs(path: str | os.PathLike[str]) -> list[Path]:
    """The run folder, or all finished runs below a folder (a sweep), job 2 before job 10; see `skintag.runs.state`.

    Unfinished ones are left out, and said.

    Raises:
        DataError: there is no finished run.
    """
    top = Path(path)
    if has(top, SCORES):
        return [top]
    every = {file.parent for name in (STATE, PREDICTIONS) for file in top.rglob(name)}
    every |= {file.parents[1] for file in top.rglob("checkpoints/*.ckpt")}
    found = sorted((folder for folder in every if has(folder, SCORES)), key=_by_number)
    if unfinished := sorted(every - set(found), key=_by_number):
        left = f"{len(unfinished)} unfinished run(s): {first_few(unfinished, 3)}"
        if found:
            say(f"left out: {left}")
    if not found:
        raise DataError(
            top,
            expected="a finished run, or a folder with finished runs below it",
            found=(left if unfinished else f"no {PREDICTIONS}") if top.is_dir() else "no such folder",
            fix="check the path, or finish a run: skintag train resume=<run folder>",
        )
    return found


def _by_number(path: Path) -> list[tuple[str, int]]:
    """A path as names and the numbers in them."""
    parts = re.findall(r"(\D*)(\d*)", str(path))
    return [(name, int(number or -1)) for name, number in parts]
