"""Finished runs below a folder."""

from __future__ import annotations

import os
import re
from pathlib import Path

from skintag.core.errors import DataError
from skintag.runs.files import PREDICTIONS


def find_runs(path: str | os.PathLike[str]) -> list[Path]:
    """The run folder, or all finished runs below a folder (a sweep), job 2 before job 10.

    Raises:
        DataError: there is no finished run.
    """
    top = Path(path)
    if (top / PREDICTIONS).is_file():
        return [top]
    found = [file.parent for file in top.rglob(PREDICTIONS)]
    if not found:
        unfinished = len({file.parents[1] for file in top.rglob("checkpoints/*.ckpt")})
        raise DataError(
            top,
            expected="a run folder, or a folder with run folders below it",
            found=(f"no {PREDICTIONS}" if top.is_dir() else "no such folder")
            + (f", and {unfinished} unfinished run(s)" if unfinished else ""),
            fix="check the path, or finish a run: skintag train resume=<run folder>",
        )
    return sorted(found, key=_by_number)


def _by_number(path: Path) -> list[tuple[str, int]]:
    """A path as names and the numbers in them."""
    parts = re.findall(r"(\D*)(\d*)", str(path))
    return [(name, int(number or -1)) for name, number in parts]
