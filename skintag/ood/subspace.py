"""The main directions of a cloud of points, small enough to ship; numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FLOOR: Final = 1e-6
"""Variances below this share of the mean variance are raised to it: a direction in which train did not vary at all
must not make every other point infinitely far."""


@dataclass(frozen=True)
class Subspace:
    """r orthogonal directions with the variance along each, and one variance for all other directions together.

    As probabilistic PCA has it (Tipping & Bishop, 1999, doi:10.1111/1467-9868.00196): the covariance is
    `directions.T @ diag(variances - rest) @ directions + rest * I`, and r * D numbers say it instead of D * D.
    """

    directions: NDArray[np.float16]
    """[r, D]; half precision, which is what makes it small."""
    variances: NDArray[np.float32]
    """[r], falling."""
    rest: float
    """The variance in every direction beside these; of no effect where r = D."""

    @classmethod
    def of(cls, centred: NDArray[np.floating], rank: int, shrinkage: float | None = None) -> Subspace:
        """The leading `rank` directions of the shrunk covariance of rows [n, D] whose mean is 0.

        Args:
            centred: rows.
            rank: r; D where it is more.
            shrinkage: 0..1, how far to go from the sample's covariance to a ball; Ledoit and Wolf's where None.
        """
        covariance = _covariance(centred)
        width = len(covariance)
        level = float(np.trace(covariance)) / width
        share = ledoit_wolf(centred, covariance) if shrinkage is None else shrinkage
        values, vectors = np.linalg.eigh(covariance)  # rising
        values = np.maximum((1 - share) * values[::-1] + share * level, max(FLOOR * level, 1e-30))
        kept = min(rank, width)
        return cls(
            np.ascontiguousarray(vectors[:, ::-1].T[:kept]).astype(np.float16),
            values[:kept].astype(np.float32),
            float(np.float32(values[kept:].mean())) if kept < width else 1.0,
        )

    def coordinates(self, centred: Floats) -> tuple[Floats, Floats]:
        """Coordinates [n, r] of rows [n, D], and the squared length [n] of what the directions leave out."""
        directions = self.directions.astype(np.float64)
        inside = centred @ directions.T
        if len(directions) == centred.shape[1]:
            return inside, np.zeros(len(centred))
        outside = centred - inside @ directions
        return inside, (outside**2).sum(axis=1)

    def squared_distance(self, centred: Floats) -> Floats:
        """Squared Mahalanobis distance [n] of rows [n, D] from 0."""
        inside, outside = self.coordinates(centred)
        return (inside**2 / self.variances.astype(np.float64)).sum(axis=1) + outside / self.rest


def ledoit_wolf(centred: NDArray[np.floating], covariance: Floats | None = None) -> float:
    """How far to shrink the covariance of rows [n, D] of mean 0 towards a ball, 0..1.

    The share that minimises the expected squared error (Ledoit & Wolf, 2004, doi:10.1016/S0047-259X(03)00096-4,
    lemma 3.4).
    """
    known = _covariance(centred) if covariance is None else covariance
    n, width = centred.shape
    level = np.trace(known) / width
    size = (known**2).sum()
    spread = size - width * level**2  # of the sample's covariance about the ball
    lengths = (centred.astype(np.float64) ** 2).sum(axis=1)
    noise = ((lengths**2).mean() - size) / n
    return float(min(max(noise / spread, 0.0), 1.0)) if spread > 0 else 1.0


def _covariance(centred: NDArray[np.floating]) -> Floats:
    rows = centred.astype(np.float64)
    return (rows.T @ rows) / len(rows)
