"""What an out-of-distribution reference is made of, and what came out of making it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from skintag.core.errors import ConfigError, near_matches

MAX_ROWS: Final = 2000
"""Embeddings that a kNN reference keeps at most."""
KINDS: Final = ("mahalanobis", "relative_mahalanobis", "knn")


@dataclass(frozen=True)
class OodSettings:
    """What a reference is made of; the defaults are those that experiments/out_of_distribution chose, on val."""

    kind: str = "knn"
    """`mahalanobis`: squared distance from the nearest class mean under one shrunk covariance (Lee et al., 2018,
    arXiv:1807.03888), from the mean of all where there are no labels. `relative_mahalanobis`: that of the nearest
    class less that of everything together (Ren et al., 2021, arXiv:2106.09022). `knn`: distance from the k-th
    nearest training embedding, all of length 1 (Sun et al., 2022, arXiv:2204.06507)."""
    target: float = 0.95
    """Share of val that is to be kept; where val's groups are given, of each of them."""
    smallest: int = 20
    """Groups of val with fewer rows have no say in the threshold."""
    rank: int = 16
    """Directions that are told apart; what lies beside them counts with one common variance."""
    neighbours: int = 10
    """k of `knn`."""
    rows: int = MAX_ROWS
    """Training embeddings that `knn` keeps at most, drawn with `seed`."""
    seed: int = 0
    """Of that draw."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"ood.kind is {self.kind!r}: {near_matches(self.kind, KINDS)}")
        if not 0 < self.target <= 1:
            raise ConfigError(f"ood.target is {self.target}: expected a share of val to keep, e.g. 0.95")
        if not 1 <= self.rows <= MAX_ROWS:
            raise ConfigError(f"ood.rows is {self.rows}: expected 1 to {MAX_ROWS:,}")
        for name in ("rank", "neighbours", "smallest"):
            if getattr(self, name) < 1:
                raise ConfigError(f"ood.{name} is {getattr(self, name)}: expected 1 or more")


@dataclass(frozen=True)
class OodRecord:
    """What came out of a fit, beside the arrays."""

    threshold: float
    """Scores above it are flagged."""
    width: int
    """Numbers in an embedding."""
    n_train: int
    """Embeddings that the reference was made of."""
    n_val: int
    """Embeddings that the threshold was fitted on."""
    val_kept: float
    """Share of val that is not flagged: the target or, with ties, few rows or groups, more."""
    rest: float
    """Variance beside the stored directions."""
    background_rest: float
    """The same of everything together, where the kind is relative."""
