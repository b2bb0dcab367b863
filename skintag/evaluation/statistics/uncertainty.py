"""How far a contrast is from zero, counted in patients: what few of them cannot tell is not claimed.

A side on which a model is right in every image has no variance in any resample, which proves nothing. So each side
counts pseudo-patients on both ends of its scale: a level one right and one wrong (Agresti & Caffo, 2000,
doi:10.1080/00031305.2000.10474560), a paired difference of shares one of each sign (Bonett & Price, 2012,
doi:10.3102/1076998611411915). An AUROC is treated as a share of its rarer class, which bounds its variance
(Birnbaum & Klose, 1957, doi:10.1214/aoms/1177706795). A level's variance is never less than that of the sides' common
level, which is what it would be without a difference (score test). The reference is Student's t with Welch's and
Satterthwaite's degrees of freedom, each side having one less than its effective number of patients.

`experiments/false_claims` has how often that claims what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from skintag.evaluation.statistics.sides import Contrast, Floats, Side

PATIENTS: Final = 8
"""Effective number of patients or lesions that a side must stand on; fewer cannot tell (experiments/false_claims)."""


@dataclass(frozen=True)
class Uncertainty:
    """A contrast with pseudo-patients, and the variance that the choice of patients gives it."""

    centre: float
    """The contrast, its levels drawn towards one half and its paired differences of shares towards 0."""
    variance: float
    degrees: float
    """Of freedom of the variance."""

    @classmethod
    def of(cls, contrast: Contrast) -> Uncertainty | None:
        """None where it is undefined, no resample tells it, or a side stands on a single patient."""
        draws = [_shrunk(side) for side in contrast.sides]
        total = np.sum([f * d for f, d in zip(contrast.factors, draws, strict=True)], axis=0)
        if not np.isfinite(total[0]) or np.isfinite(total[1:]).sum() < 2 or not contrast.clusters > 1:
            return None
        noise = [_noise(side, d) for side, d in zip(contrast.sides, draws, strict=True)]
        resampled, added = (np.array(part) for part in zip(*noise, strict=True))
        added = added + _of_no_difference(contrast.sides, draws, resampled + added)
        weight = np.array(contrast.factors) ** 2
        # resamples of the whole know which patients are on several sides
        variance = _variance(total) + float((weight * added).sum())
        parts = weight * (resampled + added)
        freedom = np.array([side.clusters - 1 for side in contrast.sides])
        degrees = parts.sum() ** 2 / (parts**2 / freedom).sum() if parts.sum() > 0 else freedom.min()
        if contrast.shared:
            degrees = min(degrees, freedom.min())
        return cls(float(total[0]), variance, float(degrees))

    def limits(self, value: float, confidence: float = 0.95) -> tuple[float, float, float]:
        """Lower and upper limit, which hold the estimate `value`, and the two-sided p-value of no difference."""
        error = float(np.sqrt(self.variance))
        half = float(special.stdtrit(self.degrees, (1 + confidence) / 2)) * error
        # where pseudo-patients turn the sign, the data are too few to have one
        size = max(self.centre * np.sign(value), 0.0)
        p = float(2 * special.stdtr(self.degrees, -size / error)) if error > 0 else float(value == 0)
        return min(self.centre - half, value), max(self.centre + half, value), p


def _shrunk(side: Side) -> Floats:
    """[R] the side's draws with its pseudo-patients."""
    g = side.clusters
    if side.paired:
        return side.draws * g / (g + 2) if side.share else side.draws
    return (g * side.draws + 1) / (g + 2)


def _noise(side: Side, draws: Floats) -> tuple[float, float]:
    """The variance of a side's resamples, and what a small sample and its pseudo-patients add to it."""
    g, resampled = side.clusters, _variance(draws)
    added = resampled / (g - 1)
    if side.paired:
        return resampled, added + (2 / (g + 2) ** 2 if side.share else 0.0)
    level = float(draws[0])
    moved = g * (float(side.draws[0]) - level) ** 2
    return resampled, added + (moved + (1 - level) ** 2 + level**2) / (g + 2) ** 2


def _of_no_difference(sides: tuple[Side, ...], draws: list[Floats], variance: Floats) -> Floats:
    """What each level's variance lacks of that at the common level of all sides; 0 for paired differences."""
    out = np.zeros(len(sides))
    levels = np.array([i for i, side in enumerate(sides) if not side.paired], dtype=np.int64)
    if len(levels) < 2:
        return out
    p = np.array([draws[i][0] for i in levels])
    size = p * (1 - p) / variance[levels]  # effective, as of independent rows
    common = float((size * p).sum() / size.sum())
    out[levels] = variance[levels] * np.maximum(common * (1 - common) / (p * (1 - p)) - 1, 0)
    return out


def _variance(draws: Floats) -> float:
    """Of the resamples that tell it."""
    told = draws[1:][np.isfinite(draws[1:])]
    return float(told.var(ddof=1)) if len(told) > 1 else float("nan")
