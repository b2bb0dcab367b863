"""What of a run is whole: one file that is written after all that it speaks of.

`state.json` is written before training begins, with nothing in it that is whole, and again after each stage. A run of
0.1 has none: it is whole where it has both its predictions and `provenance.json`, which came behind them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from skintag.core.errors import DataError
from skintag.core.io import read_json, write_json

STATE: Final = "state.json"
SCORES: Final = "scores"
"""Predictions, thresholds, metrics, provenance and the printed table."""
ROBUSTNESS: Final = "robustness"
"""Scores of distorted images."""
REPORT: Final = "report"
"""The report with its plots and tables."""
EXPORTS: Final = "exports"
"""A student's exported formats."""
FINISHED: Final = "finished"
"""All that the run was asked for."""
_VERSION: Final = 1
_OF_0_1: Final = ("predictions.parquet", "provenance.json")


def begin(folder: Path) -> None:
    """Say that nothing of the run is whole; what was, of an earlier part, is about to change."""
    _write(folder, [])


def forget_scores(folder: Path) -> None:
    """Say that nothing is whole of a run that was scored, and not finished, before."""
    if SCORES in (stages := _stages(folder)) and FINISHED not in stages:
        _write(folder, [])


def done(folder: Path, stage: str) -> None:
    """Say that a stage is whole: to be called after its last file is written."""
    _write(folder, [*_stages(folder), stage])


def made(folder: Path, stage: str) -> bool:
    """Whether `state.json` says that a stage is whole; a run of 0.1 has none."""
    return stage in _stages(folder)


def has(folder: str | os.PathLike[str], stage: str) -> bool:
    """Whether a stage of the run in a folder is whole.

    Raises:
        DataError: `state.json` is no such file.
    """
    path = Path(folder)
    if not (path / STATE).is_file():
        return all((path / name).is_file() for name in _OF_0_1)
    return stage in _stages(path)


def _stages(folder: Path) -> list[str]:
    path = folder / STATE
    if not path.is_file():
        return []
    try:
        plain: Any = read_json(path)
        return [str(stage) for stage in plain["whole"]]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            path,
            expected="which stages of a run are whole",
            found=f"{type(error).__name__}: {error}",
            fix="delete it, and finish the run with resume=<its folder>",
        ) from error


def _write(folder: Path, stages: Iterable[str]) -> None:
    write_json(folder / STATE, {"version": _VERSION, "whole": list(dict.fromkeys(stages))})
