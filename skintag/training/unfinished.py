"""A run that was scored and then stopped: what is missing is made, without training and scoring again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from omegaconf.errors import OmegaConfBaseException

from skintag.core.console import say
from skintag.core.errors import SkinTagError
from skintag.core.io import read_json, write_json
from skintag.core.leftovers import sweep
from skintag.core.provenance import Stages
from skintag.runs import state
from skintag.runs.folder import RunFolder
from skintag.runs.settings import RunSettings
from skintag.training.results import RunResult, look_closer

_PROVENANCE: Final = "provenance.json"


def scored_before(settings: RunSettings, folder: Path) -> bool:
    """Whether the run in a folder was scored with these settings, and is not finished.

    What a killed process left in the folder is removed on the way.
    """
    sweep(folder)
    if not (folder / state.STATE).is_file() or state.has(folder, state.FINISHED):
        return False
    if not state.has(folder, state.SCORES):
        return False
    try:
        before = RunSettings.of(RunFolder(folder).config)
    except (SkinTagError, OmegaConfBaseException):
        return False
    return _comparable(before.values) == _comparable(settings.values)


def _comparable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without that which differs where a run is resumed, or what it was started by has no part in it."""
    return {name: value for name, value in values.items() if name not in ("resume", "dry_run")}


def complete(settings: RunSettings, folder: Path, stages: Stages, *, alone: bool, last: bool) -> RunResult:
    """Make what is missing of a scored run; arguments as of `skintag.training.train.train`."""
    say(f"{folder} was trained and scored before: what is missing is made")
    look_closer(settings, folder, stages, alone=alone)
    known = read_json(folder / _PROVENANCE)
    seconds = dict(known.get("seconds") or {})
    for name, more in stages.seconds.items():
        seconds[name] = round(seconds.get(name, 0.0) + more, 2)
    known.update(seconds=seconds, started=int(known.get("started") or 1) + 1)
    write_json(folder / _PROVENANCE, known)
    if last:
        state.done(folder, state.FINISHED)
    run = RunFolder(folder)
    print(f"run folder: {folder}")
    return RunResult(folder, run.predictions, run.thresholds)
