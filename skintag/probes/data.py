"""What probes are fitted on, as checked arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ProbeData:
    """Embeddings with what there is to learn about them.

    Raises:
        ValueError: shapes that do not match, or values outside their range.
    """

    embeddings: NDArray[np.float32]
    """float32 [n, d], finite."""
    target: NDArray[np.int64]
    """1 malignant, 0 not; int64 [n]."""
    condition: NDArray[np.int64]
    """0 <= condition < n_conditions; int64 [n]."""
    weight: NDArray[np.float32]
    """Weight of each row in the loss, >= 0; float32 [n]."""
    n_conditions: int = 10
    """Width of the taxonomy, whether or not each class has rows."""

    def __post_init__(self) -> None:
        types = {"embeddings": np.float32, "target": np.int64, "condition": np.int64, "weight": np.float32}
        for name, dtype in types.items():
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=dtype))
        check_embeddings(self.embeddings)
        for name in ("target", "condition", "weight"):
            if getattr(self, name).shape != (len(self),):
                shape = getattr(self, name).shape
                raise ValueError(f"{name} has shape {shape}, but there are {len(self)} embeddings")
        if not np.isin(self.target, (0, 1)).all():
            raise ValueError("target has to be 0 or 1")
        if len(self) and not 0 <= self.condition.min() <= self.condition.max() < self.n_conditions:
            raise ValueError(f"condition has to be from 0 to {self.n_conditions - 1}")
        if len(self) and not (np.isfinite(self.weight).all() and self.weight.min() >= 0 < self.weight.sum()):
            raise ValueError("weights have to be finite, not negative, and not all zero")

    def __len__(self) -> int:
        return len(self.embeddings)


def log_loss(
    code: NDArray[np.int64], probability: NDArray[np.floating], weight: NDArray[np.floating]
) -> float:
    """Weighted mean of -log p(true class) for codes [n] and probabilities [n, c].

    Rows of code -1 count for nothing; nan where no row is left.
    """
    known = (code >= 0) & (weight > 0)
    if not known.any():
        return float("nan")
    p = probability[np.flatnonzero(known), code[known]].astype(np.float64)
    return float(np.average(-np.log(np.maximum(p, 1e-15)), weights=weight[known]))


def standardisation(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation (1 where it is none) of each column of [n, d], float32 [d]."""
    mean, deviation = x.mean(axis=0, dtype=np.float64), x.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-6)
    return mean.astype(np.float32), np.where(varies, deviation, 1.0).astype(np.float32)


def check_embeddings(x: NDArray[np.float32]) -> None:
    """Raise ValueError unless the embeddings are [n, d] and finite."""
    if x.ndim != 2:
        raise ValueError(f"embeddings have shape {x.shape}; expected [n, d]")
    if not np.isfinite(x).all():
        raise ValueError(f"{int((~np.isfinite(x).all(axis=1)).sum())} embedding(s) hold nan or infinity")
