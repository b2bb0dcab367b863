"""What a triage policy promises of malignancies, in a sentence."""

from __future__ import annotations

from skintag.evaluation.decisions.tolerance import CAUTIOUS, needed
from skintag.evaluation.decisions.triage import TriagePolicy


def promise_of(policy: TriagePolicy) -> str:
    """What is promised with which confidence, or why nothing is and what is done instead; no full stop."""
    target = policy.target_sensitivity
    if target is None:
        return "bounds that were not fitted promise nothing"
    if policy.confidence is None or policy.sensitivity_low is None:
        return (
            f"at least {target:.3g} of val's malignancies lie outside LOW; a plain quantile, which promises nothing of "
            "others: in about half of all fits true sensitivity is below it"
        )
    sure, n = f"{100 * policy.confidence:g}% confidence", policy.n_independent
    unit = "of patients or lesions with a malignancy"
    if policy.promised:
        return (
            f"with {sure} at least {target:.3g} {unit} have no malignant picture in LOW (lower limit "
            f"{policy.sensitivity_low:.3f}, from {n:,} of them in val)"
        )
    least = needed(target, policy.confidence)
    short = "no number of them would do" if least is None else f"{least:,} are needed"
    return (
        f"no sensitivity of {target:.3g} can be promised: val has {n:,} patients or lesions with a malignancy, and for "
        f"{sure} {short}; LOW lies below the lowest of their scores and below {CAUTIOUS:.2f}, which promises "
        f"{policy.sensitivity_low:.3f}"
    )
