"""The bound below which at most a given share of malignancies lies, with a confidence: a one-sided tolerance limit.

The k-th lowest of n independent scores has a share of the population below it that is Beta(k, n - k + 1) at most
(equal scores make it smaller; Wilks, 1941, doi:10.1214/aoms/1177731788). So with the largest k for which
P(Beta(k, n - k + 1) <= 1 - target) reaches the confidence, the bound keeps its word in that share of fits, whatever the
distribution; the same k comes from the Clopper-Pearson limit of k - 1 misses in n. The plain quantile of the n scores,
in contrast, lets more than 1 - target through in about half of all fits.

Photographs of one patient or lesion are not independent. Those that share a leakage group count as one, by the lowest
of their malignant scores: the promise is that of all patients or lesions with a malignancy, at most 1 - target have any
malignant picture below the bound. Where pictures are many of few, that asks for more than a count of pictures would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import ConfigError

if TYPE_CHECKING:
    from skintag.evaluation.predictions.predictions import ValPredictions

CAUTIOUS: Final = 0.30
"""Where val has too few malignancies for any promise, the bound is not above this: the published one."""


@dataclass(frozen=True)
class Bound:
    """A lower bound of scores, and what it promises."""

    value: float
    """Scores below it are LOW."""
    n: int
    """Patients or lesions with a malignancy in val, which count once each."""
    misses: int
    """How many of them may have a malignant picture below it."""
    sensitivity_low: float
    """With the confidence asked for, at least this share of patients or lesions with a malignancy has none below it."""


def tolerance_bound(val: ValPredictions, target: float, confidence: float) -> Bound:
    """The highest bound that keeps the promise; where val is too small for it, the lowest malignant score.

    In the latter case `sensitivity_low` is below the target and says what can be promised, and the bound is at most
    `CAUTIOUS`.

    Raises:
        ConfigError: target or confidence outside (0, 1], or a confidence of 1, which nothing has.
    """
    if not 0 < target <= 1:
        raise ConfigError(f"triage.target_sensitivity is {target}: expected a number in (0, 1]")
    if not 0 < confidence < 1:
        raise ConfigError(
            f"triage.confidence is {confidence}: expected a number between 0 and 1, or null for none"
        )
    lowest = lowest_malignant(val)
    n, misses = len(lowest), allowed_misses(len(lowest), target, confidence)
    if misses is None:
        return Bound(min(float(lowest[0]), CAUTIOUS), n, 0, lower_limit(0, n, confidence))
    return Bound(float(lowest[misses]), n, misses, lower_limit(misses, n, confidence))


def lowest_malignant(val: ValPredictions) -> NDArray[np.float64]:
    """The lowest malignant score of each patient or lesion that has one, rising, [n]; a row alone is one."""
    malignant = val.target == 1
    rows = val.frame[malignant]
    own = "\0" + rows["image_id"].astype("str")  # a name that no group has
    group = rows["group_id"].where(rows["group_id"].notna(), own)
    return np.sort(rows["p_malignant"].groupby(group.to_numpy()).min().to_numpy(dtype=np.float64))


def allowed_misses(n: int, target: float, confidence: float) -> int | None:
    """How many of n independent malignancies may lie below the bound; None where not even none is enough."""
    from scipy.stats import binom

    # k - 1 misses are allowed where P(Binomial(n, 1 - target) <= k - 1) <= 1 - confidence
    tail = binom.cdf(np.arange(n + 1), n, 1 - target)
    k = int(np.searchsorted(tail, 1 - confidence + 1e-12, side="right"))
    return k - 1 if k else None


def lower_limit(misses: int, n: int, confidence: float) -> float:
    """The one-sided Clopper-Pearson lower limit of n - misses in n; 0 where all are missed."""
    from scipy.stats import beta

    return 0.0 if misses >= n else float(beta.ppf(1 - confidence, n - misses, misses + 1))


def needed(target: float, confidence: float) -> int | None:
    """The fewest independent malignancies of which none is missed that make the promise; None: no number does."""
    return None if target >= 1 else math.ceil(math.log(1 - confidence) / math.log(target) - 1e-9)
