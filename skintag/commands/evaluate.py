"""`skintag evaluate run=<folder>` or `predictions=<file>`: what a run, or anybody's predictions, show."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from skintag.commands.cli import run_command
from skintag.core.errors import ConfigError

if TYPE_CHECKING:
    from skintag.evaluation.foreign.settings import ForeignSettings
    from skintag.evaluation.report.settings import ReportSettings


@dataclass(frozen=True)
class EvaluateSettings:
    """What `configs/evaluate.yaml` and the command line ask for."""

    report: ReportSettings
    """What each report is made with."""
    runs: tuple[str, ...]
    """Run folders, or folders with finished runs below; empty where predictions are given."""
    predictions: str | None
    """Somebody's table."""
    foreign: ForeignSettings
    """How to read it."""
    out: str | None
    """Folder to write to."""
    reference: str | None
    """Several runs: what the others are compared with."""
    each: bool
    """Whether each of several runs gets its own report too."""

    @classmethod
    def of(cls, config: DictConfig) -> EvaluateSettings:
        """The composed configuration, checked.

        Raises:
            ConfigError: neither or both of `run` and `predictions` are given, or a value makes no sense.
        """
        from skintag.core.config import instantiate, plain
        from skintag.evaluation.foreign.settings import ForeignSettings

        if bool(config.run) == bool(config.predictions):
            raise ConfigError("give run=<folder>, run=[<folder>,<folder>], or predictions=<csv or parquet>")
        values = plain(config)
        runs = [config.run] if isinstance(config.run, str) else list(config.run or ())
        return cls(
            report=instantiate(config.report),
            runs=tuple(runs),
            predictions=config.predictions,
            foreign=ForeignSettings(**{f.name: values[f.name] for f in fields(ForeignSettings)}),
            out=config.out,
            reference=config.reference,
            each=bool(config.each),
        )


def evaluate(settings: EvaluateSettings) -> list[Path]:
    """Write the reports that `settings` ask for and return their paths."""
    given = sys.argv[2:] if sys.argv[1:2] == ["evaluate"] else sys.argv[1:]
    command = shlex.join(["skintag", "evaluate", *given])  # to be pasted into a shell
    if settings.predictions:
        path = Path(settings.predictions)
        return [report_predictions(path, settings.foreign, settings.report, settings.out, command)]
    from skintag.runs.finding import find_runs
    from skintag.runs.report import compare_folders, report_run

    folders = list(dict.fromkeys(folder for path in settings.runs for folder in find_runs(path)))
    if len(folders) == 1:
        return [report_run(folders[0], settings.report, out=settings.out, command=command)]
    written = [report_run(folder, settings.report) for folder in folders] if settings.each else []
    out = Path(settings.out or _common(folders) / "comparison")
    compared = compare_folders(folders, settings.report, out, reference=settings.reference, command=command)
    return [*written, compared]


def report_predictions(
    path: Path, foreign: ForeignSettings, settings: ReportSettings, out: str | Path | None, command: str
) -> Path:
    """Write the report of somebody's predictions into `out`, by default a folder beside the file.

    Raises:
        DataError: see `read_foreign` and `thresholds_of`.
    """
    from skintag.core.console import say
    from skintag.evaluation.decisions.thresholds import thresholds_of
    from skintag.evaluation.foreign.table import read_foreign
    from skintag.evaluation.predictions.premalignant import premalignant_side
    from skintag.evaluation.report.evidence import Origin
    from skintag.evaluation.report.gather import gather
    from skintag.evaluation.report.write import write_report

    began = time.perf_counter()
    table = read_foreign(path, foreign)
    for note in table.notes:
        say(note)
    if table.ignored:
        say(f"ignored columns: {', '.join(table.ignored)}")
    thresholds = thresholds_of(table.predictions, settings.threshold_objective, settings.threshold)
    origin = Origin(
        name=path.name.split(".")[0],
        data=path.name,
        remarks=table.notes,
        ignored=table.ignored,
        command=command,
        premalignant=premalignant_side(table.predictions.frame, path),
        choices=(("model", "not by SkinTag: the table came with its scores"),),
    )
    evidence = gather(table.predictions, thresholds, origin, settings, say=say)
    folder = Path(out) if out else path.parent / f"{path.name.split('.')[0]}_report"
    return write_report(evidence, folder, began)


def _common(folders: Sequence[Path]) -> Path:
    """The folder that all runs lie below."""
    return Path(os.path.commonpath([folder.resolve() for folder in folders]))


def task(config: DictConfig) -> None:
    """Write the reports that the configuration asks for."""
    evaluate(EvaluateSettings.of(config))


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("evaluate", task, command=command)
