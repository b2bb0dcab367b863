"""What a bundle says of one image, or why it cannot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from skintag.core.errors import ImageError


@dataclass(frozen=True)
class Condition:
    """One of the likeliest conditions."""

    name: str
    """Of the taxonomy, e.g. `melanoma`."""
    probability: float
    """As the model gives it; not calibrated."""


@dataclass(frozen=True)
class Prediction:
    """What a bundle says of one image."""

    image: str
    """The path that was given, or `image <n>` for what came without one."""
    malignancy_score: float
    """What threshold and tiers are held against, [0, 1]: the calibrated probability, the same as the next. Bundles of
    format 1 decide by the model's p(malignant) before calibration, and that is what this is there."""
    malignancy_probability: float
    """The model's p(malignant) after the calibration that was fitted on val, [0, 1]."""
    above_threshold: bool
    """Whether the score reaches the decision threshold, fitted on val: then, and only then, the category is
    `malignant`, and the tier is not LOW; where it does not, the tier is not HIGH. Format 1 did not see to that."""
    conditions: tuple[Condition, ...]
    """The three likeliest, falling; empty where the model learned none."""
    category: str
    """`malignant`, `inflammatory` or `benign`, see `skintag.evaluation.decisions.triage.TriagePolicy.categories`."""
    tier: str
    """`LOW`, `MODERATE` or `HIGH`, by the policy fitted on val: what is to be done."""
    tier_reason: str
    """Why it is that tier: where the score lies, and what lifted it."""
    recommendation: str
    """What to tell the person."""
    confidence: float | None
    """How probable it is that the category's side of malignant / not malignant is right: the calibrated
    probability where the category is malignant, one less it elsewhere. None where the picture is out of
    distribution: calibration holds for pictures like those of val."""
    out_of_distribution: bool | None
    """Whether the picture is unlike those that the model was made from; None where the bundle cannot tell."""
    out_of_distribution_score: float | None
    """Larger is stranger; the flag is up above the reference's threshold."""
    disclaimer: str
    """Stands with every output."""

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON takes them, conditions as objects with name and probability."""
        return asdict(self)


@dataclass(frozen=True)
class Failure:
    """Why there is no prediction of an image."""

    image: str
    """The path that was given, or `image <n>`."""
    reason: str
    """One of the short words of `skintag.data.images.files`, or `no such file`."""
    error: str
    """The whole message."""

    @classmethod
    def of(cls, image: str, error: ImageError) -> Failure:
        """The failure that an error stands for."""
        return cls(image, error.reason, str(error))

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON takes them: image, reason and error."""
        return asdict(self)
