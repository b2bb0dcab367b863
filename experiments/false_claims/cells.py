"""Made-up test sets whose truth is known: images of patients on two sides, and how a model does on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

Kind = Literal["rate", "auroc", "paired rate", "paired auroc"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """Who was photographed how often, and what the questions are about."""

    name: str
    kind: Kind
    """`rate`: images right, side against side. `auroc`: the drop from side to side. `paired`: of two models."""
    small: tuple[int, ...]
    """Images of each patient of the first side (of each class, for an AUROC)."""
    large: tuple[int, ...] = ()
    """Of the second side; of the paired kinds, which have one side, none."""
    level: float = 0.9
    """Truth on both sides: share of images right, or AUROC."""
    correlation: float = 0.0
    """Of two images of one patient: their being right (beta-binomial), or their scores."""
    shared: bool = False
    """Whether the patients of both sides are the same."""
    seeds: int = 1
    """Training seeds, each with noise of its own."""
    effect: float = 0.0
    """Truth of the first question: how much lower the second side (the second model) is."""


@dataclass(frozen=True)
class Images:
    """The rows of a cell."""

    side: Ints
    """[n] 1 for the first side, 0 for the second."""
    target: Ints
    """[n] class; of a rate all 1."""
    patient: Ints
    """[n]"""

    @classmethod
    def of(cls, cell: Cell) -> Images:
        """Rows of the first side, then of the second; for an AUROC malignant patients, then benign ones."""
        sides = [(1, cell.small)] + ([(0, cell.large)] if cell.large else [])
        classes = (1, 0) if cell.kind.endswith("auroc") else (1,)
        parts: list[tuple[int, int, int]] = []
        patient = 0
        for target in classes:
            for side, sizes in sides:
                first = 0 if cell.shared else patient
                for i, size in enumerate(sizes):
                    parts += [(side, target, (target * 10**6 if cell.shared else 0) + first + i)] * size
                patient += len(sizes)
        side_, target_, patient_ = np.array(parts).T
        return cls(side_, target_, np.unique(patient_, return_inverse=True)[1])


def right(cell: Cell, images: Images, effect: float, rng: np.random.Generator) -> Floats:
    """1 where an image is judged rightly, [n]: the level with patients' own levels around it."""
    n = int(images.patient.max()) + 1
    own = np.full(n, 0.5) if not cell.correlation else rng.random(n)
    level = cell.level - effect * (images.side == 0)
    if not cell.correlation:
        return (rng.random(len(level)) < level).astype(float)
    # a patient's own level: the same quantile of the beta distribution of each side
    scale = (1 - cell.correlation) / cell.correlation
    chance = betaincinv(level * scale, (1 - level) * scale, own[images.patient])
    return (rng.random(len(level)) < chance).astype(float)


def scores(cell: Cell, images: Images, effect: float, rng: np.random.Generator) -> Floats:
    """Scores [n] whose AUROC is the level on either side, but for the effect; normal, alike within a patient."""
    n = int(images.patient.max()) + 1
    distance = np.sqrt(2) * ndtri(cell.level - effect * (images.side == 0))
    patients = rng.standard_normal(n)[images.patient] * np.sqrt(cell.correlation)
    return (
        distance * images.target
        + patients
        + rng.standard_normal(len(distance)) * np.sqrt(1 - cell.correlation)
    )


ONES = {n: (1,) * n for n in (10, 15, 20, 30, 60, 100, 150, 300, 400)}


def cells() -> list[Cell]:
    """The cells of the table."""
    out = []
    designs: list[tuple[str, tuple[int, ...], tuple[int, ...], bool]] = [
        ("10 images, 150", ONES[10], ONES[150], False),
        ("15 images, 150", ONES[15], ONES[150], False),
        ("30 images, 150", ONES[30], ONES[150], False),
        ("60 images, 60", ONES[60], ONES[60], False),
        ("20 images of 2 patients, 150", (10, 10), ONES[150], False),
        ("40 images of 1 patient, 150", (40,), ONES[150], False),
        ("20 images of 5 patients, 150", (4,) * 5, ONES[150], False),
        ("40 images of 8 patients, 60 of 3", (5,) * 8, (3,) * 60, False),
        ("15 patients of 20, 300 images", (20,) * 15, ONES[300], False),
        ("20 images and one patient of 30, 150", (*ONES[20], 30), ONES[150], False),
        ("60 patients of 1 to 5, 60 such", (1, 2, 3, 4, 5) * 12, (1, 2, 3, 4, 5) * 12, False),
        ("10 patients on both sides", (2,) * 10, (2,) * 10, True),
        ("30 patients on both sides", (2,) * 30, (2,) * 30, True),
    ]
    for name, small, large, shared in designs:
        several = max(small) > 1 or max(large) > 1
        for level in (0.7, 0.9) if several else (0.5, 0.7, 0.9, 0.97):
            correlation = 0.0 if not several else 0.8 if level > 0.8 else 0.4
            out.append(Cell(name, "rate", small, large, level, correlation, shared))
    out.append(Cell("15 images, 150", "rate", ONES[15], ONES[150], 0.85, seeds=3))
    for name, small, large in (
        ("10 + 10 images, 10 + 10", ONES[10], ONES[10]),
        ("10 + 10 images, 150 + 150", ONES[10], ONES[150]),
        ("20 + 20 images in patients of five, the same", (5,) * 4, (5,) * 4),
        ("20 + 20 images in patients of five, 150 + 150", (5,) * 4, ONES[150]),
        ("40 + 40 images in patients of five, 150 + 150", (5,) * 8, ONES[150]),
        ("30 + 30 images, 150 + 150", ONES[30], ONES[150]),
        ("100 + 100 images, 150 + 150", ONES[100], ONES[150]),
    ):
        for level in (0.8, 0.95) if max(small) == 1 and len(small) < 100 else (0.8,):
            correlation = 0.5 if max(small) > 1 else 0.0
            out.append(Cell(name, "auroc", small, large, level, correlation))
    for n in (10, 20, 60):
        out.append(Cell(f"{n} images", "paired rate", ONES[n], level=0.8))
        out.append(Cell(f"{n} + {n} images", "paired auroc", ONES[n], level=0.8))
    out.append(Cell("15 patients of five", "paired rate", (5,) * 15, level=0.8, correlation=0.5))
    out.append(Cell("15 + 15 patients of five", "paired auroc", (5,) * 15, level=0.8, correlation=0.5))
    return out


def power_cells() -> list[Cell]:
    """A difference of 0.15 in one of the questions; 60 patients a side, and more."""
    sizes = {
        "60 images": ONES[60],
        "60 patients of 1 to 5": (1, 2, 3, 4, 5) * 12,
        "60 patients of 5": (5,) * 60,
    }
    out = [
        Cell(f"{name} a side", "rate", s, s, level, 0.0 if max(s) == 1 else 0.3, effect=0.15)
        for name, s in sizes.items()
        for level in (0.95, 0.85)
    ]
    out += [Cell(f"{n} images a side", "rate", (1,) * n, (1,) * n, 0.9, effect=0.15) for n in (100, 150, 300)]
    out += [
        Cell(f"{n} + {n} images a side", "auroc", (1,) * n, (1,) * n, 0.9, effect=0.15)
        for n in (60, 100, 150)
    ]
    out += [Cell(f"{n} images", "paired rate", (1,) * n, level=0.9, effect=0.15) for n in (60, 150)]
    return out
