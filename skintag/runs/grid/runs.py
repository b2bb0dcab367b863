"""The finished runs of a grid: what each was, and its predictions, checked to be comparable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from skintag.core.errors import DataError, first_few
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.predictions.predictions import Predictions
from skintag.runs.finding import find_runs
from skintag.runs.folder import RunFolder
from skintag.runs.regimes import differing, regime_key

_SEEDS = ("split_seed",)


@dataclass(frozen=True)
class GridRun:
    """One run of a grid."""

    name: str
    """What was run: the configuration's `name`, such as `multi_balanced`."""
    seed: int
    """Of training."""
    split: str
    """How it was split, in words: `grouped`, `leave_one_domain_out smartphone`, ..."""
    split_seed: int
    """Of the split: runs of one split and split seed share their test images."""
    run: RunFolder
    """Where all the rest is; tables are read on first use."""

    @classmethod
    def of(cls, run: RunFolder) -> GridRun:
        """What a run folder says about itself."""
        split = OmegaConf.to_container(run.config.split)
        assert isinstance(split, dict)
        return cls(run.name, run.seed, split_name(split), int(run.setting("split_seed")), run)

    @property
    def predictions(self) -> Predictions:
        """Val and test rows of every model."""
        return self.run.predictions

    @property
    def thresholds(self) -> dict[str, Threshold]:
        """One per model, fitted on val."""
        return self.run.thresholds


def split_name(split: Mapping[Any, Any]) -> str:
    """`grouped`, `leave_one_domain_out smartphone`, `external ddi+bcn20000`, from a composed `split` group."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", str(split["_target_"]).rsplit(".", 1)[-1]).lower()
    held = split.get("domain") or split.get("dataset") or split.get("datasets")
    if held is None and split.get("path"):
        held = Path(str(split["path"])).stem
    if held is None:
        return kind
    return f"{kind} {held if isinstance(held, str) else '+'.join(map(str, held))}"


def read_grid(folders: Iterable[str | Path]) -> tuple[GridRun, ...]:
    """The finished runs in several run or sweep folders, ordered by split, name and seed.

    Raises:
        DataError: no run, two of one name, seed and split, or two of one name and split with other settings.
    """
    found = [path for folder in folders for path in find_runs(folder)]
    runs = sorted((GridRun.of(RunFolder(p)) for p in dict.fromkeys(found)), key=_key)
    if not runs:
        raise DataError("the grid", expected="finished runs", found="none", fix="name folders of sweeps")
    by_name: dict[tuple[str, str], GridRun] = {}
    for run in runs:  # runs of one name and split are averaged over their seeds
        first = by_name.setdefault((run.split, run.name), run)
        if regime_key(run.run.config, without=_SEEDS) != regime_key(first.run.config, without=_SEEDS):
            raise DataError(
                run.run.path,
                expected=f"the settings of {first.run.path}, seeds aside, as both are called {run.name}",
                found=f"others in {first_few(differing(first.run.config, run.run.config, without=_SEEDS), 5)}",
                fix="give runs of other settings a name of their own, or leave one of the two out",
            )
    twice = [f"{a.run.path} and {b.run.path}" for a, b in pairwise(runs) if _key(a) == _key(b)]
    if twice:
        raise DataError(
            "the grid",
            expected="one run of each name, seed and split",
            found=first_few(twice, 3),
            fix="leave one of each pair out",
        )
    return tuple(runs)


def of_split(runs: Sequence[GridRun], split: str) -> tuple[GridRun, ...]:
    """The runs of one split, checked to be tested on the same images with the same targets.

    Raises:
        DataError: their test images or targets differ.
    """
    chosen = tuple(r for r in runs if r.split == split)
    tests = [frame_tested(r)[["image_id", "target"]] for r in chosen]
    for run, rows in zip(chosen, tests, strict=True):
        if not rows.equals(tests[0]):
            raise DataError(
                run.run.path,
                expected=f"the test images and targets of {chosen[0].run.path}",
                found="others",
                fix="compare runs of one data choice, label policy and split_seed",
            )
    return chosen


def frame_tested(run: GridRun, model: str | None = None) -> pd.DataFrame:
    """The test rows of one model (of the first by name, where None), by image_id."""
    return run.predictions.test(model or run.predictions.models[0]).frame


def caption_of(runs: Sequence[GridRun]) -> str:
    """What has to stand beside every figure of these runs: what kind of pictures they are."""
    return "; ".join(dict.fromkeys(r.run.caption for r in runs if r.run.caption))


def _key(run: GridRun) -> tuple[str, int, str, int]:
    return run.split, run.split_seed, run.name, run.seed
