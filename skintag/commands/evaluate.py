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
from skintag.core.errors import ConfigError, first_few
from skintag.core.settings import checked_fields, shown

if TYPE_CHECKING:
    import pandas as pd

    from skintag.evaluation.foreign.settings import ForeignSettings
    from skintag.evaluation.report.settings import ReportSettings


@dataclass(frozen=True)
class _Plain:
    """What is a plain value among the settings."""

    out: str | None
    """Folder to write to."""
    reference: str | None
    """Several runs: what the others are compared with."""
    each: bool
    """Whether each of several runs gets its own report too."""
    groups_file: str | None
    """A table with image_id and columns of one's own to group test rows by."""


@dataclass(frozen=True)
class EvaluateSettings(_Plain):
    """What `configs/evaluate.yaml` and the command line ask for."""

    report: ReportSettings
    """What each report is made with."""
    runs: tuple[str, ...]
    """Run folders, or folders with finished runs below; empty where predictions are given."""
    predictions: tuple[str, ...]
    """Somebody's table, or the files that are its folds; empty where runs are given."""
    foreign: ForeignSettings
    """How to read it."""
    group_by: tuple[str, ...] = ()
    """Columns of one's own to group test rows by: of `groups_file`, or else of the predictions."""

    @classmethod
    def of(cls, config: DictConfig) -> EvaluateSettings:
        """The composed configuration, checked.

        Raises:
            ConfigError: neither or both of `run` and `predictions` are given, or a value makes no sense.
        """
        from skintag.core.config import instantiate, plain
        from skintag.evaluation.foreign.settings import ForeignSettings

        values = plain(config)
        runs, predictions = (_paths(values[name], name) for name in ("run", "predictions"))
        if bool(runs) == bool(predictions):
            raise ConfigError("give run=<folder>, run=[<folder>,<folder>], or predictions=<csv or parquet>")
        group_by = _paths(values["group_by"], "group_by")
        if group_by and runs and not values["groups_file"]:
            raise ConfigError(
                f"group_by={shown(list(group_by))}: a run's table has no such columns; give "
                "groups_file=<csv or parquet> with image_id and these"
            )
        return cls(
            report=instantiate(config.report),
            runs=runs,
            predictions=predictions,
            foreign=ForeignSettings(**{f.name: values[f.name] for f in fields(ForeignSettings)}),
            **checked_fields(_Plain, values, ("out", "reference", "each", "groups_file")),
            group_by=group_by,
        )


def evaluate(settings: EvaluateSettings) -> list[Path]:
    """Write the reports that `settings` ask for and return their paths."""
    given = sys.argv[2:] if sys.argv[1:2] == ["evaluate"] else sys.argv[1:]
    command = shlex.join(["skintag", "evaluate", *given])  # to be pasted into a shell
    own = None if settings.groups_file is None else _own_groups([settings.groups_file], settings, "image_id")
    if settings.predictions:
        paths = [Path(path) for path in settings.predictions]
        if settings.group_by and own is None:
            own = _own_groups(paths, settings, settings.foreign.columns.get("image_id"))
        return [report_predictions(paths, settings.foreign, settings.report, settings.out, command, own)]
    from skintag.runs.finding import find_runs
    from skintag.runs.report import compare_folders, report_run

    folders = list(dict.fromkeys(folder for path in settings.runs for folder in find_runs(path)))
    if len(folders) == 1:
        return [report_run(folders[0], settings.report, out=settings.out, command=command, own_groups=own)]
    written = [report_run(f, settings.report, own_groups=own) for f in folders] if settings.each else []
    out = Path(settings.out or _common(folders) / "comparison")
    compared = compare_folders(folders, settings.report, out, reference=settings.reference, command=command)
    return [*written, compared]


def _own_groups(
    paths: Sequence[str | Path], settings: EvaluateSettings, image_id: str | None
) -> pd.DataFrame:
    """The columns of these tables that test rows are grouped by, indexed by image_id."""
    import pandas as pd

    from skintag.evaluation.foreign.own_groups import read_own_groups
    from skintag.evaluation.foreign.settings import AUTO

    key = "image_id" if image_id in (None, AUTO) else str(image_id)
    unknown = settings.foreign.unknown
    return pd.concat([read_own_groups(p, settings.group_by, key=key, unknown=unknown) for p in paths])


def report_predictions(
    paths: Sequence[Path],
    foreign: ForeignSettings,
    settings: ReportSettings,
    out: str | Path | None,
    command: str,
    own_groups: pd.DataFrame | None = None,
) -> Path:
    """Write the report of somebody's predictions into `out`, by default a folder beside the first file.

    `own_groups` are further columns to group test rows by, indexed by image_id.

    Raises:
        DataError: see `read_foreign` and `thresholds_of`.
    """
    from skintag.core.console import say
    from skintag.evaluation.decisions.thresholds import thresholds_of
    from skintag.evaluation.foreign.table import common_name, read_foreign_files
    from skintag.evaluation.predictions.premalignant import premalignant_side
    from skintag.evaluation.report.evidence import Origin
    from skintag.evaluation.report.gather import gather
    from skintag.evaluation.report.write import write_report

    began = time.perf_counter()
    table = read_foreign_files(paths, foreign)
    name = common_name(paths) if len(paths) > 1 else paths[0].name.split(".")[0]
    for note in table.notes:
        say(note)
    ignored = tuple(name for name in table.ignored if own_groups is None or name not in own_groups)
    if ignored:
        say(f"ignored columns: {', '.join(ignored)}")
    thresholds = thresholds_of(table.predictions, settings.threshold_objective, settings.threshold)
    origin = Origin(
        name=name,
        data=first_few([path.name for path in paths], 5),
        remarks=table.notes,
        ignored=ignored,
        command=command,
        premalignant=premalignant_side(table.predictions.frame, paths[0]),
        choices=(("model", "not by SkinTag: the table came with its scores"),),
    )
    evidence = gather(table.predictions, thresholds, origin, settings, own_groups=own_groups, say=say)
    folder = Path(out) if out else paths[0].parent / f"{name}_report"
    return write_report(evidence, folder, began)


def _paths(given: object, key: str) -> tuple[str, ...]:
    """One path or several, as the command line has them; a name of digits alone came as a number.

    Raises:
        ConfigError: something else.
    """
    paths = [] if given in (None, "") else given if isinstance(given, list) else [given]
    if not all(isinstance(path, str | int) and not isinstance(path, bool) and path != "" for path in paths):
        raise ConfigError(f"{key}={shown(given)}: expected a path, or a list of paths")
    return tuple(str(path) for path in paths)


def _common(folders: Sequence[Path]) -> Path:
    """The folder that all runs lie below."""
    return Path(os.path.commonpath([folder.resolve() for folder in folders]))


def task(config: DictConfig) -> None:
    """Write the reports that the configuration asks for."""
    evaluate(EvaluateSettings.of(config))


def main(command: Sequence[str] = ()) -> None:
    """Hand the command line to Hydra."""
    run_command("evaluate", task, command=command)
