"""How well scores are calibrated, per group: reliability bins, ECE and Brier score before and after a calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.analyses.level_table import level_notes
from skintag.evaluation.decisions.calibration import Calibration, calibrated
from skintag.evaluation.metrics.groups import ALL_GROUPINGS, GROUPINGS, Grouping
from skintag.evaluation.metrics.metrics import ECE_BINS, ece_bin
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.predictions.predictions import ModelPredictions, Predictions
from skintag.evaluation.statistics.bootstrap import Replicates, Resamples, replicate
from skintag.evaluation.statistics.differences import paired_differences
from skintag.evaluation.statistics.folded import debiased
from skintag.evaluation.statistics.level_limits import limits_by_kind
from skintag.evaluation.statistics.shares import clustered_shares

UNCALIBRATED: Final = "none"
CALIBRATION_COLUMNS: Final = (
    "model", "calibration", "grouping", "group", "metric", "n", "n_positive", "value", "debiased", "low", "high",
    "expected",     "change", "change_low", "change_high", "too_few", "note",
)  # fmt: skip


def reliability(
    rows: ModelPredictions,
    resamples: Resamples,
    *,
    groupings: Sequence[Grouping] = GROUPINGS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """What scores promise against what came true, in the 15 equally wide bins that ECE is made of.

    Args:
        rows: one model's rows, as they are or calibrated.
        resamples: of the clusters of these rows, in their order.
        groupings: how they fall into groups.
        confidence: of each bin's interval.

    Returns:
        A row per group and bin that has rows: `model grouping group bin lower upper n n_positive mean_score observed
        low high doubtful`; `observed` is the share that is malignant, in a score of `lower <= score < upper` (the last
        bin has 1 too); `doubtful` says that the bin has too few patients for its limits to be established.
    """
    parts = [_bins(rows, resamples, grouping, confidence) for grouping in groupings]
    return pd.concat(parts, ignore_index=True)


def _bins(
    rows: ModelPredictions, resamples: Resamples, grouping: Grouping, confidence: float
) -> pd.DataFrame:
    """The bins of one grouping that have rows."""
    bins, score, edges = ece_bin(rows.score), rows.score, np.linspace(0, 1, ECE_BINS + 1)
    codes, names = grouping.codes(rows.frame)
    cells = len(names) * ECE_BINS
    cell = np.where(codes >= 0, codes * ECE_BINS + bins, -1)
    shares = clustered_shares(cell, rows.target - 1, (cells, 1), resamples, confidence=confidence)
    known = cell >= 0
    total = np.bincount(cell[known], weights=score[known], minlength=cells)
    some = np.flatnonzero(shares.n)
    number = some % ECE_BINS
    return pd.DataFrame(
        {
            "model": rows.model,
            "grouping": grouping.name,
            "group": np.array(names, dtype=object)[some // ECE_BINS],
            "bin": number,
            "lower": edges[number],
            "upper": edges[number + 1],
            "n": shares.n[some],
            "n_positive": shares.hits[some, 0],
            "mean_score": total[some] / shares.n[some],
            "observed": shares.value[some, 0],
            "low": shares.low[some, 0],
            "high": shares.high[some, 0],
            "doubtful": shares.doubtful[some],
        }
    )


def calibration_table(
    predictions: Predictions,
    calibrations: Mapping[str, Mapping[str, Calibration]],
    *,
    groupings: Sequence[Grouping] = ALL_GROUPINGS,
    settings: AssessmentSettings = DEFAULTS,
) -> pd.DataFrame:
    """The metrics that the table `calibration` lists (ECE, Brier) on test rows, before and after each calibration.

    Args:
        predictions: the table.
        calibrations: name -> model -> calibration, fitted on val; models without one are left out.
        groupings: how test rows fall into groups.
        settings: resamples, confidence, seed, minimum.

    Returns:
        `CALIBRATION_COLUMNS`, groups by grouping. `debiased` is the ECE without the bias of its plug-in estimate
        (`folded.debiased`), `expected` the ECE that perfectly calibrated scores like these would have by chance (nan
        for other metrics, both); `change` is the value minus the uncalibrated one, with a paired interval, nan for
        `none` itself. `note` says why an interval may miss its confidence.
    """
    out = []
    for model in sorted({m for by_model in calibrations.values() for m in by_model}):
        rows = predictions.test(model)
        draws = Resamples.of(rows, settings.resamples, settings.seed)
        versions = {UNCALIBRATED: rows}
        versions |= {n: calibrated(rows, c[model]) for n, c in calibrations.items() if model in c}
        before = None
        for name, version in versions.items():
            found = replicate(version, 0.5, draws, groupings=groupings, metrics=listed("calibration"))
            part = _version(found, before, settings).assign(model=model, calibration=name)
            expected = _expected(version, draws.cluster, found.index, groupings)
            out.append(part.assign(expected=expected))
            before = found if before is None else before
    columns = list(CALIBRATION_COLUMNS)
    return pd.concat(out, ignore_index=True)[columns] if out else pd.DataFrame(columns=columns)


def _version(found: Replicates, before: Replicates | None, settings: AssessmentSettings) -> pd.DataFrame:
    """Levels of one version of the scores, and their changes against the version before calibration."""
    index, values = found.index, found.values  # noqa: PD011 (no pandas object)
    low, high = limits_by_kind(index, index["value"], values, None, settings.confidence, found.folded)
    unbiased = [debiased(found.folded[i]) if i in found.folded else np.nan for i in range(len(index))]
    part = index.assign(
        debiased=unbiased, low=low, high=high, too_few=index["n"] < settings.minimum, note=level_notes(index)
    )
    if before is None:
        return part.assign(change=np.nan, change_low=np.nan, change_high=np.nan)
    change = index["value"] - before.index["value"]
    limits = paired_differences(
        change,
        values - before.values,  # noqa: PD011
        n_units=index["n_units"],
        n_rows=np.full(len(index), np.nan),
        confidence=settings.confidence,
    )
    return part.assign(change=change, change_low=limits.low, change_high=limits.high)


def expected_ece(
    score: NDArray[np.float64],
    target: NDArray[np.int64] | None = None,
    cluster: NDArray[np.int64] | None = None,
) -> float:
    """The ECE that [n] scores would have by chance if each were its row's true probability; nan without rows.

    A bin's excess of positives has mean 0 and variance sum p (1 - p), so its size is sqrt(2 / pi) of the standard
    deviation on average, for bins of more than a few rows. With targets and clusters [n] the variance is that times
    the design effect (Kish, 1965, Survey Sampling): how much more the sums over clusters of what misses its bin's mean
    vary than rows do, all bins together, and at least 1. Without them rows are taken as independent.
    """
    if not len(score):
        return float("nan")
    bins = ece_bin(score)
    variance = np.bincount(bins, weights=score * (1 - score), minlength=ECE_BINS)
    chance = float(np.sqrt(2 / np.pi * variance).sum() / len(score))
    if target is None or cluster is None:
        return chance
    size = np.maximum(np.bincount(bins, minlength=ECE_BINS), 1)
    excess = score - target
    excess = excess - (np.bincount(bins, weights=excess, minlength=ECE_BINS) / size)[bins]
    _, cell = np.unique(cluster * ECE_BINS + bins, return_inverse=True)
    alone, together = (excess**2).sum(), (np.bincount(cell, weights=excess) ** 2).sum()
    return chance * float(np.sqrt(max(together / alone, 1.0))) if alone > 0 else chance


def _expected(
    rows: ModelPredictions, cluster: NDArray[np.int64], index: pd.DataFrame, groupings: Sequence[Grouping]
) -> pd.Series:
    """`expected_ece` of the rows of an index that hold an ECE; nan for other metrics."""
    expected: dict[tuple[str, str], float] = {}
    for grouping in groupings:
        codes, names = grouping.codes(rows.frame)
        expected |= {
            (grouping.name, name): expected_ece(*(v[codes == i] for v in (rows.score, rows.target, cluster)))
            for i, name in enumerate(names)
        }
    cells = zip(index["grouping"], index["group"], index["metric"], strict=True)
    values = [expected[grouping, group] if metric == "ece" else np.nan for grouping, group, metric in cells]
    return pd.Series(values, index=index.index, dtype=float)
