"""All that a report shows, put together once: pages, tables, metrics.json and model card are written from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from skintag.core.vocabulary import HEAD
from skintag.evaluation.analyses.assess import Assessment
from skintag.evaluation.analyses.retention import TEACHER, Retention
from skintag.evaluation.decisions.calibration import Calibration
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.decisions.triage import TriagePolicy
from skintag.evaluation.metrics.metrics import auroc
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.predictions.premalignant import NONE_IN_TABLE


@dataclass(frozen=True)
class Origin:
    """Where the figures come from."""

    name: str
    """What the report is called: a run's or a file's name."""
    data: str
    """What was tested on, in a few words."""
    note: str = ""
    """What stands beside every figure: synthetic or low-resolution pictures; empty if neither."""
    split: str = ""
    """Name of the split policy; empty where it is not known."""
    held_out: tuple[str, ...] = ()
    """Datasets or domains that the split was told to hold out; empty where that is not known."""
    audit: Mapping[str, Any] | None = None
    """`leakage_audit.json`, where there is one."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """`provenance.json`, where there is one."""
    choices: Sequence[tuple[str, str]] = ()
    """What was chosen, and on what."""
    remarks: Sequence[str] = ()
    """How a foreign table was understood."""
    ignored: Sequence[str] = ()
    """Columns of a foreign table that nothing was made of."""
    command: str = ""
    """What makes this report again."""
    run: str = ""
    """The run folder; empty for a foreign table."""
    premalignant: str = ""
    """What the target makes of premalignant lesions: `malignant`, `benign`, `excluded` or `none in table`; empty
    where that is not known."""

    @property
    def premalignant_words(self) -> str:
        """What a sentence about premalignant lesions says of them; empty where nothing is known."""
        said = {"excluded": "are left out", NONE_IN_TABLE: "do not occur in the table"}
        return said.get(self.premalignant, f"count as {self.premalignant}") if self.premalignant else ""

    @property
    def seen_before(self) -> Sequence[Mapping[str, Any]]:
        """Test images that pretraining has or may have seen, by dataset, as the audit has them."""
        return self.audit.get("pretraining", ()) if self.audit is not None else ()

    @property
    def leaky(self) -> bool:
        """Whether related images lie on both sides of the split."""
        return self.audit is not None and not self.audit.get("clean", True)


@dataclass(frozen=True)
class ErrorCase:
    """One wrong decision and its pictures."""

    kind: str
    """`missed` or `false alarm`."""
    facts: Mapping[str, str]
    """What is known of it: image, dataset, condition, skin type, score, tier."""
    picture: bytes = b""
    """JPEG; empty where there is none."""
    neighbours: Sequence[tuple[str, bytes]] = ()
    """The nearest training images: words, and JPEG."""


@dataclass(frozen=True)
class Evidence:
    """What evaluation found; parts that could not be made are None or empty, and `missing` says why."""

    origin: Origin
    predictions: Predictions
    thresholds: Mapping[str, Threshold]
    assessment: Assessment
    main: str
    """The model that detailed figures show."""
    main_reason: str
    """How it was chosen."""
    binarisations: Mapping[str, Assessment] = field(default_factory=dict)
    """Overall levels with premalignant counted as `malignant` and as `benign`."""
    comparison: pd.DataFrame | None = None
    """Paired differences to the main model, see `compare_models`."""
    calibrations: Mapping[str, Mapping[str, Calibration]] = field(default_factory=dict)
    """Name -> model -> calibration, fitted on val."""
    calibration: pd.DataFrame | None = None
    """ECE and Brier score before and after, see `calibration_table`."""
    policies: Mapping[str, Mapping[str, TriagePolicy]] = field(default_factory=dict)
    """Model -> name -> triage policy."""
    triage: pd.DataFrame | None = None
    """Tiers of test images, see `triage_table`."""
    operating_points: pd.DataFrame | None = None
    """Test results at thresholds for target sensitivities on val."""
    oracle: pd.DataFrame | None = None
    """Gaps of the main model under a threshold per group, see `oracle`."""
    robustness: pd.DataFrame | None = None
    """Metrics under distortions, see `robustness_table`."""
    standardised: pd.DataFrame | None = None
    """Differences between groups, raw and within datasets and conditions, see `standardised_pairs`."""
    retention: Retention | None = None
    """What a student lost against its teacher, where the table holds both."""
    errors: pd.DataFrame | None = None
    """Error rates by condition and skin type, see `error_table`."""
    cases: Sequence[ErrorCase] = ()
    """The worst errors."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Part of the report -> why it is not there."""

    @property
    def test(self) -> TestPredictions:
        """Test rows of the main model."""
        return self.predictions.test(self.main)

    @property
    def clustered(self) -> bool:
        """Whether intervals know which images belong together."""
        return self.assessment.clustered

    def levels(self, model: str, grouping: str | None = None, metric: str | None = None) -> pd.DataFrame:
        """Rows of the assessment's levels."""
        return _chosen(self.assessment.levels, model=model, grouping=grouping, metric=metric)

    def level(self, model: str, metric: str, grouping: str = "overall", group: str = "all") -> pd.Series:
        """One level; KeyError where there is none."""
        rows = _chosen(self.assessment.levels, model=model, grouping=grouping, group=group, metric=metric)
        if rows.empty:
            raise KeyError(f"no level {metric} of {model} in {grouping} {group}")
        return rows.iloc[0]

    def gaps(self, model: str) -> pd.DataFrame:
        """Rows of the assessment's gaps."""
        return _chosen(self.assessment.gaps, model=model)


def main_model(predictions: Predictions) -> tuple[str, str]:
    """The model that detailed figures show, and how it was chosen: on validation rows, or by its name.

    A teacher beside its student is no candidate: the report is about the student.
    """
    models = tuple(m for m in predictions.models if m != TEACHER) or predictions.models
    scores = {}
    for model in models:
        val = predictions.val(model)
        value = auroc(val.target, val.score) if len(val) else float("nan")
        if value == value:
            scores[model] = value
    if len(models) == 1:
        alone = len(predictions.models) == 1
        return models[0], "the only model" if alone else "the only model beside its teacher"
    if not scores:
        return models[0], "the first by name; without validation rows there is nothing to choose it on"
    best = max(scores, key=lambda model: (scores[model], model == HEAD))
    return best, f"highest AUROC on the validation rows, {scores[best]:.3f}"


def _chosen(frame: pd.DataFrame, **wanted: str | None) -> pd.DataFrame:
    for column, value in wanted.items():
        if value is not None:
            frame = frame[frame[column] == value]
    return frame
