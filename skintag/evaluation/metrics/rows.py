"""What metrics look at, row by row, and sums over rows of the weights of their clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """What the metrics look at, per row."""

    target: Ints
    """[n] 1 malignant, 0 not."""
    score: Floats
    """[n]"""
    decision: NDArray[np.bool_]
    """[n]"""
    cluster: Ints
    """[n] in 0..n_clusters-1."""
    n_clusters: int

    def sums(self, line: Ints, members: Ints, lines: int, values: Floats | None = None) -> sparse.csr_array:
        """A matrix [lines, C] that adds up weights x values of the member rows into their lines."""
        data = np.ones(len(members)) if values is None else values
        return sparse.coo_array((data, (line, self.cluster[members])), shape=(lines, self.n_clusters)).tocsr()
