"""ROC and precision-recall curves with pointwise bands from resampled clusters, `level_intervals` at each place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from skintag.evaluation.metrics.levels import UNEQUAL, standing
from skintag.evaluation.predictions.predictions import ModelPredictions
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.intervals import level_intervals

GRID: Final = 101
ENOUGH: Final = 60
"""Effective clusters of the rarer class from which on simulations have bands cover 93-97%; below, reports warn."""
_MAXIMUM: Final = 400  # resamples a band is made from: its limits then move by less than a line's width


@dataclass(frozen=True)
class Curve:
    """A curve on a grid of its x axis, with a band; undefined throughout where a class is absent."""

    x: NDArray[np.float64]
    """[G] false positive rate, or recall."""
    y: NDArray[np.float64]
    """[G] sensitivity, or precision."""
    low: NDArray[np.float64]
    """[G] lower limit of the pointwise band."""
    high: NDArray[np.float64]
    """[G] upper limit."""
    n: int
    """Rows."""
    n_positive: int
    """Malignant ones among them."""
    doubtful: bool = False
    """Whether the band stands on too few patients for its confidence to be established (simulations)."""

    @property
    def defined(self) -> bool:
        """Whether there is a curve at all."""
        return 0 < self.n_positive < self.n


def roc_curve(
    rows: ModelPredictions,
    resamples: Resamples | None,
    mask: NDArray[np.bool_] | None = None,
    *,
    confidence: float = 0.95,
) -> Curve:
    """Sensitivity against the false positive rate, of all rows or of those in `mask` (bool [n]).

    Straight between neighbouring thresholds, as the area under it is computed (Fawcett, 2006,
    doi:10.1016/j.patrec.2005.10.010). Without resamples the band is the curve.
    """
    return _curve(rows, resamples, mask, confidence, _roc_values)


def precision_recall_curve(
    rows: ModelPredictions,
    resamples: Resamples | None,
    mask: NDArray[np.bool_] | None = None,
    *,
    confidence: float = 0.95,
) -> Curve:
    """Precision at the highest threshold that reaches each recall; arguments as `roc_curve`.

    Not interpolated: straight lines between points of this curve are too optimistic (Davis & Goadrich, 2006,
    doi:10.1145/1143844.1143874). A precision is a share of alarms, and stands on no more units than there are alarms:
    at a low recall, where they are few and mostly right, resamples hardly vary.
    """
    return _curve(rows, resamples, mask, confidence, _precision_values, _alarms)


def _curve(rows, resamples, mask, confidence, values, units=None) -> Curve:  # type: ignore[no-untyped-def]
    keep = np.ones(len(rows), dtype=bool) if mask is None else mask
    target, score = rows.target[keep], rows.score[keep]
    x, nothing = np.linspace(0, 1, GRID), np.full(GRID, np.nan)
    n, n_positive = len(target), int(target.sum())
    if not 0 < n_positive < n:
        return Curve(x, nothing, nothing, nothing, n, n_positive)
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), n - 1)  # equal scores are decided alike
    positive, negative = (target[order] == side for side in (1, 0))
    hits, false = np.cumsum(positive)[ends], np.cumsum(negative)[ends]
    y = values(x, hits, false)
    if resamples is None:
        return Curve(x, y, y, y, n, n_positive)
    cluster = resamples.cluster[keep][order]
    drawn = []
    for counts in resamples.counts[:_MAXIMUM]:
        weight = counts[cluster].astype(np.int64)
        tp, fp = np.cumsum(weight * positive)[ends], np.cumsum(weight * negative)[ends]
        drawn.append(values(x, tp, fp) if tp[-1] and fp[-1] else nothing)
    positives, negatives = (standing(np.bincount(cluster[side])) for side in (positive, negative))
    effective = min(positives.effective, negatives.effective)
    clusters = min(positives.units, negatives.units)
    doubtful = effective < max(ENOUGH, UNEQUAL * clusters)
    low, high = level_intervals(
        y,
        np.stack(drawn),
        n=np.full(GRID, clusters),
        effective=np.full(GRID, effective) if units is None else np.minimum(units(x, hits, false), effective),
        kind="score",
        confidence=confidence,
    )
    return Curve(x, y, low, high, n, n_positive, doubtful)


def _roc_values(x: NDArray[np.float64], tp: NDArray[np.int64], fp: NDArray[np.int64]) -> NDArray[np.float64]:
    rate = np.concatenate([[0.0], fp / fp[-1]])
    sensitivity = np.concatenate([[0.0], tp / tp[-1]])
    # where the curve rises straight up, its top counts
    last = np.append(rate[1:] != rate[:-1], True)
    return np.interp(x, rate[last], sensitivity[last])


def _precision_values(
    x: NDArray[np.float64], tp: NDArray[np.int64], fp: NDArray[np.int64]
) -> NDArray[np.float64]:
    at = _reaching(x, tp)
    return tp[at] / (tp[at] + fp[at])


def _alarms(x: NDArray[np.float64], tp: NDArray[np.int64], fp: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows [G] above the threshold that reaches each recall."""
    at = _reaching(x, tp)
    return tp[at] + fp[at]


def _reaching(x: NDArray[np.float64], tp: NDArray[np.int64]) -> NDArray[np.intp]:
    """Positions [G] of the thresholds that reach each recall; the first that finds a positive answers for 0."""
    return np.searchsorted(tp, np.maximum(x * tp[-1] * (1 - 1e-12), 0.5), side="left")
