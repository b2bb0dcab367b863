"""Reports of runs and of anybody's predictions: `python evaluate.py run=<folder>`."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from skintag.config import instantiate
from skintag.errors import ConfigError
from skintag.evaluation.calibration import write_calibrations
from skintag.evaluation.foreign import read_foreign, thresholds_of
from skintag.evaluation.foreign_reader import ForeignSettings
from skintag.evaluation.report.build import build_page
from skintag.evaluation.report.evidence import Evidence, Origin
from skintag.evaluation.report.gather import ReportSettings, gather
from skintag.evaluation.report.model_card import model_card
from skintag.evaluation.report.numbers import metrics_of
from skintag.evaluation.report.page import write_page
from skintag.evaluation.report.terminal import summary
from skintag.evaluation.thresholds import Threshold, write_thresholds
from skintag.io import write_bytes, write_json
from skintag.run_evidence import origin_of
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
        foreign = ForeignSettings(**_plain(config.foreign), columns=_plain(config.columns))
        return [report_predictions(Path(config.predictions), foreign, settings, config.out, command)]
    given = [config.run] if isinstance(config.run, str) else list(config.run)
    folders = list(dict.fromkeys(folder for path in given for folder in find_runs(path)))
    if config.out and len(folders) > 1:
        raise ConfigError("out= is for one run; the reports of several lie in their own folders")
    return [report_run(folder, settings, out=config.out, command=command) for folder in folders]


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
        out: another folder to write to.
        command: what makes the report again; by default the one for this folder.

    Returns:
        The path of `report.html`.

    Raises:
        DataError: the folder is not that of a finished run.
    """
    began = time.perf_counter()
    run = RunFolder(folder)
    predictions = run.predictions
    refit = settings.objective is not None or settings.threshold is not None
    thresholds = _thresholds(predictions, settings) if refit else run.thresholds
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
    return _write(evidence, Path(out or run.path), began)


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
        premalignant="malignant" if table.predictions.frame["malignancy"].notna().all() else "",
        choices=(("model", "not by SkinTag: the table came with its scores"),),
    )
    evidence = gather(table.predictions, thresholds, origin, settings, say=_say)
    folder = Path(out) if out else path.parent / f"{path.name.split('.')[0]}_report"
    written = _write(evidence, folder, began)
    write_thresholds(folder / "thresholds.json", thresholds)
    return written


def _write(evidence: Evidence, folder: Path, began: float) -> Path:
    """Everything that a report consists of; prints the summary and where things lie."""
    from skintag.run import readable_console

    folder.mkdir(parents=True, exist_ok=True)
    page = build_page(evidence)
    written = write_page(page, folder)
    write_json(folder / "metrics.json", metrics_of(evidence))
    write_bytes(folder / "model_card.md", model_card(evidence, page).encode())
    for kind, by_model in evidence.calibrations.items():
        write_calibrations(folder / f"calibration_{kind}.json", by_model)
    fitted = {model: named["fitted"] for model, named in evidence.policies.items() if "fitted" in named}
    if fitted:
        write_policies(folder / "triage.json", fitted)
    readable_console().print(summary(evidence, page))
    kinds = {kind: sum(path.suffix == kind for path in written) for kind in (".csv", ".tex", ".png", ".svg")}
    listed = ", ".join(f"{number} {kind[1:]}" for kind, number in kinds.items())
    print(f"seconds: {time.perf_counter() - began:.1f}")
    print(f"written to {folder}: metrics.json, model_card.md, tables and plots ({listed})")
    print(f"report: {written[0]}")
    return written[0]


def _thresholds(predictions: Any, settings: ReportSettings) -> dict[str, Threshold]:
    return thresholds_of(predictions, settings.threshold_objective, settings.threshold)


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
