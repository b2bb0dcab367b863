"""Several runs side by side: levels over seeds, and paired differences on the images that runs share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from skintag.core.errors import ConfigError, DataError, near_matches
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.seeds import SeedSummary, over_seeds
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.metrics.groups import DATASET, DOMAIN, FST_GROUP, OVERALL
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.evidence import Origin, main_model
from skintag.evaluation.statistics.bootstrap import is_clustered
from skintag.evaluation.statistics.differences import holm

GROUPINGS: Final = (OVERALL, DOMAIN, DATASET, FST_GROUP)
FAMILY: Final = ("model", "grouping", "metric")


@dataclass(frozen=True)
class RunEntry:
    """One run of the comparison."""

    name: str
    """The regime, which several seeds may repeat."""
    seed: int
    predictions: Predictions
    thresholds: Mapping[str, Threshold]
    origin: Origin
    """What the run says of itself."""
    split: tuple[int, int] = (0, 0)
    """Seed of the split, and fold of the cross-validation."""

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What tells the runs apart."""
        return self.name, (*self.split, self.seed)


@dataclass(frozen=True)
class RunsEvidence:
    """What a comparison of runs found."""

    runs: Sequence[RunEntry]
    names: Sequence[str]
    """Regimes in the order of showing; the first is the reference."""
    models: Sequence[str]
    """Models that all runs have, the main one first."""
    levels: pd.DataFrame
    """`seeds.LEVEL_COLUMNS`: a row per name, model, group and metric."""
    differences: pd.DataFrame
    """`seeds.DIFFERENCE_COLUMNS`: each name minus the reference."""
    settings: AssessmentSettings
    command: str = ""
    apart: Mapping[str, str] = field(default_factory=dict)
    """Name -> why it cannot be paired with the reference."""
    overlap: Mapping[str, float] = field(default_factory=dict)
    """Name whose splits are repeated -> test images for each training image."""

    @property
    def reference(self) -> str:
        """What the others are compared with."""
        return self.names[0]

    @property
    def main(self) -> str:
        """The model that figures show."""
        return self.models[0]

    @property
    def clustered(self) -> bool:
        """Whether every run knows which images belong together."""
        return all(is_clustered(run.predictions.frame) for run in self.runs)

    @property
    def repeat(self) -> str:
        """What the runs of a name are repeated under: `seed`, `split`, or `repeat` where names differ in that."""
        return "seed" if not self.overlap else "split" if set(self.overlap) == set(self.names) else "repeat"

    def repeats(self, name: str) -> int:
        """How many seeds one name has, or splits, where it is these that are repeated."""
        own = [run for run in self.runs if run.name == name]
        return len({run.split for run in own}) if name in self.overlap else len(own)


def gather_runs(
    runs: Sequence[RunEntry],
    settings: AssessmentSettings,
    *,
    reference: str | None = None,
    command: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> RunsEvidence:
    """Levels of every run's name over its seeds, and differences to the reference.

    Args:
        runs: at least two, each with its own (name, split, seed).
        settings: resamples, confidence, seed, minimum.
        reference: name that the others are compared with; the first where None.
        command: what makes the comparison again.
        say: is told what is being done.

    Raises:
        ConfigError: two runs of one name, split and seed, or no such reference.
        DataError: the runs have no model in common.
    """
    names = _names(runs, reference)
    models = _models(runs)
    overlap = {name: _overlap(own, models[0]) for name in names if _differ(own := _of(runs, name), models[0])}
    say(f"levels of {len(runs)} runs")
    levels = [_over(_of(runs, name), models, settings, overlap, pairs=[]).levels for name in names]
    differences, apart = [], {}
    for name in names[1:]:
        say(f"{name} against {names[0]}")
        try:
            both = [*_of(runs, name), *_of(runs, names[0])]
            pair = _over(both, models, settings, overlap, pairs=[(name, names[0])])
        except DataError as error:
            apart[name] = f"{error.expected}; found {error.found}"
            continue
        if pair.differences.empty:
            apart[name] = f"no {'split and seed' if overlap else 'seed'} in common"
        differences.append(pair.differences)
    return RunsEvidence(
        runs, names, models, pd.concat(levels, ignore_index=True), _corrected(differences), settings, command, apart,
        overlap,
    )  # fmt: skip


def _of(runs: Sequence[RunEntry], name: str) -> list[RunEntry]:
    return [run for run in runs if run.name == name]


def _differ(runs: Sequence[RunEntry], model: str) -> bool:
    """Whether runs of one name were tested on other images under other splits: these are repeated, then."""
    tested = {run.split: frozenset(run.predictions.test(model).frame["image_id"]) for run in runs}
    return len(set(tested.values())) > 1


def _overlap(runs: Sequence[RunEntry], model: str) -> float:
    """Test images for each training image, the most of any run; infinite where a run does not say what it had."""
    shares = []
    for run in runs:
        images = ((run.origin.provenance.get("data") or {}).get("view") or {}).get("images") or {}
        trained = images.get("train") or 0
        shares.append(len(run.predictions.test(model)) / trained if trained else math.inf)
    return max(shares)


def _names(runs: Sequence[RunEntry], reference: str | None) -> list[str]:
    """Names in the order of showing, the reference first; ConfigError as `gather_runs`."""
    keys = [run.key for run in runs]
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigError(
            f"two runs are called {twice[0]!r} with seed {twice[1][-1]}: compare runs of different seeds or splits"
        )
    names = list(dict.fromkeys(run.name for run in runs))
    if reference is None:
        return names
    if reference not in names:
        raise ConfigError(f"reference={reference}: {near_matches(reference, names)}")
    return [reference, *(name for name in names if name != reference)]


def _corrected(differences: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All differences with p-values corrected in one family over all names, not one for each pair."""
    table = pd.concat(differences, ignore_index=True) if differences else pd.DataFrame()
    if not len(table):
        return table
    family = table[list(FAMILY)].astype("str").agg(" / ".join, axis=1)
    told = ~table["too_few"].astype(bool)
    return table.assign(family=family, p_holm=holm(table["p_value"].where(told), family))


def _over(
    runs: Sequence[RunEntry],
    models: Sequence[str],
    settings: AssessmentSettings,
    overlap: Mapping[str, float],
    pairs: Sequence[tuple[str, str]],
) -> SeedSummary:
    names = dict.fromkeys(run.name for run in runs)
    # runs of two names are paired by seed, unless one of the names has several splits
    splits = any(len({run.split for run in _of(runs, name)}) > 1 for name in names)
    keys = [run.key if splits else (run.name, run.seed) for run in runs]
    return over_seeds(
        {key: run.predictions for key, run in zip(keys, runs, strict=True)},
        {key: run.thresholds for key, run in zip(keys, runs, strict=True)},
        pairs=pairs,
        models=models,
        metrics=listed("runs"),
        groupings=GROUPINGS,
        overlap={name: overlap[name] for name in names if name in overlap},
        settings=settings,
    )


def _models(runs: Sequence[RunEntry]) -> list[str]:
    """Models that all runs have; first the one that is best on the first run's validation rows."""
    shared = set.intersection(*(set(run.predictions.models) for run in runs))
    if not shared:
        raise DataError(
            "comparison of runs",
            expected="a model that all runs have",
            found="; ".join(
                f"{run.name} seed {run.seed}: {', '.join(run.predictions.models)}" for run in runs[:4]
            ),
            fix="compare runs with the same probes",
        )
    frame = runs[0].predictions.frame
    main, _ = main_model(Predictions(frame[frame["model"].isin(shared)]))
    return [main, *sorted(shared - {main})]
