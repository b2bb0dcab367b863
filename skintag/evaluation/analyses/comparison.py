"""Which of two models, or of two runs of a model, is better: on the same images, in every group.

Every difference is a minus b. For Brier, ECE and the gaps the smaller value is the better one. Thresholds and models
are held as they are: an interval says what other test images would do, `seeds.over_seeds` what other seeds would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from skintag.core.errors import DataError, near_matches
from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.metrics.groups import ALL_GROUPINGS, Grouping
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.statistics.differences import holm, paired_differences
from skintag.evaluation.statistics.gap_replicates import is_gap, n_rows, notes, small_rows, with_gaps
from skintag.evaluation.statistics.paired import Entry, Pair, Panel

FAMILY: Final = ("grouping", "metric")
DIFFERENCE_COLUMNS: Final = (
    "grouping", "group", "metric", "value_a", "value_b", "difference", "low", "high", "p_value", "p_holm",
    "family", "n", "n_positive", "n_clusters", "n_units", "n_only_a", "n_only_b", "too_few", "clustered", "note",
)  # fmt: skip


def compare_models(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    reference: str | None = None,
    metrics: Sequence[str] | None = None,
    groupings: Sequence[Grouping] = ALL_GROUPINGS,
    family: Sequence[str] = FAMILY,
    settings: AssessmentSettings = DEFAULTS,
) -> pd.DataFrame:
    """Differences between the models of one table, on the test images that both were tested on.

    Args:
        predictions, thresholds: the table, and by model a threshold fitted on its own val rows.
        pairs, reference: (a, b) model names, all pairs where None; or a model that all others are compared with, as b.
        metrics: names of levels, all where None; gaps are compared where their metrics are among them.
        groupings: how test rows fall into groups.
        family: columns that the rows of one family for Holm's correction have in common. As a rule each metric
            in each grouping is a question, whose family is all of its pairs of models and all of its groups.
        settings: resamples, confidence, seed, minimum.

    Returns:
        `model_a`, `model_b` and `DIFFERENCE_COLUMNS`. Groups that are too small have an interval and a p-value but no
        place in a family (`p_holm` is nan) nor in a gap; what cannot be told is nan. A single model has no rows.

    Raises:
        DataError: an unknown model, or one without a threshold.
    """
    chosen = name_pairs(predictions.models, pairs, reference, "model")
    if not chosen:
        return pd.DataFrame(columns=["model_a", "model_b", *DIFFERENCE_COLUMNS])
    names = sorted({name for pair in chosen for name in pair})
    entries = {name: entry(predictions, name, thresholds, f"model {name!r}") for name in names}
    panel = _panel(entries, groupings, metrics, settings)
    parts = [
        differences(panel.pair(a, b), settings).assign(model_a=a, model_b=b, clustered=panel.clustered)
        for a, b in chosen
    ]
    return _finished(parts, ("model_a", "model_b"), family)


def compare_runs(
    runs: Mapping[str, Predictions],
    thresholds: Mapping[str, Mapping[str, Threshold]],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    reference: str | None = None,
    models: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    groupings: Sequence[Grouping] = ALL_GROUPINGS,
    family: Sequence[str] = ("model", *FAMILY),
    settings: AssessmentSettings = DEFAULTS,
) -> pd.DataFrame:
    """Differences between runs, model by model, on the test images that both runs share.

    Args:
        runs, thresholds: by name; by run and model, each fitted on that run's val rows.
        models: those that both runs of a pair have where None. By rule, each model has families of its own.
        pairs, reference, metrics, groupings, family, settings: as `compare_models`, of run names.

    Returns:
        `model`, `run_a`, `run_b` and `DIFFERENCE_COLUMNS`; `n_only_a` and `n_only_b` count test images that the other
        run was not tested on: left out. Groups are those of run a's table.

    Raises:
        DataError: an unknown run, a model without a threshold, no model or image in common, or targets that differ.
    """
    chosen = name_pairs(tuple(runs), pairs, reference, "run")
    parts = []
    wanted = sorted({m for table in runs.values() for m in table.models}) if models is None else models
    for model in wanted:
        having = [(a, b) for a, b in chosen if all(model in runs[r].models for r in (a, b))]
        names = sorted({name for pair in having for name in pair})
        entries = {r: entry(runs[r], model, thresholds[r], f"model {model!r} of run {r!r}") for r in names}
        if entries:
            panel = _panel(entries, groupings, metrics, settings)
            named = ((panel.pair(a, b), {"model": model, "run_a": a, "run_b": b}) for a, b in having)
            parts += [differences(pair, settings).assign(**n, clustered=panel.clustered) for pair, n in named]
    if not parts:
        raise _no_model_in_common(runs, wanted if models else ())
    return _finished(parts, ("model", "run_a", "run_b"), family)


def _no_model_in_common(runs: Mapping[str, Predictions], asked: Sequence[str]) -> DataError:
    return DataError(
        f"comparison of runs {', '.join(runs)}",
        expected="a model that two runs share" + (f", out of {', '.join(asked)}" if asked else ""),
        found="; ".join(f"{name}: {', '.join(table.models)}" for name, table in runs.items()),
        fix="name the models alike",
    )


def differences(pair: Pair, settings: AssessmentSettings = DEFAULTS) -> pd.DataFrame:
    """All differences of one pair of models: `DIFFERENCE_COLUMNS` without the family and what is known of it."""
    a, b = (with_gaps(part, settings.minimum) for part in (pair.a, pair.b))
    estimate = (a.index["value"] - b.index["value"]).to_numpy()
    found = paired_differences(
        estimate,
        a.values - b.values,  # noqa: PD011 (no pandas object)
        n_units=a.index["n_units"],
        n_rows=n_rows(a.index),
        confidence=settings.confidence,
    )
    small, gap = small_rows(a.index, settings.minimum), is_gap(a.index)
    low, high, p_value = (np.where(gap, np.nan, part) for part in (found.low, found.high, found.p_value))
    return a.index.rename(columns={"value": "value_a"}).assign(
        value_b=b.index["value"],
        difference=estimate,
        low=low,
        high=high,
        p_value=p_value,
        n_only_a=pair.only_a,
        n_only_b=pair.only_b,
        too_few=small,
        note=notes(estimate, low, high, small, settings.minimum, gap),
    )


def _panel(
    entries: Mapping[str, Entry],
    groupings: Sequence[Grouping],
    metrics: Sequence[str] | None,
    settings: AssessmentSettings,
) -> Panel:
    return Panel(
        entries, resamples=settings.resamples, seed=settings.seed, groupings=groupings, metrics=metrics
    )


def name_pairs(
    names: Sequence[str], pairs: Sequence[tuple[str, str]] | None, reference: str | None, what: str
) -> list[tuple[str, str]]:
    """The pairs to compare, each name known."""
    if pairs is not None and reference is not None:
        raise ValueError("give pairs or a reference, not both")
    asked = [name for pair in pairs or () for name in pair] + ([] if reference is None else [reference])
    for name in asked:
        if name not in names:
            raise DataError(
                f"{what} {name!r}",
                expected=f"one of the {what}s that are compared",
                found="no such one",
                fix=near_matches(name, names),
            )
    if pairs is not None:
        return list(pairs)
    if reference is not None:
        return [(name, reference) for name in names if name != reference]
    return list(combinations(names, 2))


def entry(predictions: Predictions, model: str, thresholds: Mapping[str, Threshold], where: str) -> Entry:
    """A model's test rows with its threshold. Raises DataError, naming `where`, if it has none."""
    if model not in thresholds:
        raise DataError(
            where,
            expected="a threshold fitted on its val rows",
            found="none",
            fix=near_matches(model, thresholds),
        )
    return Entry(predictions.test(model), thresholds[model].value)


def _finished(parts: Iterable[pd.DataFrame], keys: Sequence[str], family: Sequence[str]) -> pd.DataFrame:
    """All parts in one frame, with families and their p-values."""
    table = pd.concat(list(parts), ignore_index=True)
    table["family"] = table[list(family)].astype("str").agg(" / ".join, axis=1)
    table["p_holm"] = holm(table["p_value"].where(~table["too_few"]), table["family"])
    return table[[*keys, *DIFFERENCE_COLUMNS]]
