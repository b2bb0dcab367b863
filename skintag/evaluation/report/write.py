"""A report as files: page, plots and tables, figures as JSON, model card, what was fitted on val."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from skintag.core.console import readable_console
from skintag.core.io import write_bytes, write_json
from skintag.evaluation.decisions.calibration import write_calibrations
from skintag.evaluation.decisions.thresholds import write_thresholds
from skintag.evaluation.decisions.triage import write_policies
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Evidence
from skintag.evaluation.report.gather_runs import RunsEvidence
from skintag.evaluation.report.model_card import model_card
from skintag.evaluation.report.numbers import metrics_of, runs_metrics
from skintag.evaluation.report.page import write_page
from skintag.evaluation.report.runs import build_runs_page
from skintag.evaluation.report.terminal import runs_summary, summary


def write_report(evidence: Evidence, folder: Path, began: float) -> Path:
    """Write everything that a report of one table consists of, print the summary and where things lie.

    Args:
        evidence: what the report shows.
        folder: to write to; made where it is not there.
        began: `time.perf_counter()` when the work on it began.

    Returns:
        The path of `report.html`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = build_page(evidence)
    written = write_page(page, folder)
    write_json(folder / "metrics.json", metrics_of(evidence))
    write_thresholds(folder / "thresholds.json", evidence.thresholds)
    write_bytes(folder / "model_card.md", model_card(evidence, page).encode())
    for kind, by_model in evidence.calibrations.items():
        write_calibrations(folder / f"calibration_{kind}.json", by_model)
    fitted = {model: named["fitted"] for model, named in evidence.policies.items() if "fitted" in named}
    if fitted:
        write_policies(folder / "triage.json", fitted)
    readable_console().print(summary(evidence, page))
    _announce(written, folder, "metrics.json, thresholds.json, model_card.md", began)
    return written[0]


def write_comparison(evidence: RunsEvidence, out: Path, began: float) -> Path:
    """Write the comparison of several runs and print it; arguments and result as `write_report`."""
    page = build_runs_page(evidence)
    written = write_page(page, out)
    write_json(out / "comparison.json", runs_metrics(evidence))
    readable_console().print(runs_summary(evidence, page))
    _announce(written, out, "comparison.json", began)
    return written[0]


def _announce(written: Sequence[Path], folder: Path, others: str, began: float) -> None:
    """Say what was written, the page last."""
    kinds = {kind: sum(path.suffix == kind for path in written) for kind in (".csv", ".tex", ".png", ".svg")}
    listed = ", ".join(f"{number} {kind[1:]}" for kind, number in kinds.items())
    print(f"seconds: {time.perf_counter() - began:.1f}")
    print(f"written to {folder}: {others}, tables and plots ({listed})")
    print(f"report: {written[0]}")
