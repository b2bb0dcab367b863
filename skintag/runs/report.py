"""Reports of finished runs: of one, or of several side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd

from skintag.core.console import say
from skintag.evaluation.decisions.thresholds import Threshold, thresholds_of
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.gather_runs import gather_runs
from skintag.evaluation.report.write import write_comparison, write_report
from skintag.runs.evidence import entries_of, origin_of
from skintag.runs.folder import ROBUSTNESS, RunFolder
from skintag.runs.pictures import pictures_of

DEFAULTS = ReportSettings()


def report_run(
    folder: str | Path,
    settings: ReportSettings = DEFAULTS,
    *,
    out: str | Path | None = None,
    command: str | None = None,
    own_groups: pd.DataFrame | None = None,
) -> Path:
    """Write the report of a finished run into its folder (or `out`) and print a summary.

    Args:
        folder: the run folder.
        settings: what the report is made with.
        out: another folder to write to. By default the run's own; with another threshold or objective than the
            run's, a folder below it, so that what the run wrote stays as it was.
        command: what makes the report again; by default the one for this folder.
        own_groups: further columns to group test images by, indexed by image_id; the report goes into `report_groups`.

    Returns:
        The path of `report.html`.

    Raises:
        DataError: the folder is not that of a finished run.
    """
    began = time.perf_counter()
    run = RunFolder(folder)
    predictions = run.predictions
    thresholds = _thresholds_of_run(run, settings)
    origin = origin_of(run, command or f"skintag evaluate run={run.path}")
    evidence = gather(
        predictions,
        thresholds,
        origin,
        settings,
        distorted=run.robustness if (run.path / ROBUSTNESS).is_file() else None,
        pictures=partial(pictures_of, run) if settings.errors else None,
        own_groups=own_groups,
        say=say,
    )
    below = _below(settings) or ("" if own_groups is None else "report_groups")
    return write_report(evidence, Path(out or run.path / below), began)


def compare_folders(
    folders: Sequence[str | Path],
    settings: ReportSettings,
    out: Path,
    *,
    reference: str | None = None,
    command: str = "",
) -> Path:
    """Write the comparison of several finished runs into `out` and print it.

    Raises:
        ConfigError: see `gather_runs`.
        DataError: a folder is not that of a finished run, or the runs have no model in common.
    """
    began = time.perf_counter()
    opened = [RunFolder(folder) for folder in folders]
    runs = [
        replace(entry, thresholds=_thresholds_of_run(run, settings))
        for entry, run in zip(entries_of(opened), opened, strict=True)
    ]
    evidence = gather_runs(runs, settings.assessment, reference=reference, command=command, say=say)
    return write_comparison(evidence, out, began)


def _thresholds_of_run(run: RunFolder, settings: ReportSettings) -> Mapping[str, Threshold]:
    """The run's own thresholds, unless the report asks for others."""
    if not _below(settings):
        return run.thresholds
    return thresholds_of(run.predictions, settings.threshold_objective, settings.threshold)


def _below(settings: ReportSettings) -> str:
    """Folder below a run for a report with other thresholds than the run's own; empty for the run's own."""
    if settings.threshold is not None:
        return f"report_threshold_{settings.threshold:g}"
    if settings.objective is not None:
        return "report_" + str(settings.threshold_objective).replace(" ", "_")
    return ""
