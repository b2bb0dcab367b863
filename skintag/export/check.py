"""An export against the torch model, on the same pictures of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.runtime import Runtime
from skintag.core.outputs import Outputs
from skintag.evaluation.decisions.triage import TriagePolicy
from skintag.evaluation.metrics.metrics import auroc
from skintag.evaluation.predictions.predictions import TestPredictions, ValPredictions
from skintag.export.pictures import Pictures
from skintag.export.runners import outputs_of


@dataclass(frozen=True)
class Answers:
    """What one model says of the run's val and test pictures."""

    val: Outputs
    """Of the val pictures."""
    test: Outputs
    """Of the test pictures."""

    @classmethod
    def of(
        cls, runner: Runtime, val: Pictures[ValPredictions], test: Pictures[TestPredictions], size: int
    ) -> Self:
        """Run the model on all pictures, `size` at a time."""
        return cls(outputs_of(runner, val.batches(size)), outputs_of(runner, test.batches(size)))


@dataclass(frozen=True)
class Agreement:
    """How an export's answers differ from the torch model's."""

    max_difference: float
    """Largest difference of any probability, malignancy or condition, on val and test pictures."""
    mean_difference: float
    """Mean difference of p_malignant on val and test pictures."""
    auroc_val: float
    """AUROC on the val pictures."""
    auroc: float
    """AUROC on the test pictures."""
    auroc_difference: float
    """The export's AUROC less the torch model's, on the test pictures."""
    flipped_tiers: int
    """Test pictures that come into another tier, under the policy fitted on val."""


def agreement(
    mine: Answers,
    reference: Answers,
    targets: tuple[NDArray[np.int64], NDArray[np.int64]],
    policy: TriagePolicy,
) -> Agreement:
    """Compare an export's answers with the torch model's.

    Args:
        mine: of the export.
        reference: of the torch model.
        targets: of the val and of the test pictures.
        policy: which tier a score is in.
    """
    pairs = [(mine.val, reference.val), (mine.test, reference.test)]
    apart = [_apart(a, b) for a, b in pairs]
    score = np.concatenate([np.abs(a.malignant - b.malignant) for a, b in pairs])
    area = auroc(targets[1], _clean(mine.test.malignant))
    return Agreement(
        max_difference=float(np.max(apart)),
        mean_difference=float(score.mean()) if len(score) else np.nan,
        auroc_val=auroc(targets[0], _clean(mine.val.malignant)),
        auroc=area,
        auroc_difference=area - auroc(targets[1], reference.test.malignant),
        flipped_tiers=int((_tiers(policy, mine.test) != _tiers(policy, reference.test)).sum()),
    )


def _apart(a: Outputs, b: Outputs) -> float:
    """The largest difference of any probability; nan where there is nothing to compare."""
    parts = [np.abs(a.malignant - b.malignant).ravel()]
    if a.conditions is not None and b.conditions is not None:
        parts.append(np.abs(a.conditions - b.conditions).ravel())
    every = np.concatenate(parts)
    return float(every.max()) if len(every) else np.nan


def _tiers(policy: TriagePolicy, scores: Outputs) -> NDArray[np.int8]:
    return policy.tier_codes(_clean(scores.malignant), scores.conditions)


def _clean(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores inside [0, 1], where rounding has carried some of them out of it."""
    return np.clip(scores.astype(np.float64), 0.0, 1.0)
