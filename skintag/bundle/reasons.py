"""Why an image is in the tier that it is in, in words that name the numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skintag.evaluation.decisions.triage import TIERS, TriagePolicy, top_condition


def tier_reasons(
    policy: TriagePolicy, score: NDArray[np.float64], p_condition: ArrayLike | None, names: Sequence[str]
) -> list[str]:
    """One sentence for each of n scores [n]; arguments as `TriagePolicy.tiers`, and the names of the conditions."""
    tiers, alone = policy.tier_codes(score, p_condition), policy.tier_codes(score)
    top = top_condition(p_condition, len(score))
    out = []
    for value, tier, before, condition in zip(score, tiers, alone, top, strict=True):
        said = _place(policy, float(value), TIERS[before])
        if tier != before:
            said += f", but its likeliest condition, {names[condition]}, is never LOW"
        elif TIERS[tier] == "MODERATE":
            reaches = "reaches" if value >= policy.malignant_from else "does not reach"
            said += f"; it {reaches} {policy.malignant_from:.4g}, from which a lesion is called malignant"
        out.append(said)
    return out


def _place(policy: TriagePolicy, value: float, tier: str) -> str:
    """Where the score lies among the bounds."""
    if tier == "LOW":
        return f"{value:.4g} is below {policy.low:.4g}"
    if tier == "HIGH":
        return f"{value:.4g} is above {policy.high:.4g}"
    return f"{value:.4g} lies from {policy.low:.4g} to {policy.high:.4g}"
