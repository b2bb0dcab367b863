"""Simulated results whose truth is known: groups of clustered images, each with its true share of right decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GAPS: Final = (0.0, 0.05, 0.15)
SIZES: Final = {  # shares of clusters of 1 to 5 images
    "mixed": (0.45, 0.25, 0.15, 0.10, 0.05),
    "single": (1.0, 0.0, 0.0, 0.0, 0.0),
    "large": (0.10, 0.10, 0.20, 0.30, 0.30),
}
REST: Final = (
    3  # clusters without positives for each cluster with some: they make group sizes vary in resamples
)


@dataclass(frozen=True)
class Cell:
    """One kind of table."""

    name: str
    """Name in the results."""
    positives: tuple[int, ...]
    """Images that count, per group."""
    shape: Literal["one low", "one high", "two", "spread"]
    """Which groups are how far below `top`: the first alone, all but the first, the first half, evenly spaced."""
    top: float
    """Largest true level."""
    rho: float
    """Correlation of the decisions on two images of a cluster (beta-binomial)."""
    clusters: tuple[str, ...] = ()
    """Keys of `SIZES`, per group; `mixed` where empty."""

    def truth(self, gap: float) -> Floats:
        """True levels of the groups."""
        k = len(self.positives)
        below = {
            "one low": np.eye(k)[0],
            "one high": 1 - np.eye(k)[0],
            "two": (np.arange(k) < k // 2).astype(float),
            "spread": np.linspace(1, 0, k),
        }[self.shape]
        return self.top - gap * below


CELLS: Final = (
    Cell("2: 30, 30", (30, 30), "one low", 0.90, 0.3),
    Cell("2: 30, 400", (30, 400), "one low", 0.90, 0.3),
    Cell("2: 400, 30", (400, 30), "one low", 0.95, 0.5),
    Cell("2: 1000, 1000", (1000, 1000), "one low", 0.85, 0.3),
    Cell("3: 30 each", (30,) * 3, "one low", 0.90, 0.3),
    Cell("3: 30, 100, 400", (30, 100, 400), "one low", 0.90, 0.3),
    Cell("3: 400, 100, 30", (400, 100, 30), "one low", 0.90, 0.3),
    Cell("3: 60 each, spread", (60,) * 3, "spread", 0.85, 0.5),
    Cell("3: 60 each, near 1", (60,) * 3, "one low", 0.95, 0.2),
    Cell("3: other clusters", (60, 100, 400), "one low", 0.85, 0.4, ("large", "mixed", "single")),
    Cell("3: 1000 each, spread", (1000,) * 3, "spread", 0.90, 0.3),
    Cell("6: 30 each", (30,) * 6, "one low", 0.90, 0.3),
    Cell("6: 30 each, two", (30,) * 6, "two", 0.85, 0.5),
    Cell("6: 60 each", (60,) * 6, "one low", 0.90, 0.3),
    Cell("6: 60 each, two", (60,) * 6, "two", 0.90, 0.2),
    Cell("6: 60 each, one high", (60,) * 6, "one high", 0.90, 0.3),
    Cell("6: 30 to 400, two", (30, 30, 100, 100, 400, 400), "two", 0.90, 0.3),
    Cell("6: 30 to 400, spread", (400, 100, 30, 30, 100, 400), "spread", 0.90, 0.3),
    Cell("6: 1000 each, two", (1000,) * 6, "two", 0.90, 0.3),
    # outside of what is claimed, to see what the report has to warn of
    Cell("small, 3: 10 each", (10,) * 3, "one low", 0.85, 0.3),
    Cell("small, 3: 15, 60, 60", (15, 60, 60), "one low", 0.90, 0.3),
)


@dataclass(frozen=True)
class Drawn:
    """What one table shows."""

    group: Ints
    """[U] of each cluster."""
    images: Ints
    """[U] images that count, per cluster."""
    hits: Ints
    """[U] right decisions."""

    @property
    def estimate(self) -> Floats:
        """[K] shares of right decisions."""
        return np.bincount(self.group, self.hits) / np.bincount(self.group, self.images)

    @property
    def units(self) -> Ints:
        """[K] clusters."""
        return np.bincount(self.group)


def draw(cell: Cell, gap: float, rng: np.random.Generator) -> Drawn:
    """One table."""
    kinds = cell.clusters or ("mixed",) * len(cell.positives)
    parts = [
        _group(*group, cell.rho, rng)
        for group in zip(cell.positives, cell.truth(gap), (SIZES[k] for k in kinds), strict=True)
    ]
    group = np.repeat(np.arange(len(parts)), [len(images) for images, _ in parts])
    images, hits = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Drawn(group, images, hits)


def resample(drawn: Drawn, resamples: int, rng: np.random.Generator) -> Floats:
    """Levels [B, K] in resamples of whole clusters, among others that have no image that counts.

    Clusters of the same group, size and hits are interchangeable: how often each such kind is drawn is
    multinomial.
    """
    code, number = np.unique(
        drawn.group * 100 + drawn.images * 10 + drawn.hits, return_counts=True
    )  # up to 5 images: two digits
    group, images, hits = code // 100, code // 10 % 10, code % 10
    total = len(drawn.group) * (1 + REST)
    shares = np.append(number, total - number.sum()) / total
    counts = rng.multinomial(total, shares, size=resamples)[:, :-1].astype(np.float64)
    member = np.eye(group[-1] + 1)[group]
    with np.errstate(invalid="ignore"):
        return (counts @ (member * hits[:, None])) / (counts @ (member * images[:, None]))


def _group(
    positives: int, level: float, sizes: tuple[float, ...], rho: float, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Images and hits of the clusters of one group; the last cluster is cut to make the number exact."""
    images = rng.choice(np.arange(1, len(sizes) + 1), size=positives, p=sizes)
    ends = np.cumsum(images)
    images = images[: np.searchsorted(ends, positives) + 1].copy()
    images[-1] -= images.sum() - positives
    concentration = (1 - rho) / rho
    own = rng.beta(level * concentration, (1 - level) * concentration, size=len(images))
    return images, rng.binomial(images, own)
