"""What a contrast is made of: sides that stand on patients, in the data and in every resample of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.statistics.bootstrap import Resamples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RowDraws:
    """How often each of n rows counts in the data and in resamples of whole clusters."""

    weights: NDArray[np.float32]
    """[R, n]: ones, then the resamples."""
    cluster: Ints
    """[n] cluster number of each row."""

    @classmethod
    def draw(cls, clusters: pd.Series, resamples: int, seed: int) -> RowDraws:
        """Ones, then `resamples` of the clusters [n] that are named."""
        drawn = Resamples.draw(clusters, resamples, seed)
        counts = drawn.counts.astype(np.float32)[:, drawn.cluster]
        weights = np.concatenate([np.ones((1, counts.shape[1]), np.float32), counts])
        return cls(weights, drawn.cluster)

    @classmethod
    def as_they_are(cls, n: int) -> RowDraws:
        """The rows without any resample, each a cluster by itself."""
        return cls(np.ones((1, n), np.float32), np.arange(n))

    def __len__(self) -> int:
        return len(self.weights)


def effective_clusters(weight: Floats, cluster: Ints) -> float:
    """(sum m)^2 / sum m^2 over the clusters' weights m (Kish, 1965): of equal clusters their number; 0 without rows.

    Args:
        weight: of each of n rows.
        cluster: number of each row's cluster.
    """
    if not len(weight):
        return 0.0
    sums = np.bincount(np.unique(cluster, return_inverse=True)[1], weights=weight)
    square = float((sums**2).sum())
    return float(sums.sum() ** 2 / square) if square > 0 else 0.0


@dataclass(frozen=True)
class Side:
    """A level of some rows, or the difference of two models' levels on the same rows."""

    draws: Floats
    """[R]: the estimate, then its resamples; nan where they cannot tell it."""
    clusters: float
    """Effective number of patients or lesions that it stands on; for an AUROC, those of the rarer class."""
    units: Ints
    """The clusters that have a row in it."""
    share: bool = True
    """Whether it is a share of rows, else an AUROC."""
    paired: bool = False
    """Whether it is a difference, in [-1, 1], else a level in [0, 1]."""


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of sides, and how many rows it stands on."""

    sides: tuple[Side, ...]
    factors: tuple[float, ...]
    """What each side is multiplied by."""
    n_a: int
    """Rows of the first side that count (of the rarer class, for an AUROC)."""
    n_b: int
    """Rows of the second side."""

    @cached_property
    def draws(self) -> Floats:
        """[R]: the estimate, then its resamples; nan where they cannot tell it."""
        return np.sum([f * s.draws for f, s in zip(self.factors, self.sides, strict=True)], axis=0)

    @property
    def value(self) -> float:
        """The estimate on the images as they are."""
        return float(self.draws[0])

    @property
    def clusters(self) -> float:
        """Effective number of patients or lesions of the smallest side."""
        return min(side.clusters for side in self.sides)

    @cached_property
    def shared(self) -> bool:
        """Whether a patient or lesion is on several sides."""
        return any(len(np.intersect1d(a.units, b.units)) for a, b in combinations(self.sides, 2))

    def __sub__(self, other: Contrast) -> Contrast:
        """The difference of contrasts of other rows; both have to stand on the same resamples."""
        factors = (*self.factors, *(-f for f in other.factors))
        return Contrast((*self.sides, *other.sides), factors, *self._fewest(other))

    def against(self, other: Contrast) -> Contrast:
        """The paired difference, side by side, from another model's contrast of the same rows."""
        pairs = zip(self.sides, other.sides, strict=True)
        sides = tuple(replace(a, draws=a.draws - b.draws, paired=True) for a, b in pairs)
        return Contrast(sides, self.factors, *self._fewest(other))

    def _fewest(self, other: Contrast) -> tuple[int, int]:
        return min(self.n_a, other.n_a), min(self.n_b, other.n_b)


def mean_of(contrasts: Sequence[Contrast]) -> Contrast:
    """The mean of one contrast of several seeds: of the same rows on the same resamples."""
    sides = tuple(
        replace(of_seeds[0], draws=np.mean([s.draws for s in of_seeds], axis=0))
        for of_seeds in zip(*(c.sides for c in contrasts), strict=True)
    )
    return Contrast(sides, contrasts[0].factors, min(c.n_a for c in contrasts), min(c.n_b for c in contrasts))


def mean_over(contrasts: Sequence[Contrast]) -> Contrast:
    """The mean of contrasts of other rows, such as those of several domains, on the same resamples."""
    factors = tuple(f / len(contrasts) for c in contrasts for f in c.factors)
    sides = tuple(side for c in contrasts for side in c.sides)
    return Contrast(sides, factors, min(c.n_a for c in contrasts), min(c.n_b for c in contrasts))
