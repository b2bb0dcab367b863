"""From a network's outputs to what a person is told: everything that was fitted on val, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import numpy as np

from skintag.bundle.manifest import AGAIN, Manifest
from skintag.bundle.parts import Taxonomy, Texts
from skintag.bundle.prediction import Condition, Prediction
from skintag.bundle.reasons import tier_reasons
from skintag.core.errors import DataError
from skintag.core.outputs import Outputs
from skintag.evaluation.decisions.calibration import Calibration, read_calibrations
from skintag.evaluation.decisions.thresholds import Threshold, read_thresholds
from skintag.evaluation.decisions.triage import TriagePolicy, read_policies
from skintag.ood.reference import FILE as OOD_FILE
from skintag.ood.reference import OodReference

TOP: Final = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Decisions:
    """What a bundle decides by."""

    taxonomy: Taxonomy
    """What the numbers mean."""
    texts: Texts
    """What people are told."""
    threshold: Threshold
    """Of the deployed model, fitted on val."""
    calibration: Calibration
    """Of its score, fitted on val."""
    policy: TriagePolicy
    """Its tiers, fitted on val."""
    ood: OodReference | None
    """Where the training embeddings lie; None where the bundle has no reference."""
    on_probability: bool = True
    """Whether threshold and tiers are held against the calibrated probability; in format 1, the score before it."""

    @classmethod
    def read(cls, folder: Path, manifest: Manifest) -> Self:
        """Those of a verified bundle's folder. Raises DataError where a file has no entry of the model."""
        model = manifest.model
        return cls(
            Taxonomy.read(folder),
            Texts.read(folder),
            _of(model, read_thresholds(folder / "thresholds.json"), folder / "thresholds.json"),
            _of(model, read_calibrations(folder / "calibration.json"), folder / "calibration.json"),
            _of(model, read_policies(folder / "triage.json"), folder / "triage.json"),
            OodReference.load(folder / "ood") if (folder / "ood" / OOD_FILE).is_file() else None,
            manifest.format_version > 1,
        )

    def predictions(self, outputs: Outputs, names: Sequence[str]) -> list[Prediction]:
        """What is said of [n] images with these outputs, embeddings among them, and names."""
        assert outputs.embeddings is not None
        raw = outputs.malignant.astype(np.float64)
        probability = self.calibration.apply(raw)
        score = probability if self.on_probability else raw
        reasons = tier_reasons(self.policy, score, outputs.conditions, self.taxonomy.conditions)
        tiers = self.policy.tiers(score, outputs.conditions)
        categories = self.policy.categories(score, outputs.conditions)
        called = self.threshold.apply(score)
        strange = None if self.ood is None else self.ood.score(outputs.embeddings)
        out = []
        for i, name in enumerate(names):
            unlike = None if self.ood is None or strange is None else not strange[i] <= self.ood.threshold
            category, tier, p = str(categories[i]), str(tiers[i]), float(probability[i])
            sure = p if category == "malignant" else 1 - p
            out.append(
                Prediction(
                    image=name,
                    malignancy_score=float(score[i]),
                    malignancy_probability=p,
                    above_threshold=bool(called[i]),
                    conditions=self._top(outputs, i),
                    category=category,
                    tier=tier,
                    tier_reason=reasons[i],
                    recommendation=self.texts.recommendation(tier, category, unlike=bool(unlike)),
                    confidence=None if unlike else sure,
                    out_of_distribution=unlike,
                    out_of_distribution_score=None if strange is None else float(strange[i]),
                    disclaimer=self.texts.disclaimer,
                )
            )
        return out

    def _top(self, outputs: Outputs, i: int) -> tuple[Condition, ...]:
        if outputs.conditions is None or not np.isfinite(outputs.conditions[i]).all():
            return ()
        row = outputs.conditions[i]
        best = np.argsort(-row, kind="stable")[:TOP]
        return tuple(Condition(self.taxonomy.conditions[k], float(row[k])) for k in best)


def _of(model: str, by_model: Mapping[str, T], path: Path) -> T:
    """The deployed model's entry of a file that holds one per model."""
    if model not in by_model:
        found = ", ".join(by_model) or "none"
        raise DataError(path, expected=f"an entry of {model!r}", found=found, fix=AGAIN)
    return by_model[model]
