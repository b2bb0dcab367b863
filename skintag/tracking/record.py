"""What of a finished run goes to W&B, read from its folder; nothing here knows W&B."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from skintag.core.config import instantiate
from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import HEAD
from skintag.evaluation.analyses.error_analysis import worst_errors
from skintag.evaluation.decisions.selection import Selection
from skintag.runs.folder import RunFolder
from skintag.tracking import names
from skintag.tracking.grouping import group_of, sweep_of
from skintag.tracking.numbers import robustness_curves, summary_of, tables_of

_REPORT_FILES: Final = (
    "report.html", "model_card.md", "metrics.json", "thresholds.json", "leakage_audit.json", "provenance.json",
    "table.txt",
)  # fmt: skip
NOT_EVALUATED: Final = "no intervals and no gaps: skintag evaluate run={folder} computes them"


@dataclass(frozen=True)
class RunRecord:
    """A run as W&B will show it."""

    name: str
    group: str
    """Runs of one group differ in their seed alone."""
    tags: tuple[str, ...]
    """Regime, split, data, kind of data (`synthetic`, `low-resolution`, `leaky`), the sweep."""
    config: dict[str, Any]
    """The run's configuration, resolved; `choices` of the groups; `provenance`."""
    summary: dict[str, float]
    """Numbers by their name in `skintag.tracking.names`; undefined ones are not there."""
    tables: dict[str, pd.DataFrame]
    """By `names.TABLES`."""
    curves: list[dict[str, float]]
    """What was logged during training: rows with `names.STEP` and some of the training curves."""
    robustness: list[dict[str, float]]
    """Rows with `names.ROBUSTNESS_STEP` and the robustness curves."""
    images: dict[str, Path]
    """PNG files by their name in W&B."""
    report: Path | None
    """The report as HTML."""
    report_files: tuple[Path, ...]
    """Files of the report, for an artifact."""
    notes: tuple[str, ...] = field(default=())
    """What is missing, and what to do about it."""


def read_record(run: RunFolder, *, errors: int = 20) -> RunRecord:
    """The record of a finished run.

    Args:
        run: its folder.
        errors: missed malignancies and false alarms in the table of errors, of each.

    Raises:
        DataError: the folder is not that of a finished run.
    """
    metrics, predictions = run.metrics, run.predictions
    main = str(metrics.get("main") or (HEAD if HEAD in predictions.models else predictions.models[0]))
    evaluated = all("levels" in entry for entry in metrics["models"].values())
    notes = [] if evaluated else [NOT_EVALUATED.format(folder=run.path)]
    tables = {name: frame for name, frame in tables_of(metrics) if len(frame)}
    threshold = run.thresholds[main].value if main in run.thresholds else None
    if threshold is not None and errors:
        tables["errors"] = worst_errors(predictions, main, threshold, k=errors)
    summary = dict(summary_of(metrics))
    selected = _selected(run)
    if selected is not None:
        summary[names.SELECTED] = selected
    return RunRecord(
        name=f"{run.name}-{run.path.resolve().name}",
        group=group_of(run.path, run.name),
        tags=tags_of(run),
        config=config_of(run, main),
        summary=summary,
        tables=tables,
        curves=training_curves(run.path),
        robustness=robustness_curves(tables.get("robustness")),
        images=dict(_images(run.path)),
        report=(run.path / "report.html") if (run.path / "report.html").is_file() else None,
        report_files=(
            *(path for name in _REPORT_FILES if (path := run.path / name).is_file()),
            *sorted(path for path in run.path.glob("tables/*") if path.is_file()),
        ),
        notes=tuple(notes),
    )


def tags_of(run: RunFolder) -> tuple[str, ...]:
    """What a run is found by: regime, split, data, kind of data, sweep."""
    tags = [run.name, run.split]
    note = ""
    if (run.path / "provenance.json").is_file():
        tags.append(str((run.provenance.get("data") or {}).get("name") or ""))
        note = run.caption
    tags += [word for word in ("synthetic", "low-resolution") if word in note]
    if (run.path / "leakage_audit.json").is_file() and not run.audit.get("clean", True):
        tags.append("leaky")
    sweep = sweep_of(run.path)
    tags += [f"sweep:{sweep}"] if sweep else []
    return tuple(dict.fromkeys(tag[:64] for tag in tags if tag))  # 64: the most that W&B takes


def config_of(run: RunFolder, main: str | None = None) -> dict[str, Any]:
    """The configuration as plain values, with what is known of the run beside it."""
    try:
        config: Any = OmegaConf.to_container(run.config, resolve=True)
    except OmegaConfBaseException:  # a run from elsewhere: its interpolations stay as they are written
        config = OmegaConf.to_container(run.config, resolve=False)
    config["choices"] = {group: name for group, name in run.choices.items() if "hydra" not in group}
    provenance = run.provenance if (run.path / "provenance.json").is_file() else {}
    config["provenance"] = {
        k: provenance[k] for k in ("git", "versions", "data", "seconds") if k in provenance
    }
    config["data_note"] = run.caption if provenance else None
    config["main_model"] = main
    config["sweep_folder"] = sweep_of(run.path)
    return dict(config)


def training_curves(folder: Path) -> list[dict[str, float]]:
    """The training curves and learning rates in the CSV logs of a run, a row per step that has any."""
    parts = [pd.read_csv(path) for path in sorted(folder.glob("csv*/metrics.csv"))]
    if not parts:
        return []
    frame = pd.concat(parts, ignore_index=True)
    shown = [c for c in frame if c in names.TRAINING or str(c).startswith("lr-")]
    by_step = frame.groupby("step")[shown].last().dropna(how="all")
    return [
        {names.STEP: float(str(step)), **{str(k): float(v) for k, v in row.items() if v == v}}
        for step, row in by_step.iterrows()
    ]


def _selected(run: RunFolder) -> float | None:
    """What a search would have maximised; None where the run's configuration or its val rows do not say."""
    try:
        selection = instantiate(run.config.select) if "select" in run.config else Selection()
        return float(selection.of(run.predictions))
    except (DataError, ConfigError):
        return None


def _images(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted((folder / "plots").glob("*.png")):
        yield names.plot(path.stem), path
    for path in sorted([*folder.glob("*.png"), *folder.glob("sheets/*.png")]):
        yield names.sheet(path.stem), path
