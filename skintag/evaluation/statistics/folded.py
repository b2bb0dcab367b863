"""Limits of a sum of absolute values, the expected calibration error, whose plug-in estimate is biased upwards.

Where the bins' true errors are small, their absolute values measure noise: the plug-in estimate lies far above the
truth (Bröcker, 2012, doi:10.1007/s00382-011-1191-1; Kumar, Liang & Ma, 2019, arXiv:1909.10155), and so does every
interval around it. Limits come from a test that is inverted instead, as those of gaps do: noise as large as the
clusters show is put on errors of the observed pattern, scaled to each total, and a total is kept unless the plug-in
estimate lies in the outer tails of what comes out (hybrid resampling: Chuang & Lai, 2000, Statistica Sinica 10, 1-50).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from skintag.evaluation.metrics.rows import Floats
from skintag.evaluation.metrics.weighing import Group, Lines
from skintag.evaluation.statistics.inversion import standard_noise

HALVINGS: Final = 12


@dataclass(frozen=True)
class Folded:
    """Bins' shares of a calibration error, and how noisy they are."""

    mean: Floats
    """[k] sum of (score - target) over the bin's rows, divided by all rows; the metric is the sum of their sizes."""
    covariance: Floats
    """[k, k] of the means, over clusters."""

    @classmethod
    def of(cls, group: Group, lines: Lines) -> Folded:
        """The bins of a group's rows that have any.

        The covariance is that of ratios over clusters; a bin's variance is at least what independent rows with the
        promised probabilities have, for a few rows of one class show none.
        """
        n, clusters = len(group.members), group.rows.n_clusters
        line, number, values = lines(group.target, group.score)
        sums = group.rows.sums(line, group.members, number, values)
        some = np.flatnonzero(np.bincount(line, minlength=number))
        size = np.bincount(group.rows.cluster[group.members], minlength=clusters)
        mean = np.asarray(sums.sum(axis=1))[some] / n
        cross = (sums @ size)[some]
        products = (sums @ sums.T).toarray()[np.ix_(some, some)]
        # sum over clusters of (e - mean m) (e - mean m)', without the dense [k, C]
        covariance = products - np.outer(mean, cross) - np.outer(cross, mean)
        covariance += np.outer(mean, mean) * float((size.astype(np.float64) ** 2).sum())
        promised = np.bincount(line, weights=group.score * (1 - group.score), minlength=number)[some]
        missing = np.maximum(promised - np.diag(covariance), 0)
        return cls(mean, (covariance + np.diag(missing)) / n**2)

    @property
    def value(self) -> float:
        """The plug-in estimate."""
        return float(np.abs(self.mean).sum())


def folded_limits(part: Folded, confidence: float = 0.95) -> tuple[float, float]:
    """Limits of the true sum of absolute values; the plug-in estimate may lie above them. Nan without bins."""
    if not len(part.mean):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
    observed, drawn = part.value, _drawn(part)
    high = observed + 8 * float(np.sqrt(np.trace(part.covariance)))
    low = 0.0
    if (drawn(0.0) >= observed).mean() <= tail:
        low = _crossing(lambda total: bool((drawn(total) >= observed).mean() > tail), 0.0, observed)
    return low, min(_crossing(lambda total: bool((drawn(total) <= observed).mean() <= tail), 0.0, high), 1.0)


def debiased(part: Folded) -> float:
    """The total under which the plug-in estimate would be the median of what noise makes of it; nan without bins.

    A median-unbiased estimate by the test that `folded_limits` inverts; 0 where noise alone gives as much in half of
    all samples.
    """
    if not len(part.mean):
        return float("nan")
    observed, drawn = part.value, _drawn(part)
    if (drawn(0.0) >= observed).mean() >= 0.5:
        return 0.0
    return _crossing(lambda total: bool((drawn(total) >= observed).mean() >= 0.5), 0.0, observed)


def _drawn(part: Folded) -> Callable[[float], Floats]:
    """From a true total to what samples would show of it: errors of the observed pattern, and the clusters' noise."""
    values, vectors = np.linalg.eigh(part.covariance)
    noise = standard_noise(len(part.mean)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    pattern = part.mean / part.value if part.value else np.zeros(len(part.mean))
    return lambda total: np.asarray(np.abs(total * pattern + noise).sum(axis=1))


def _crossing(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where something that holds at `high` and not at `low` begins to hold."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
