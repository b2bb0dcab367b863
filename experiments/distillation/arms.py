"""Runs of distill.py by what they were: student, and labels alone or distilled, and from what."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from skintag.core.errors import DataError, first_few
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.predictions.predictions import Predictions
from skintag.runs.finding import find_runs
from skintag.runs.folder import RunFolder
from skintag.runs.grid.runs import GridRun, split_name
from skintag.runs.regimes import settings_of

LABELS = "labels alone"
TEACHER = "teacher"
# what may differ between runs that are otherwise of one schedule: what is made of them afterwards, and the arm itself
_OF_ALL_ARMS = ("distillation.mixup_alpha", "distillation.ema_decay")
_APART = ("distillation", "export", "bundle", "report", "name", "split_seed", "robustness")


@dataclass(frozen=True)
class StudentRun:
    """One student."""

    student: str
    """Backbone, e.g. `mobilenetv3_large_100`."""
    arm: str
    """`labels alone`, or the name of the distillation."""
    kind: str
    """What the teacher was: `head`, `xgboost`, `ensemble`."""
    taught_by: str
    """Name of the teacher's folder or bundle."""
    grid: GridRun
    """Its folder, seed and split."""

    @property
    def name(self) -> str:
        """Student and arm: runs of one name repeat each other under other seeds."""
        return f"{self.student}, {self.arm}"

    @property
    def schedule(self) -> dict[str, Any]:
        """The settings that both arms of a student should share."""
        settings = settings_of(self.grid.run.config)
        kept = {k: v for k, v in settings.items() if k.split(".")[0] not in _APART}
        # these are of every arm, labels alone too
        return kept | {k: v for k, v in settings.items() if k in _OF_ALL_ARMS}

    def of(self, model: str) -> tuple[Predictions, Mapping[str, Threshold]]:
        """One model's rows and its threshold.

        Raises:
            DataError: the run has no such model.
        """
        table = self.grid.predictions
        rows = table.frame
        rows = rows[rows["model"] == model]
        if rows.empty:
            raise DataError(
                self.grid.run.path,
                expected=f"rows of the model {model!r}",
                found=", ".join(table.models),
                fix="leave the run out, or name another model with --model",
            )
        return Predictions(rows), {model: self.grid.thresholds[model]}


def read_students(folders: Sequence[str | Path]) -> list[StudentRun]:
    """The finished runs of distill.py below the folders, by student, arm and seed; others are counted and left out.

    Raises:
        DataError: no such run, two of one student, arm, seed and split, or none of labels alone.
    """
    found, others = [], []
    for path in dict.fromkeys(p for folder in folders for p in find_runs(folder)):
        run = RunFolder(path)
        if OmegaConf.select(run.config, "distillation.teacher_weight") is None:
            others.append(path.name)
            continue
        found.append(_student(run))
    if others:
        print(f"left out, not made by distill.py: {first_few(others)}", file=sys.stderr)
    if not found:
        raise DataError(
            "the runs", expected="finished runs of distill.py", found="none", fix="name folders of sweeps"
        )
    found.sort(key=lambda r: (r.student, r.arm != LABELS, r.arm, r.grid.seed))
    found = _told_apart(found)
    _check_twice(found)
    return found


def schedule_notes(runs: Sequence[StudentRun]) -> list[str]:
    """What differs between runs of a student beside distillation and seed; empty where the arms are comparable."""
    notes = []
    for student in dict.fromkeys(r.student for r in runs):
        own = [r for r in runs if r.student == student]
        keys = dict.fromkeys(k for r in own for k in r.schedule)
        varied = [k for k in keys if len({repr(r.schedule.get(k)) for r in own}) > 1]
        if varied:
            notes.append(f"{student}: runs also differ in {first_few(varied, 6)}")
    return notes


def _student(run: RunFolder) -> StudentRun:
    config = run.config
    weight = float(OmegaConf.select(config, "distillation.teacher_weight"))
    kind = str(OmegaConf.select(config, "distillation.teacher") or "head")
    matching = float(OmegaConf.select(config, "distillation.embedding_weight") or 0)
    name = str(OmegaConf.select(config, "distillation.name") or "distilled")
    arm = LABELS if weight == 0 and matching == 0 else name
    if arm != LABELS and kind not in ("head", name):
        arm = f"{arm} of {kind}"
    split = OmegaConf.to_container(config.split)
    assert isinstance(split, dict)
    grid = GridRun(run.name, run.seed, split_name(split), int(run.setting("split_seed")), run)
    taught_by = Path(str(OmegaConf.select(config, "teacher") or "")).name
    return StudentRun(str(run.setting("backbone.name")), arm, kind, taught_by, grid)


def _told_apart(runs: list[StudentRun]) -> list[StudentRun]:
    """Distilled arms of one name but other settings of distillation, with these settings in their names."""
    out = []
    for run in runs:
        same = [_distillation(r) for r in runs if r.name == run.name]
        keys = dict.fromkeys(k for settings in same for k in settings)
        varied = [k for k in keys if len({repr(s.get(k)) for s in same}) > 1]
        own = _distillation(run)
        words = ", ".join(f"{k} {own.get(k)}" for k in varied)
        asked = words and run.arm != LABELS  # labels alone: no setting of the teacher has an effect
        out.append(replace(run, arm=f"{run.arm} ({words})") if asked else run)
    return out


def _distillation(run: StudentRun) -> dict[str, Any]:
    plain = OmegaConf.to_container(run.grid.run.config.distillation, resolve=False)
    assert isinstance(plain, dict)
    return {str(k): v for k, v in plain.items() if k != "_target_"}


def _check_twice(runs: Sequence[StudentRun]) -> None:
    by_key: dict[tuple[str, int, str, int], Path] = {}
    for run in runs:
        key = run.name, run.grid.seed, run.grid.split, run.grid.split_seed
        if key in by_key:
            raise DataError(
                run.grid.run.path,
                expected=f"one run of {run.name}, seed {run.grid.seed}",
                found=f"another in {by_key[key]}",
                fix="leave one of the two out",
            )
        by_key[key] = run.grid.run.path
    without = {r.student for r in runs} - {r.student for r in runs if r.arm == LABELS}
    if without:
        raise DataError(
            "the runs",
            expected="a run on labels alone (distillation.teacher_weight=0) of every student",
            found=f"none of {', '.join(sorted(without))}",
            fix="skintag distill -m teacher=<run> student=<student> distillation=none,head seed=0,1",
        )
