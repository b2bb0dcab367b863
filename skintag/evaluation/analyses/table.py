"""The table a run ends with, and the JSON files beside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from skintag.core.errors import ConfigError
from skintag.core.io import write_json
from skintag.evaluation.decisions.thresholds import (
    Objective,
    Threshold,
    fit_thresholds,
    threshold_of,
    write_thresholds,
)
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, GROUPINGS, OVERALL, Grouping, evaluate
from skintag.evaluation.metrics.registry import METRICS, Metric, listed
from skintag.evaluation.predictions.predictions import Predictions

TITLES: Final = {"overall": "Test set", "domain": "By domain", "fst_group": "By Fitzpatrick group"}
UNDEFINED: Final = "—"
TOO_FEW: Final = "*"


@dataclass(frozen=True)
class EvaluationSettings:
    """How scores become decisions, and when a group is too small to say much."""

    objective: str = "youden"
    """What thresholds are fitted for on val: `youden`, `f1`, `target_sensitivity`, `target_specificity`."""
    target: float = 0.95
    """The sensitivity or specificity that the last two aim at."""
    minimum: int = 10
    """Groups with fewer positives (or negatives, for specificity) are shown, but marked."""

    def __post_init__(self) -> None:
        _ = self.threshold_objective
        if self.minimum < 1:
            raise ConfigError(f"evaluation.minimum is {self.minimum}: expected 1 or more")

    @property
    def threshold_objective(self) -> Objective:
        """The objective as an object; checks both fields."""
        return Objective(self.objective, self.target)


DEFAULTS: Final = EvaluationSettings()


def write_outputs(
    folder: str | os.PathLike[str],
    predictions: Predictions,
    settings: EvaluationSettings = DEFAULTS,
    *,
    caption: str = "",
) -> dict[str, Threshold]:
    """Fit a threshold per model on val, and write `thresholds.json` and `metrics.json` into the folder.

    Returns:
        The thresholds by model, as `run_table` takes them.

    Raises:
        DataError: a model's val rows are of one class only.
    """
    thresholds = fit_thresholds(predictions, settings.threshold_objective)
    metrics = metrics_json(predictions, thresholds, caption=caption)
    write_thresholds(Path(folder) / "thresholds.json", thresholds)
    write_json(Path(folder) / "metrics.json", metrics)
    return thresholds


def metrics_json(
    predictions: Predictions, thresholds: Mapping[str, Threshold], *, caption: str = ""
) -> dict[str, Any]:
    """Test metrics of every model in every group, as nested plain dicts for `metrics.json`.

    `models -> <model> -> groups -> <grouping> -> <group> -> n, n_positive, <metrics>`; undefined is nan,
    which JSON files hold as null. Beside the groups stand the model's threshold and what it was fitted on.
    """
    models: dict[str, Any] = {}
    for model in predictions.models:
        threshold = threshold_of(model, thresholds)
        results = evaluate(predictions.test(model), threshold.value)
        groups: dict[str, dict[str, dict[str, float]]] = {grouping.name: {} for grouping in GROUPINGS}
        for (grouping, group), cells in results.groupby(["grouping", "group"], sort=False):
            entry = {"n": int(cells["n"].iloc[0]), "n_positive": int(cells["n_positive"].iloc[0])}
            values = dict(zip(cells["metric"], cells["value"].astype(float), strict=True))
            groups[str(grouping)][str(group)] = {**entry, **values}
        models[model] = {"threshold": {"fitted_on": "val", **asdict(threshold)}, "groups": groups}
    return {"split": "test", "data": caption or None, "models": models}


def run_table(
    predictions: Predictions,
    thresholds: Mapping[str, Threshold],
    *,
    caption: str = "",
    models: Iterable[str] | None = None,
    minimum: int = DEFAULTS.minimum,
) -> RenderableType:
    """What a run prints: models x metrics on the test rows, overall, by domain and by Fitzpatrick group.

    Args:
        predictions: the run's table.
        thresholds: per model, fitted on val.
        caption: what kind of data the figures stand on, e.g. `synthetic data`; printed with each table.
        models: which models, in which order; all by name where None.
        minimum: figures that stand on fewer rows of a class they need are marked `*`.
    """
    names = predictions.models if models is None else tuple(models)
    groupings = (OVERALL, DOMAIN, FST_GROUP)
    results = [
        evaluate(
            predictions.test(m), threshold_of(m, thresholds).value, groupings=groupings, metrics=_shown()
        )
        for m in names
    ]
    frame = pd.concat(results)
    tables = [_table(frame, grouping, caption, minimum) for grouping in groupings]
    objectives = sorted({threshold_of(model, thresholds).objective for model in names})
    note = (
        f"Decisions at the threshold fitted on val ({', '.join(objectives)}). {UNDEFINED} undefined; "
        f"{TOO_FEW} stands on fewer than {minimum} images of a class it needs."
    )
    return Group(*tables, Text(note, style="dim"))


def _shown() -> list[Metric]:
    """The metrics of the table, in its order."""
    return [METRICS[name] for name in listed("run")]


def _table(results: pd.DataFrame, grouping: Grouping, caption: str, minimum: int) -> Table:
    """One rich table: a row per group and model, groups apart by a rule."""
    title = TITLES.get(grouping.name, grouping.name) + (f" ({escape(caption)})" if caption else "")
    shown = _shown()
    unknown = _unknown(results, grouping.name)
    table = Table(title=title, caption=unknown, title_justify="left", caption_justify="left")
    grouped = grouping.column is not None
    if grouped:
        table.add_column(grouping.name, no_wrap=True)
    table.add_column("model", no_wrap=True, min_width=18)
    for heading in ("n", "malignant", *(metric.short for metric in shown)):
        table.add_column(heading, justify="right")
    chosen = results[results["grouping"] == grouping.name]
    for group, part in chosen.groupby("group", sort=False):
        for model, cells in part.groupby("model", sort=False):
            n, n_positive = int(cells["n"].iloc[0]), int(cells["n_positive"].iloc[0])
            values = dict(zip(cells["metric"], cells["value"], strict=True))
            figures = [_figure(values[m.name], m, n, n_positive, minimum) for m in shown]
            positives = f"{n_positive:,}{TOO_FEW if n_positive < minimum else ''}"
            cells_left = [escape(str(group)), escape(str(model))] if grouped else [escape(str(model))]
            table.add_row(*cells_left, f"{n:,}", positives, *figures)
        table.add_section()
    return table


def _unknown(results: pd.DataFrame, grouping: str) -> str | None:
    """How many test images have no value of the grouping, in words; None where all have one."""
    counts = results.drop_duplicates(["model", "grouping", "group"]).groupby(["grouping", "model"])["n"].sum()
    total, known = counts[OVERALL.name], counts.get(grouping, 0)
    missing = int((total - known).max())
    return f"{grouping} unknown for {missing:,} of {int(total.max()):,} test images" if missing else None


def _figure(value: float, metric: Metric, n: int, n_positive: int, minimum: int) -> str:
    if value != value:
        return UNDEFINED
    return f"{value:.3f}{TOO_FEW if metric.too_few(n, n_positive, minimum) else ''}"
