"""From contrasts of several seeds to findings, by rules that are stated before anybody looks.

A contrast is *found* where all three hold, else *not found*:

1. its p-value, Holm-adjusted over the whole family of questions of one report, is at most alpha;
2. it is as large as `margin`, the smallest difference worth speaking of;
3. every seed agrees on its sign.

It *cannot be told* where a side of it stands on fewer than `minimum` rows, or on fewer patients or lesions than
`patients`. Such a question is left out of the family, as both numbers hang on who was photographed and not on what
was answered; one whose data are gone is not. By Holm (1979) the chance that a report of true nulls holds any finding
is at most alpha; the other two conditions can only lower it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from skintag.evaluation.statistics.differences import holm
from skintag.evaluation.statistics.sides import Contrast, mean_of
from skintag.evaluation.statistics.uncertainty import PATIENTS, Uncertainty

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
    patients: int = PATIENTS
    """Effective number of patients or lesions that each side must stand on."""

    def can_tell(self, evidence: Evidence) -> bool:
        """Whether both sides stand on enough rows, patients and lesions for an answer."""
        enough = (
            min(evidence.n_a, evidence.n_b) >= self.minimum and round(evidence.clusters, 6) >= self.patients
        )
        return enough and not np.isnan(evidence.p_value)

    def text(self, seeds: int) -> str:
        """The rules in a few sentences, of runs with so many seeds (the fewest that a question stands on)."""
        claim = f"The chance that a report without any true difference claims one is at most {self.alpha:g}"
        of_one = (
            "; with one seed that is said of these trained models alone: what another seed would change is in no "
            "interval and no p-value"
        )
        return (
            f"found: Holm-adjusted p <= {self.alpha:g} over all questions of this report that can be told, at least "
            f"{self.margin:g} in size, and of one sign in every seed; cannot be told: a side has fewer than "
            f"{self.minimum} rows or stands on fewer than {self.patients} independent patients or lesions (effective "
            f"number). {claim}{of_one if seeds < 2 else ''}."
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
    """Standard error that the choice of patients brings to the mean over seeds."""
    sd_seeds: float
    """Standard deviation between seeds; nan for a single one."""
    per_seed: tuple[float, ...]
    """The estimates of the seeds."""
    n_a: int
    """Rows of the first side."""
    n_b: int
    """Rows of the second side."""
    clusters: float
    """Effective number of patients or lesions of the smallest side."""

    @classmethod
    def of(cls, per_seed: Sequence[Contrast], confidence: float = 0.95) -> Evidence:
        """Evidence from the same contrast in each seed, all on the same resamples of the same images.

        The variance of the mean over S seeds is that of `Uncertainty` plus s^2 / S, s being the standard deviation
        between seeds, which has S - 1 degrees of freedom; both are put together as Satterthwaite (1946,
        doi:10.2307/3002019) has it. With one seed, seed noise is unknown and left out.
        """
        mean = mean_of(per_seed)
        estimates = np.array([c.value for c in per_seed])
        known = (tuple(estimates.tolist()), mean.n_a, mean.n_b, mean.clusters)
        images = Uncertainty.of(mean)
        if images is None:
            nan = float("nan")
            return cls(nan, nan, nan, nan, nan, nan, *known)
        seeds = float(estimates.std(ddof=1)) if len(estimates) > 1 else float("nan")
        of_seeds = 0.0 if np.isnan(seeds) else seeds**2 / len(estimates)
        variance = images.variance + of_seeds
        parts = images.variance**2 / images.degrees + of_seeds**2 / max(len(estimates) - 1, 1)
        freedom = variance**2 / parts if parts > 0 else images.degrees
        low, high, p = Uncertainty(images.centre, variance, freedom).limits(mean.value, confidence)
        return cls(mean.value, low, high, p, float(np.sqrt(images.variance)), seeds, *known)

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


def judge(evidence: Mapping[str, Evidence], rules: Rules = Rules(), gone: Sequence[str] = ()) -> pd.DataFrame:
    """A row per question: Evidence's numbers, `p_holm` over those that can be told, and the `verdict`.

    Args:
        evidence: by question.
        rules: when a contrast counts as found.
        gone: questions that belong to the family but whose data are no longer there. They cannot be told, yet count
            in Holm's correction, which must not become milder because a file was deleted.
    """
    names = list(evidence)
    tellable = [rules.can_tell(evidence[n]) for n in names]
    asked = [evidence[n].p_value if ok else float("nan") for n, ok in zip(names, tellable, strict=True)]
    adjusted = holm([*asked, *(1.0 for _ in gone)])[: len(names)]
    rows = []
    for name, ok, p_holm in zip(names, tellable, adjusted, strict=True):
        e = evidence[name]
        passes = ok and p_holm <= rules.alpha and abs(e.value) >= rules.margin and e.one_sign
        rows.append(
            {
                "question": name, "value": e.value, "low": e.low, "high": e.high, "p_value": e.p_value,
                "p_holm": p_holm, "sd_images": e.sd_images, "sd_seeds": e.sd_seeds, "seeds": len(e.per_seed),
                "one_sign": e.one_sign, "exceeds_seed_noise": e.exceeds_seed_noise, "n_a": e.n_a, "n_b": e.n_b,
                "clusters": e.clusters,
                "verdict": FOUND if passes else NOT_FOUND if ok else CANNOT_TELL,
            }
        )  # fmt: skip
    rows += [{"question": name, "n_a": 0, "n_b": 0, "clusters": 0.0, "verdict": CANNOT_TELL} for name in gone]
    return pd.DataFrame(rows)
