"""From contrasts of several seeds to findings, by rules that are stated before anybody looks.

A contrast is *found* where all three hold, else *not found*:

1. its p-value, Holm-adjusted over the whole family of questions of one report, is at most alpha;
2. it is as large as `margin`, the smallest difference worth speaking of;
3. every seed agrees on its sign.

It *cannot be told* where a side of it stands on fewer than `minimum` rows. Such a question is left out of the
family. By Holm (1979) the chance that a report of true nulls holds any finding is at most alpha; the other two
conditions can only lower it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from skintag.evaluation.statistics.differences import holm
from skintag.runs.grid.contrasts import Contrast, mean_of

FOUND: Final = "found"
NOT_FOUND: Final = "not found"
CANNOT_TELL: Final = "cannot be told"


@dataclass(frozen=True)
class Rules:
    """When a contrast counts as found."""

    alpha: float = 0.05
    """Family-wise error rate: the chance of any finding where there is nothing to find."""
    margin: float = 0.01
    """The smallest difference worth speaking of, on the scale of the contrast."""
    minimum: int = 10
    """Rows that each side must stand on."""

    @property
    def text(self) -> str:
        """The rules in one sentence."""
        return (
            f"found: Holm-adjusted p <= {self.alpha:g} over all questions of this report that can be told, at least "
            f"{self.margin:g} in size, and of one sign in every seed; cannot be told: a side has fewer than "
            f"{self.minimum} rows. The chance that a report without any true difference claims one is at most "
            f"{self.alpha:g}."
        )


@dataclass(frozen=True)
class Evidence:
    """One contrast over seeds: its mean, and an interval that holds for new images and new seeds."""

    value: float
    """Mean over seeds."""
    low: float
    """95% interval."""
    high: float
    p_value: float
    """Two-sided, of no difference."""
    sd_images: float
    """Standard error that the test images bring: of the mean over seeds, from the clustered resamples."""
    sd_seeds: float
    """Standard deviation between seeds; nan for a single one."""
    per_seed: tuple[float, ...]
    """The estimates of the seeds."""
    n_a: int
    """Rows of the first side."""
    n_b: int
    """Rows of the second side."""

    @classmethod
    def of(cls, per_seed: Sequence[Contrast], confidence: float = 0.95) -> Evidence:
        """Evidence from the same contrast in each seed, all on the same resamples of the same images.

        The variance of the mean over S seeds is that of its resamples plus s^2 / S, s being the standard
        deviation between seeds. The reference is Student's t with the degrees of freedom of Welch and
        Satterthwaite, of which the resampled part has infinitely many: many if images are what is uncertain,
        S - 1 if seeds are. With one seed, seed noise is unknown and left out.
        """
        mean = mean_of(per_seed)
        estimates = np.array([c.value for c in per_seed])
        replicates = mean.draws[1:][np.isfinite(mean.draws[1:])]
        if not np.isfinite(mean.value) or len(replicates) < 2:
            nan = float("nan")
            return cls(nan, nan, nan, nan, nan, nan, tuple(estimates.tolist()), mean.n_a, mean.n_b)
        images = float(replicates.std(ddof=1))
        seeds = float(estimates.std(ddof=1)) if len(estimates) > 1 else float("nan")
        of_seeds = 0.0 if np.isnan(seeds) else seeds**2 / len(estimates)
        variance = images**2 + of_seeds
        freedom = (len(estimates) - 1) * (variance / of_seeds) ** 2 if of_seeds > 0 else np.inf
        error = float(np.sqrt(variance))
        half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
        p = float(2 * stats.t.sf(abs(mean.value) / error, freedom)) if error > 0 else float(mean.value == 0)
        return cls(
            mean.value, mean.value - half, mean.value + half, p, images, seeds, tuple(estimates.tolist()),
            mean.n_a, mean.n_b,
        )  # fmt: skip

    @property
    def one_sign(self) -> bool:
        """Whether all seeds agree on the sign."""
        return len({float(np.sign(v)) for v in self.per_seed}) == 1

    @property
    def exceeds_seed_noise(self) -> bool | None:
        """Whether the mean is more than two standard errors of the seeds from zero; None for a single seed."""
        if np.isnan(self.sd_seeds):
            return None
        return bool(abs(self.value) > 2 * self.sd_seeds / np.sqrt(len(self.per_seed)))


def judge(evidence: Mapping[str, Evidence], rules: Rules = Rules()) -> pd.DataFrame:
    """A row per question: Evidence's numbers, `p_holm` over those that can be told, and the `verdict`."""
    names = list(evidence)
    tellable = [
        min(e.n_a, e.n_b) >= rules.minimum and not np.isnan(e.p_value) for e in (evidence[n] for n in names)
    ]
    adjusted = holm([
        evidence[n].p_value if ok else float("nan") for n, ok in zip(names, tellable, strict=True)
    ])  # fmt: skip
    rows = []
    for name, ok, p_holm in zip(names, tellable, adjusted, strict=True):
        e = evidence[name]
        passes = ok and p_holm <= rules.alpha and abs(e.value) >= rules.margin and e.one_sign
        rows.append(
            {
                "question": name, "value": e.value, "low": e.low, "high": e.high, "p_value": e.p_value,
                "p_holm": p_holm, "sd_images": e.sd_images, "sd_seeds": e.sd_seeds, "seeds": len(e.per_seed),
                "one_sign": e.one_sign, "exceeds_seed_noise": e.exceeds_seed_noise, "n_a": e.n_a, "n_b": e.n_b,
                "verdict": FOUND if passes else NOT_FOUND if ok else CANNOT_TELL,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
