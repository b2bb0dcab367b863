"""A report made with too few permutations must not read as if there were no gaps."""

from __future__ import annotations

from dataclasses import replace

from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.decisions.thresholds import fit_thresholds
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.cautions import cautions
from skintag.evaluation.report.evidence import Origin
from skintag.evaluation.report.findings import family
from skintag.evaluation.report.gather import ReportSettings, gather


def test_too_few_permutations_for_the_family_are_a_warning_of_their_own(predictions: Predictions) -> None:
    settings = ReportSettings(AssessmentSettings(resamples=40, permutations=40), errors=0)
    evidence = gather(predictions, fit_thresholds(predictions), Origin("a", "b"), settings)
    told = int(family(evidence)["p_value"].notna().sum())
    assert told > 2, "the example has several gaps to tell"
    (caution,) = [c for c in cautions(evidence) if c.title == "Too few permutations"]
    assert f"over {told} gaps" in caution.text
    enough = replace(evidence.assessment, settings=AssessmentSettings(permutations=20 * told))
    assert "Too few permutations" not in [c.title for c in cautions(replace(evidence, assessment=enough))]
