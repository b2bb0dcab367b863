"""The figures that go with a deployed model: its test metrics with intervals, and its model card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from skintag.bundle.describe import chance_warnings
from skintag.core.io import write_bytes, write_json
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.model_card import model_card
from skintag.evaluation.report.numbers import metrics_of
from skintag.export.bundle.deployed_scores import DeployedScores
from skintag.runs.evidence import origin_of
from skintag.runs.folder import ROBUSTNESS, RunFolder


def write_evidence(run: RunFolder, scores: DeployedScores, folder: Path) -> None:
    """Write `metrics.json` and `model_card.md` of the deployed model, as the run's report would.

    They are computed from its scores, whether or not the run has a report: a report may have been made with
    other settings since, and may show another model.

    Raises:
        DataError: there are no test rows.
    """
    [model] = scores.predictions.models
    own = scores.val_embeddings is None  # else the run's distorted images were scored by another network
    distorted = run.robustness if own and (run.path / ROBUSTNESS).is_file() else None
    if distorted is not None:
        distorted = distorted[distorted["model"] == model]
        distorted = distorted.reset_index(drop=True) if len(distorted) else None
    origin = origin_of(run, "skintag evaluate run=<run folder>")
    if scores.calibration is not None:
        said = f"{scores.calibration.kind}, fitted on val; every figure here is of the calibrated probability"
        origin = replace(origin, choices=[*origin.choices, ("calibration", said)])
        if distorted is not None:
            p = scores.calibration.apply(distorted["p_malignant"].to_numpy())
            distorted = distorted.assign(p_malignant=p)
    evidence = gather(
        scores.predictions,
        {model: scores.threshold},
        origin,
        ReportSettings(main=model, errors=0),
        distorted=distorted,
    )
    metrics = metrics_of(evidence)
    write_json(folder / "metrics.json", metrics, checksum=False)
    warned = "".join(f"\n**Warning:** {said}.\n" for said in chance_warnings(metrics))
    write_bytes(folder / "model_card.md", (model_card(evidence, build_page(evidence)) + warned).encode())
