"""Other intervals of a gap that were tried, to show beside ours; all from the same resamples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from skintag.evaluation.statistics.intervals import PairwiseIntervals

Floats = NDArray[np.float64]


def rivals(
    estimate: Floats, replicates: Floats, units: Floats, pairs: PairwiseIntervals, confidence: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Limits of the gap of K levels by method; lower ones not below 0.

    basic: the percentile interval reflected at the estimate (Davison & Hinkley, 1997, 5.2).
    corrected: normal limits around the estimate less its bootstrap bias (Efron & Tibshirani, 1993, chapter 10).
    delta: the numerical delta method (Hong & Li, 2018, doi:10.1016/j.jeconom.2018.06.007, after Fang & Santos, 2019,
        doi:10.1093/restud/rdy049), with steps of n^(1/6) bootstrap deviations.
    projected: the largest lower and upper limits of |difference| among Tukey's simultaneous intervals.
    """
    told = replicates[~np.isnan(replicates).any(axis=1)]
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    gap, drawn = float(np.ptp(estimate)), np.ptp(told, axis=1)
    low, high = np.quantile(drawn, tails)
    centre, half = 2 * gap - drawn.mean(), norm.ppf(tails[1]) * drawn.std()
    step = float(np.mean(units)) ** (1 / 6)
    steps = (np.ptp(estimate + step * (told - estimate), axis=1) - gap) / step
    down, up = np.quantile(steps, tails)
    positive = np.maximum(np.maximum(pairs.low, -pairs.high), 0).max()
    found = {
        "basic": (2 * gap - high, 2 * gap - low),
        "corrected": (centre - half, centre + half),
        "delta": (gap - up, gap - down),
        "projected": (positive, np.maximum(pairs.high, -pairs.low).max()),
    }
    return {name: (max(float(a), 0.0), max(float(b), 0.0)) for name, (a, b) in found.items()}
