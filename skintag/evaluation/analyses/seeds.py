"""Runs repeated under several seeds: means, spreads, and differences that are more than the luck of a seed.

A difference of two regimes is uncertain for two reasons: the test images are a sample, and so are the seeds
(initial weights, order of samples, perhaps the split). An interval from one of them alone is too narrow
(Bouthillier et al., 2021, "Accounting for variance in machine learning benchmarks", arXiv:2103.03098). Here the
two variances are added: that of the mean over seeds in resamples of clusters, the seeds held fixed, and that of the
seeds' differences, the test images held fixed, over the number of seeds. What the two have in common is counted
twice, which errs on the side of caution.

Runs that repeat a split (other seeds of it, or the folds of a cross-validation) share much of what they learned from,
so that their variance is too small by a share that Nadeau & Bengio (2003, "Inference for the generalization error",
Machine Learning 52, doi:10.1023/A:1024068626366) put at the size of the test set over that of the training set:
their mean has (1 / J + n_test / n_train) times the variance over J splits. The noise of test images is in that
already, so the wider of the two intervals stands: that over splits, or, where splits share their test images, that of
these. Seeds of one split are averaged first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import DataError, near_matches
from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.analyses.comparison import entry, name_pairs
from skintag.evaluation.analyses.level_table import level_notes
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.metrics.groups import ALL_GROUPINGS, Grouping
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.bootstrap import Replicates
from skintag.evaluation.statistics.differences import holm, paired_differences, seed_differences
from skintag.evaluation.statistics.gap_replicates import NO_INTERVAL, is_gap, n_rows, small_rows, with_gaps
from skintag.evaluation.statistics.paired import Panel
from skintag.evaluation.statistics.seed_averages import (
    CELL,
    Repeat,
    level_limits,
    over_parts,
    repeats_of,
    run_weights,
    seed_p_value,
    seed_variance,
    wider,
)

Key = tuple[str, Repeat]
LEVEL_COLUMNS: Final = (
    "name", "model", *CELL, "mean", "sd", "n_seeds", "least", "most", "low", "high", "n", "n_positive", "n_units",
    "too_few", "doubtful", "note",
)  # fmt: skip
DIFFERENCE_COLUMNS: Final = (
    "name", "reference", "model", *CELL, "mean_a", "mean_b", "difference", "sd", "n_seeds", "low", "high",
    "seed_low", "seed_high", "p_value", "p_holm", "family", "exceeds_seed_noise", "n", "n_positive", "n_units",
    "too_few", "clustered", "note",
)  # fmt: skip


@dataclass(frozen=True)
class SeedSummary:
    """What runs under several seeds say together."""

    levels: pd.DataFrame
    """`LEVEL_COLUMNS`: mean, standard deviation, least and most over the seeds; low and high hold test-set and seed
    noise (the test set's alone where there is one seed, as the note says)."""
    differences: pd.DataFrame
    """`DIFFERENCE_COLUMNS`: mean over the seeds that both have of name minus reference. low, high and p_value hold
    both kinds of noise; seed_low and seed_high are the seeds' alone. `exceeds_seed_noise` (boolean, null with one
    seed) says whether these leave out 0: another draw of seeds would hardly turn the sign on these images."""


def over_seeds(
    runs: Mapping[Key, Predictions],
    thresholds: Mapping[Key, Mapping[str, Threshold]],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    reference: str | None = None,
    models: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    groupings: Sequence[Grouping] = ALL_GROUPINGS,
    family: Sequence[str] = ("model", "grouping", "metric"),
    overlap: Mapping[str, float] | None = None,
    settings: AssessmentSettings = DEFAULTS,
) -> SeedSummary:
    """Means over seeds of every level and gap, and differences between names, model by model.

    Args:
        runs, thresholds: (name, seed) -> table, and -> model -> threshold, fitted on that run's val rows; a name is a
            regime, or whatever else several seeds repeat. (name, (split, seed)) where splits are repeated.
        overlap: of names whose splits are repeated: test images for each training image.
        models: which ones; all where None. A run without a model takes no part in the model's figures.
        pairs, reference, metrics, groupings, family, settings: as in `compare_models`; pairs are of names.

    Seeds are paired by number: seed 3 of one name with seed 3 of the other, on the images that both were tested on.
    A group that is not there, or a metric that is nan, under one of the seeds is nan over all of them.

    Raises:
        DataError: an unknown name, a missing threshold, no shared images, or targets that differ.
    """
    names = tuple(dict.fromkeys(name for name, _ in runs))
    chosen = name_pairs(names, pairs, reference, "name")
    available = sorted({m for table in runs.values() for m in table.models})
    levels, differences = [], []
    for model in available if models is None else models:
        panel = _panel(runs, thresholds, model, groupings, metrics, settings)
        seeds = {name: sorted(seed for other, seed in panel.entries if other == name) for name in names}
        for name in (n for n in names if seeds[n]):
            parts = [with_gaps(panel.single((name, s)), settings.minimum) for s in seeds[name]]
            shared = (overlap or {}).get(name)
            levels.append(_levels(parts, seeds[name], shared, settings).assign(name=name, model=model))
        for a, b in chosen:
            both = sorted(set(seeds[a]) & set(seeds[b]))
            if both:
                alone = len(set(seeds[a]) ^ set(seeds[b]))
                known = [overlap[n] for n in (a, b) if overlap and n in overlap]
                shared = max(known) if known else None
                part = _differences(panel, a, b, both, alone, shared, settings)
                differences.append(part.assign(name=a, reference=b, model=model, clustered=panel.clustered))
    return SeedSummary(_concat(levels, LEVEL_COLUMNS), _finished(differences, family))


def _panel(
    runs: Mapping[Key, Predictions],
    thresholds: Mapping[Key, Mapping[str, Threshold]],
    model: str,
    groupings: Sequence[Grouping],
    metrics: Sequence[str] | None,
    settings: AssessmentSettings,
) -> Panel:
    """All runs that have the model, with one set of draws."""
    keys = [key for key, table in runs.items() if model in table.models]
    if not keys:
        raise DataError(
            f"model {model!r}",
            expected="a model of one of the runs",
            found="no rows of it",
            fix=near_matches(model, sorted({m for table in runs.values() for m in table.models})),
        )
    entries = {
        key: entry(runs[key], model, thresholds[key], f"model {model!r} of {key[0]}, seed {key[1]}")
        for key in keys
    }
    return Panel(
        entries, resamples=settings.resamples, seed=settings.seed, groupings=groupings, metrics=metrics
    )


def _finished(parts: Sequence[pd.DataFrame], family: Sequence[str]) -> pd.DataFrame:
    """All differences in one frame, with families and their p-values."""
    table = _concat(parts, DIFFERENCE_COLUMNS)
    if len(table):
        table["family"] = table[list(family)].astype("str").agg(" / ".join, axis=1)
    table["p_holm"] = holm(table["p_value"].where(~table["too_few"].astype(bool)), table["family"])
    return table


def _levels(
    parts: Sequence[Replicates], seeds: Sequence[Repeat], overlap: float | None, settings: AssessmentSettings
) -> pd.DataFrame:
    """Levels of one name and model over its seeds."""
    index, points, drawn = over_parts(parts, run_weights(seeds, overlap))
    points = repeats_of(points, seeds, overlap)
    mean, sd, _, _ = seed_differences(points, settings.confidence)
    low, high = level_limits(index, mean, drawn, sd, len(points), settings.confidence, overlap)
    return index.assign(
        mean=mean,
        sd=sd,
        n_seeds=len(points),
        least=points.min(axis=0),
        most=points.max(axis=0),
        low=low,
        high=high,
        note=_note(mean, len(points), 0),
        too_few=small_rows(index, settings.minimum),
        doubtful=[bool(note) for note in level_notes(index.assign(value=mean))],
    )


def _differences(
    panel: Panel,
    a: str,
    b: str,
    seeds: Sequence[Repeat],
    alone: int,
    overlap: float | None,
    settings: AssessmentSettings,
) -> pd.DataFrame:
    """Differences of two names over the seeds that both have."""
    pairs = [panel.pair((a, seed), (b, seed)) for seed in seeds]
    ours, theirs = (
        [with_gaps(r, settings.minimum) for r in side]
        for side in zip(*((p.a, p.b) for p in pairs), strict=True)
    )
    weights = run_weights(seeds, overlap)
    index, points_a, drawn_a = over_parts(ours, weights)
    other, points_b, drawn_b = over_parts(theirs, weights)
    assert index[list(CELL)].equals(other[list(CELL)])  # a pair stands on the same images and groups
    points_a, points_b = (repeats_of(points, seeds, overlap) for points in (points_a, points_b))
    repeats = len(points_a)
    mean, sd, seed_low, seed_high = seed_differences(points_a - points_b, settings.confidence, overlap or 0.0)
    found = paired_differences(
        mean,
        drawn_a - drawn_b,
        n_units=index["n_units"],
        n_rows=n_rows(index),
        confidence=settings.confidence,
        extra=seed_variance(sd, repeats) if overlap is None else None,
    )
    limits = found.low, found.high, found.p_value
    if overlap is not None:
        limits = wider(limits, (seed_low, seed_high, seed_p_value(mean, sd, repeats, overlap)))
    gap = is_gap(index)
    low, high, p_value = (np.where(gap, np.nan, part) for part in limits)
    told = np.isfinite(seed_low) & ~gap
    exceeds = pd.array((seed_low > 0) | (seed_high < 0), dtype="boolean")
    exceeds[~told] = pd.NA
    return index.assign(
        mean_a=points_a.mean(axis=0),
        mean_b=points_b.mean(axis=0),
        difference=mean,
        sd=sd,
        n_seeds=repeats,
        low=low,
        high=high,
        seed_low=seed_low,
        seed_high=seed_high,
        p_value=p_value,
        exceeds_seed_noise=exceeds,
        too_few=small_rows(index, settings.minimum),
        note=_note(mean, repeats, alone, gap),
    )


def _note(
    mean: NDArray[np.float64], seeds: int, alone: int, gap: NDArray[np.bool_] | None = None
) -> list[str]:
    """What has to be said with each mean; `gap` marks [L] differences of gaps."""
    always = ["one seed: its noise is not in the interval"] if seeds < 2 else []
    if alone:
        always.append(f"{alone} run(s) left out whose seed the other name does not have")
    untold = np.isnan(mean)
    of_gap = np.zeros(len(mean), dtype=bool) if gap is None else gap & ~untold
    return [
        "; ".join([*["undefined"] * u, *always, *[NO_INTERVAL] * g])
        for u, g in zip(untold.tolist(), of_gap.tolist(), strict=True)
    ]


def _concat(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(parts, ignore_index=True).reindex(columns=list(columns))
