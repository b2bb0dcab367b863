"""Reports of runs and of anybody's predictions: `python evaluate.py run=<folder>`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from skintag.config import instantiate
from skintag.errors import ConfigError
from skintag.evaluation.calibration import write_calibrations
from skintag.evaluation.foreign import read_foreign, thresholds_of
from skintag.evaluation.foreign_reader import ForeignSettings
from skintag.evaluation.premalignant import premalignant_side
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Evidence, Origin
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.gather_runs import gather_runs
from skintag.evaluation.report.model_card import model_card
from skintag.evaluation.report.numbers import metrics_of, runs_metrics
from skintag.evaluation.report.page import write_page
from skintag.evaluation.report.runs import build_runs_page
from skintag.evaluation.report.terminal import runs_summary, summary
from skintag.evaluation.thresholds import Threshold, write_thresholds
from skintag.io import write_bytes, write_json
from skintag.run_evidence import entries_of, origin_of
from skintag.run_folder import ROBUSTNESS, RunFolder, find_runs
from skintag.run_pictures import pictures_of
from skintag.triage import write_policies

DEFAULTS = ReportSettings()


def evaluate(config: DictConfig) -> list[Path]:
    """What `evaluate.py` does with its configuration; returns the reports that were written.

    Raises:
        ConfigError: neither or both of `run` and `predictions` are given.
    """
    if bool(config.run) == bool(config.predictions):
        raise ConfigError("give run=<folder>, run=[<folder>,<folder>], or predictions=<csv or parquet>")
    settings: ReportSettings = instantiate(config.report)
    command = "python evaluate.py " + " ".join(sys.argv[1:])
    if config.predictions:
        foreign = ForeignSettings(
            **{field.name: _plain(config[field.name]) for field in fields(ForeignSettings)}
        )
        return [report_predictions(Path(config.predictions), foreign, settings, config.out, command)]
    given = [config.run] if isinstance(config.run, str) else list(config.run)
    folders = list(dict.fromkeys(folder for path in given for folder in find_runs(path)))
    if len(folders) == 1:
        return [report_run(folders[0], settings, out=config.out, command=command)]
    written = [report_run(folder, settings) for folder in folders] if config.each else []
    out = Path(config.out or _common(folders) / "comparison")
    return [*written, compare_folders(folders, settings, out, reference=config.reference, command=command)]


def report_run(
    folder: str | Path,
    settings: ReportSettings = DEFAULTS,
    *,
    out: str | Path | None = None,
    command: str | None = None,
) -> Path:
    """Write the report of a finished run into its folder (or `out`) and print a summary.

    Args:
        folder: the run folder.
        settings: what the report is made with.
        out: another folder to write to. By default the run's own; with another threshold or objective than the
            run's, a folder below it, so that what the run wrote stays as it was.
        command: what makes the report again; by default the one for this folder.

    Returns:
        The path of `report.html`.

    Raises:
        DataError: the folder is not that of a finished run.
    """
    began = time.perf_counter()
    run = RunFolder(folder)
    predictions = run.predictions
    thresholds = _thresholds_of_run(run, settings)
    origin = origin_of(run, command or f"python evaluate.py run={run.path}")
    evidence = gather(
        predictions,
        thresholds,
        origin,
        settings,
        distorted=run.robustness if (run.path / ROBUSTNESS).is_file() else None,
        pictures=partial(pictures_of, run) if settings.errors else None,
        say=_say,
    )
    return _write(evidence, Path(out or run.path / _below(settings)), began)


def report_predictions(
    path: Path, foreign: ForeignSettings, settings: ReportSettings, out: str | Path | None, command: str
) -> Path:
    """Write the report of somebody's predictions into `out`, by default a folder beside the file.

    Raises:
        DataError: see `read_foreign` and `thresholds_of`.
    """
    began = time.perf_counter()
    table = read_foreign(path, foreign)
    for note in table.notes:
        _say(note)
    if table.ignored:
        _say(f"ignored columns: {', '.join(table.ignored)}")
    thresholds = _thresholds(table.predictions, settings)
    origin = Origin(
        name=path.name.split(".")[0],
        data=path.name,
        remarks=table.notes,
        ignored=table.ignored,
        command=command,
        premalignant=premalignant_side(table.predictions.frame, path),
        choices=(("model", "not by SkinTag: the table came with its scores"),),
    )
    evidence = gather(table.predictions, thresholds, origin, settings, say=_say)
    folder = Path(out) if out else path.parent / f"{path.name.split('.')[0]}_report"
    return _write(evidence, folder, began)


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
    evidence = gather_runs(runs, settings.assessment, reference=reference, command=command, say=_say)
    page = build_runs_page(evidence)
    written = write_page(page, out)
    write_json(out / "comparison.json", runs_metrics(evidence))
    readable_console().print(runs_summary(evidence, page))
    _announce(written, out, "comparison.json", began)
    return written[0]


def _common(folders: Sequence[Path]) -> Path:
    """The folder that all runs lie below."""
    return Path(os.path.commonpath([folder.resolve() for folder in folders]))


def _announce(written: Sequence[Path], folder: Path, others: str, began: float) -> None:
    """Say what was written, the page last."""
    kinds = {kind: sum(path.suffix == kind for path in written) for kind in (".csv", ".tex", ".png", ".svg")}
    listed = ", ".join(f"{number} {kind[1:]}" for kind, number in kinds.items())
    print(f"seconds: {time.perf_counter() - began:.1f}")
    print(f"written to {folder}: {others}, tables and plots ({listed})")
    print(f"report: {written[0]}")


def _write(evidence: Evidence, folder: Path, began: float) -> Path:
    """Everything that a report consists of; prints the summary and where things lie."""
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


def _thresholds(predictions: Any, settings: ReportSettings) -> dict[str, Threshold]:
    return thresholds_of(predictions, settings.threshold_objective, settings.threshold)


def _thresholds_of_run(run: RunFolder, settings: ReportSettings) -> Mapping[str, Threshold]:
    """The run's own thresholds, unless the report asks for others."""
    return _thresholds(run.predictions, settings) if _below(settings) else run.thresholds


def _below(settings: ReportSettings) -> str:
    """Folder below a run for a report with other thresholds than the run's own; empty for the run's own."""
    if settings.threshold is not None:
        return f"report_threshold_{settings.threshold:g}"
    if settings.objective is not None:
        return "report_" + str(settings.threshold_objective).replace(" ", "_")
    return ""


def readable_console() -> Console:
    """As wide as the terminal, or wide enough for the tables where the output goes to a file."""
    return Console(width=None if sys.stdout.isatty() else 120)


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
