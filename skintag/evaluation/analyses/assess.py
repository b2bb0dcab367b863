"""A run's test results as evidence: every level, gap and difference of groups, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
import pandas as pd

from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.progress import track
from skintag.evaluation.analyses.level_table import level_table
from skintag.evaluation.decisions.thresholds import Threshold, threshold_of
from skintag.evaluation.metrics.groups import ALL_GROUPINGS, Grouping
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples, is_clustered, replicate
from skintag.evaluation.statistics.chance import Scored, chances
from skintag.evaluation.statistics.gaps import gap_table, pair_table
from skintag.evaluation.statistics.permutation import PermutationResult

T = TypeVar("T")
LARGE: Final = 50_000
"""Test rows from which fewer resamples are drawn: rows times resamples stay the same."""
FEWEST: Final = 500  # exchanges tell p-values down to 0.002, and limits move by a tenth of the half width
UNCLUSTERED: Final = (
    "No row says which patient or lesion it shows: intervals ignore clustering, and are too narrow where "
    "images belong together."
)


@dataclass(frozen=True)
class AssessmentSettings:
    """How much is drawn, and what counts as too small."""

    resamples: int = 2000
    """Bootstrap resamples of clusters."""
    permutations: int = 2000
    """Exchanges of groups among clusters, for each gap."""
    confidence: float = 0.95
    """Of every interval."""
    seed: int = 0
    """Of resamples and exchanges."""
    minimum: int = 10
    """Groups with fewer positives (negatives, for specificity) are shown, marked, and left out of gaps and pairs."""
    adapt: bool = True
    """Draw fewer resamples and exchanges, at least `FEWEST`, where there are more than `LARGE` test rows."""

    def __post_init__(self) -> None:
        for name in ("resamples", "permutations", "minimum"):
            if getattr(self, name) < 1:
                raise ConfigError(f"assessment.{name} is {getattr(self, name)}: expected 1 or more")
        if not 0 < self.confidence < 1:
            raise ConfigError(
                f"assessment.confidence is {self.confidence}: expected a number between 0 and 1"
            )

    def for_rows(self, rows: int) -> AssessmentSettings:
        """The same for a table of so many test rows of a model: fewer draws where it is large and `adapt` says so."""
        if not self.adapt or rows <= LARGE:
            return self

        def fewer(number: int) -> int:
            return min(number, max(FEWEST, number * LARGE // rows))

        return replace(self, resamples=fewer(self.resamples), permutations=fewer(self.permutations))


DEFAULTS: Final = AssessmentSettings()


@dataclass(frozen=True)
class Assessment:
    """What `assess` found, on test rows."""

    levels: pd.DataFrame
    """`level_table.LEVEL_COLUMNS`: a metric in a group with its interval; `too_few` marks what stands on too little."""
    gaps: pd.DataFrame
    """`model` and `gaps.GAP_COLUMNS`: a gap between the groups of a grouping, and the worst group's sensitivity."""
    pairs: pd.DataFrame
    """`model` and `gaps.PAIR_COLUMNS`: differences of pairs of groups; low and high hold for all pairs together."""
    clustered: bool
    """Whether rows say which patient or lesion they show."""
    notes: tuple[str, ...]
    """What has to be said with the figures."""
    settings: AssessmentSettings
    """How they were made."""


def assess(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    settings: AssessmentSettings = DEFAULTS,
    *,
    groupings: Sequence[Grouping] = ALL_GROUPINGS,
    attributes: pd.DataFrame | None = None,
    models: Sequence[str] | None = None,
    progress: bool = False,
) -> Assessment:
    """Levels, gaps and pairwise differences of every model on its test rows.

    Args:
        predictions: the table.
        thresholds: by model, fitted on val.
        settings: resamples, permutations, confidence, seed, minimum.
        groupings: how test rows fall into groups.
        attributes: further columns, indexed by image_id. A column that no grouping names becomes one.
        models: which ones, in this order; all by name where None.
        progress: show a bar.

    Raises:
        DataError: a model has no threshold, or an attribute has the name of a column of the table.
    """
    names = predictions.models if models is None else tuple(models)
    extra = () if attributes is None else tuple(str(c) for c in attributes.columns)
    named = {g.column for g in groupings}
    groupings = (*groupings, *(Grouping(c, c) for c in extra if c not in named))
    rows = {name: _with(predictions.test(name), attributes) for name in names}
    families = list(_families(rows, groupings))
    tables: dict[str, tuple[pd.DataFrame, ...]] = {}
    for family in families:
        tables |= _assess_family(family, thresholds, settings, groupings, progress)
    parts = zip(*(tables[name] for name in names), strict=True)
    levels, gaps, pairs = (pd.concat(part, ignore_index=True) for part in parts)
    clustered = any(is_clustered(part.frame) for part in rows.values())
    return Assessment(levels, gaps, pairs, clustered, _notes(families, clustered), settings)


def _assess_family(
    rows: Mapping[str, TestPredictions],
    thresholds: Mapping[str, Threshold],
    settings: AssessmentSettings,
    groupings: Sequence[Grouping],
    progress: bool,
) -> dict[str, tuple[pd.DataFrame, ...]]:
    """Levels, gaps and pairs by model, for models on the same images: they share resamples and permutations."""
    cuts = {name: threshold_of(name, thresholds).value for name in rows}
    first = next(iter(rows.values()))
    resamples = Resamples.of(first, settings.resamples, settings.seed)
    replicates = {
        name: replicate(rows[name], cuts[name], resamples, groupings=groupings, progress=progress)
        for name in rows
    }
    scored = Scored(
        first.frame,
        first.target,
        np.stack([part.score for part in rows.values()]),
        np.stack([part.score >= cuts[name] for name, part in rows.items()]),
        resamples.cluster,
    )
    index = next(iter(replicates.values())).index
    found = _chances(list(rows), scored, index, settings, _tracked(groupings, "exchanging groups", progress))
    minimum, confidence = settings.minimum, settings.confidence
    out: dict[str, tuple[pd.DataFrame, ...]] = {}
    for name in _tracked(list(rows), "intervals", progress):
        drawn = replicates[name]
        tables = (
            level_table(drawn, minimum=minimum, confidence=confidence),
            gap_table(drawn, found[name], minimum=minimum, confidence=confidence),
            pair_table(drawn, minimum=minimum, confidence=confidence),
        )
        for table in tables:
            table.insert(0, "model", name)
        out[name] = tables
    return out


def _chances(
    models: Sequence[str],
    scored: Scored,
    index: pd.DataFrame,
    settings: AssessmentSettings,
    groupings: Iterable[Grouping],
) -> dict[str, dict[tuple[str, str], PermutationResult]]:
    """Permutation results by model, then by (grouping, gap)."""
    found: dict[str, dict[tuple[str, str], PermutationResult]] = {model: {} for model in models}
    for grouping in groupings:
        results = chances(
            scored,
            index,
            grouping,
            minimum=settings.minimum,
            permutations=settings.permutations,
            seed=settings.seed,
        )
        for model, by_gap in zip(models, results, strict=True):
            found[model].update({(grouping.name, gap): result for gap, result in by_gap.items()})
    return found


def _notes(families: Sequence[Mapping[str, TestPredictions]], clustered: bool) -> tuple[str, ...]:
    """What has to be said of clusters, and of models on different images."""
    notes = [] if clustered else [UNCLUSTERED]
    frame = next(iter(families[0].values())).frame
    alone = int(frame["group_id"].isna().sum())
    if clustered and alone:
        notes.append(
            f"{alone:,} of {len(frame):,} test images do not say which patient or lesion they show: each counts as "
            "one by itself."
        )
    if len(families) > 1:
        apart = "; ".join(", ".join(family) for family in families)
        notes.append(
            f"Not all models were tested on the same images in the same groups, so they are not comparable: {apart}."
        )
    return tuple(notes)


def _tracked(items: Sequence[T], what: str, progress: bool) -> Iterable[T]:
    return track(items, what) if progress else items


def _families(
    rows: Mapping[str, TestPredictions], groupings: Sequence[Grouping]
) -> Iterator[dict[str, TestPredictions]]:
    """Models on the same images in the same groups, together."""
    left = dict(rows)
    columns = {g.column for g in groupings} - {None}
    while left:
        first = next(iter(left.values())).frame
        keys = ["image_id", "target", "group_id", "condition", *sorted(str(c) for c in columns)]
        same = {name: part for name, part in left.items() if part.frame[keys].equals(first[keys])}
        left = {name: part for name, part in left.items() if name not in same}
        yield same


def _with(rows: TestPredictions, attributes: pd.DataFrame | None) -> TestPredictions:
    """The rows with further columns."""
    if attributes is None:
        return rows
    frame = rows.frame
    if len(frame) and not frame["image_id"].isin(attributes.index).any():
        raise DataError(
            f"columns {', '.join(map(str, attributes.columns))}",
            expected=f"image ids of the predictions, like {frame['image_id'].iloc[0]}",
            found=f"none of them; ids like {first_few([str(i) for i in attributes.index], 1)}",
            fix="write the ids as the predictions have them",
        )
    taken = [str(c) for c in attributes.columns if c in frame]
    if taken or attributes.index.has_duplicates:
        raise DataError(
            "attributes",
            expected="columns that the predictions table does not have, and each image_id once in the index",
            found=f"column(s) {', '.join(taken)}" if taken else "an image_id more than once",
            fix="rename the columns" if taken else "drop the repeated rows",
        )
    return TestPredictions(frame.join(attributes, on="image_id"), rows.model)
