"""The figures that go with a deployed model: its test metrics with intervals, and its model card."""

from __future__ import annotations

from pathlib import Path

from skintag.evaluation.predictions import Predictions
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.model_card import model_card
from skintag.evaluation.report.numbers import metrics_of
from skintag.io import write_bytes, write_json
from skintag.run_evidence import origin_of
from skintag.run_folder import ROBUSTNESS, RunFolder


def write_evidence(run: RunFolder, model: str, folder: Path) -> None:
    """Write `metrics.json` and `model_card.md` of one model of a run, as the run's report would.

    They are computed from the predictions, whether or not the run has a report: a report may have been made with
    other settings since, and may show another model.

    Raises:
        DataError: the run has no test rows.
    """
    frame = run.predictions.frame
    rows = Predictions(frame[frame["model"] == model].reset_index(drop=True), run.path)
    distorted = run.robustness if (run.path / ROBUSTNESS).is_file() else None
    if distorted is not None:
        distorted = distorted[distorted["model"] == model]
        distorted = distorted.reset_index(drop=True) if len(distorted) else None
    evidence = gather(
        rows,
        {model: run.thresholds[model]},
        origin_of(run, "python evaluate.py run=<run folder>"),
        ReportSettings(main=model, errors=0),
        distorted=distorted,
    )
    write_json(folder / "metrics.json", metrics_of(evidence))
    write_bytes(folder / "model_card.md", model_card(evidence, build_page(evidence)).encode())
