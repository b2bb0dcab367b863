"""Writing a run's record into a W&B run: numbers, tables, figures, artifacts."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from omegaconf import OmegaConf

from skintag.core.errors import ConfigError, DataError, ImageError
from skintag.runs.folder import PREDICTIONS, RunFolder
from skintag.tracking import names
from skintag.tracking.record import RunRecord, read_record
from skintag.tracking.session import logs_to_wandb, wandb_run, where_to_find

if TYPE_CHECKING:
    from wandb import Run

PROJECT: Final = "skintag"


@dataclass(frozen=True)
class TrackingSettings:
    """What is sent, and where to."""

    project: str = PROJECT
    """W&B project."""
    entity: str | None = None
    """W&B user or team; None: the key's own."""
    tags: tuple[str, ...] = ()
    """Further tags."""
    errors: int = 20
    """Missed malignancies and false alarms in the table of errors, of each."""
    thumbnail: int = 96
    """Longest side of their pictures in pixels; 0: none, for data whose pictures may not leave the machine."""
    checkpoints: bool = False
    """Whether the best checkpoint becomes an artifact too."""

    def __post_init__(self) -> None:
        for name in ("errors", "thumbnail"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name}={getattr(self, name)}: expected 0 or more")
        object.__setattr__(self, "tags", tuple(self.tags))


DEFAULTS: Final = TrackingSettings()


def log_run(
    folder: str | Path,
    run: Run | None = None,
    settings: TrackingSettings = DEFAULTS,
    *,
    model: RunFolder | None = None,
) -> str:
    """Send a finished run's results to W&B.

    Args:
        folder: the run folder, best after `skintag evaluate` or the report at the end of training has written into it.
        run: the W&B run that the training logs to (`WandbLogger.experiment`): it gets the results and stays open.
            None opens the folder's own W&B run, offline unless a key is set, and ends it.
        settings: what is sent.
        model: the folder as it was opened already, where it was.

    Returns:
        The W&B run's address or, offline, the command that uploads it.

    Raises:
        DataError: the folder is not that of a finished run.
    """
    opened = model or RunFolder(folder)
    record = read_record(opened, errors=settings.errors)
    for note in record.notes:
        print(note, file=sys.stderr)
    if run is None:
        return _log_own(opened, record, settings)
    run.tags = tuple(dict.fromkeys((*(run.tags or ()), *record.tags, *settings.tags)))
    named = ("choices", "provenance", "data_note", "main_model", "sweep_folder")
    run.config.update({key: record.config[key] for key in named}, allow_val_change=True)
    _write(run, opened, record, settings)
    return where_to_find(run)


def _log_own(opened: RunFolder, record: RunRecord, settings: TrackingSettings) -> str:
    """The same into the folder's own W&B run, opened and ended here."""
    # what lies below `wandb` does not tell: it may be from here
    trained_there = bool(OmegaConf.select(opened.config, "logger.wandb"))
    with wandb_run(
        opened.path,
        project=settings.project,
        entity=settings.entity,
        name=record.name,
        group=record.group,
        job_type="train" if trained_there else "evaluate",
        tags=tuple(dict.fromkeys((*record.tags, *settings.tags))),
        config=record.config,
    ) as own:
        if not trained_there:
            _curves(own, record.curves, names.STEP, "train/*", "val/*", "throughput/*", "lr-*")
        _write(own, opened, record, settings)
        return where_to_find(own)


def log_results(folder: Path, loggers: Iterable[object]) -> None:
    """At the end of a training: its results into the W&B run among its loggers, if there is one.

    What goes wrong is said and no more: the results are in the run folder, and can be sent later.

    Args:
        folder: the run folder, with everything in it that is to be sent.
        loggers: those of the trainer.
    """
    for logger in loggers:
        if logs_to_wandb(logger):
            try:
                where = log_run(folder, logger.experiment, model=RunFolder(folder))  # type: ignore[attr-defined]
                print(f"W&B: {where}")
            except Exception as error:
                later = f"skintag tracking run={folder}"
                print(f"W&B did not get the results ({error!r}); send them later: {later}", file=sys.stderr)


def _write(run: Run, folder: RunFolder, record: RunRecord, settings: TrackingSettings) -> None:
    import wandb

    _curves(run, record.robustness, names.ROBUSTNESS_STEP, "robustness/*")
    media: dict[str, Any] = {
        names.table(name): table_of(frame)
        for name, frame in record.tables.items()
        if name != "errors"
    }  # fmt: skip
    if "errors" in record.tables:
        media[names.table("errors")] = _errors(folder, record.tables["errors"], settings.thumbnail)
    media |= {name: wandb.Image(str(path)) for name, path in record.images.items()}
    if record.report is not None:
        media[names.REPORT] = wandb.Html(record.report.read_text(encoding="utf-8"), inject=False)
    searched = {key: record.summary[key] for key in (names.SELECTED,) if key in record.summary}
    run.log({**media, **searched})
    run.summary.update(record.summary)
    _artifacts(run, folder.path, record, settings)


def _curves(run: Run, rows: list[dict[str, float]], step: str, *shown: str) -> None:
    """History rows with an x-axis of their own."""
    if not rows:
        return
    run.define_metric(step, hidden=True)
    for pattern in shown:
        run.define_metric(pattern, step_metric=step)
    for row in rows:
        run.log(row)


def table_of(frame: pd.DataFrame) -> Any:
    """A `wandb.Table` of plain values; undefined is null."""
    import wandb

    cells = frame.astype(object).where(frame.notna(), None)
    return wandb.Table(
        columns=[str(c) for c in frame.columns], data=list(cells.to_numpy().tolist()), allow_mixed_types=True
    )


def _errors(folder: RunFolder, frame: pd.DataFrame, size: int) -> Any:
    """The worst errors with their pictures, where the prepared pictures are still there."""
    import wandb
    from PIL import Image

    frame = frame.copy()
    pictures: list[Any] = [None] * len(frame)
    if size and len(frame) and folder.images_available:
        try:
            jpegs = folder.thumbnails(frame["image_id"].tolist(), size)
            pictures = [wandb.Image(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs]
        except (DataError, ImageError) as error:
            print(f"no pictures of errors: {error}", file=sys.stderr)
    frame.insert(0, "picture", pictures)
    return table_of(frame)


def _artifacts(run: Run, folder: Path, record: RunRecord, settings: TrackingSettings) -> None:
    """Predictions, report and, where asked for, the best checkpoint; named after the run."""
    import wandb

    def send(kind: str, paths: list[Path]) -> None:
        artifact = wandb.Artifact(
            f"{kind}-{run.id}", type=kind, metadata={"run": record.name, "group": record.group}
        )
        for path in paths:
            artifact.add_file(str(path), name=path.relative_to(folder).as_posix())
        run.log_artifact(artifact)

    send(
        "predictions", [path for path in (folder / PREDICTIONS, folder / "thresholds.json") if path.is_file()]
    )
    if record.report_files:
        send("report", list(record.report_files))
    best = folder / "checkpoints" / "best.ckpt"
    if settings.checkpoints and best.is_file():
        send("model", [best])
