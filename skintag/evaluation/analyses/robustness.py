"""What distorted images do to a model: metrics per distortion, and the loss against the clean images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.analyses.level_table import level_table
from skintag.evaluation.decisions.thresholds import Threshold
from skintag.evaluation.metrics.groups import OVERALL, Grouping
from skintag.evaluation.metrics.registry import in_order, listed
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions
from skintag.evaluation.statistics.bootstrap import Replicates
from skintag.evaluation.statistics.differences import holm, paired_differences
from skintag.evaluation.statistics.gap_replicates import n_rows
from skintag.evaluation.statistics.paired import Entry, Panel

CLEAN: Final = "clean"
COLUMNS: Final = (
    "model", "distortion", "severity", "grouping", "group", "metric", "n", "n_positive", "value", "low", "high",
    "change", "change_low", "change_high", "p_value", "p_holm", "too_few", "doubtful", "note",
)  # fmt: skip


def robustness_table(
    distorted: pd.DataFrame,
    thresholds: Mapping[str, Threshold],
    *,
    clean: Predictions | None = None,
    groupings: Sequence[Grouping] = (OVERALL,),
    metrics: Sequence[str] | None = None,
    settings: AssessmentSettings = DEFAULTS,
) -> pd.DataFrame:
    """Metrics of each model under each distortion, at the threshold frozen on clean val rows.

    Args:
        distorted: the columns of a predictions table, all of split `test`, and `distortion`; optionally `severity`,
            one number or text per distortion. A row per image, model and distortion; `clean` are undistorted images.
        thresholds, groupings: by model, fitted on clean val rows; how rows fall into groups.
        clean: where `distorted` has no `clean` rows, the run's own table, whose test rows are taken for them.
        metrics: names of levels; those that the table `robustness` lists where None.
        settings: resamples, confidence, seed, minimum.

    Returns:
        `COLUMNS`: per model `clean` first, then the distortions in the order of the frame. `change` is value minus
        clean's on the images that both have (nan for clean itself), with a paired clustered interval; Holm's family is
        all distortions of a model, metric and grouping.

    Raises:
        DataError: no clean rows, a model without a threshold, or rows that are no test predictions.
    """
    frame = _checked(distorted)
    severities = frame.drop_duplicates("distortion").set_index("distortion")["severity"]
    chosen = in_order(listed("robustness")) if metrics is None else tuple(metrics)
    out: list[pd.DataFrame] = []
    for model in dict.fromkeys(frame["model"]):
        cut = _threshold_of(str(model), thresholds).value
        entries = _entries(frame[frame["model"] == model], str(model), cut, clean)
        panel = Panel(
            entries, resamples=settings.resamples, seed=settings.seed, groupings=groupings, metrics=chosen
        )
        for name in entries:
            part = _distortion(panel, name, settings)
            out.append(part.assign(model=model, distortion=name, severity=severities.get(name)))
    table = pd.concat(out, ignore_index=True)
    family = table[["model", "grouping", "metric"]].astype("str").agg(" / ".join, axis=1)
    table["p_holm"] = holm(table["p_value"].where(~table["too_few"]), family)
    return table[list(COLUMNS)]


def _threshold_of(model: str, thresholds: Mapping[str, Threshold]) -> Threshold:
    if model not in thresholds:
        raise DataError(
            f"distorted rows of model {model!r}",
            expected="a threshold fitted on the model's clean val rows",
            found=f"thresholds of {', '.join(thresholds) or 'no model'}",
            fix="give the thresholds of the run that the model is from",
        )
    return thresholds[model]


def _distortion(panel: Panel, name: str, settings: AssessmentSettings) -> pd.DataFrame:
    """Levels of one distortion on all of its images, and changes on those that clean has too."""
    single: Replicates = panel.single(name)
    part = level_table(single, minimum=settings.minimum, confidence=settings.confidence)
    part["doubtful"] = part["note"] != ""
    nothing = np.full(len(part), np.nan)
    if name == CLEAN:
        return part.assign(change=nothing, change_low=nothing, change_high=nothing, p_value=nothing)
    pair = panel.pair(name, CLEAN)
    index = pair.a.index
    change = (index["value"] - pair.b.index["value"]).to_numpy()
    found = paired_differences(
        change,
        pair.a.values - pair.b.values,  # noqa: PD011 (no pandas object)
        n_units=index["n_units"],
        n_rows=n_rows(index),
        confidence=settings.confidence,
    )
    cell = ["grouping", "group", "metric"]
    changes = index[cell].assign(
        change=change, change_low=found.low, change_high=found.high, p_value=found.p_value
    )
    if pair.only_a:
        part["note"] = [f"{n}; " * bool(n) + f"{pair.only_a} image(s) not in clean" for n in part["note"]]
    return part.merge(changes, on=cell, how="left", validate="one_to_one")


def _entries(
    frame: pd.DataFrame, model: str, threshold: float, clean: Predictions | None
) -> dict[str, Entry]:
    """One model's rows by distortion, `clean` first."""
    parts = {str(name): part for name, part in frame.groupby("distortion", sort=False)}
    if CLEAN not in parts and clean is None:
        raise DataError(
            f"distorted rows of model {model!r}",
            expected=f"rows of distortion {CLEAN!r}, or the run's own predictions to compare with",
            found=f"distortions {first_few(list(parts), 12)}",
            fix="score the clean images too, or pass clean=<the run's predictions>",
        )
    undistorted = _rows(parts.pop(CLEAN), model) if CLEAN in parts else clean.test(model)  # type: ignore[union-attr]
    entries = {CLEAN: Entry(undistorted, threshold)}
    return entries | {name: Entry(_rows(part, model), threshold) for name, part in parts.items()}


def _rows(part: pd.DataFrame, model: str) -> TestPredictions:
    """Checked test rows of one distortion."""
    columns = part.drop(columns=["distortion", "severity"])
    return Predictions(columns, f"distorted rows ({part['distortion'].iloc[0]})").test(model)


def _checked(distorted: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("distortion", "model", "split") if name not in distorted]
    if missing:
        raise DataError(
            "distorted rows",
            expected="the columns of a predictions table and 'distortion'",
            found=f"no {', '.join(missing)}",
            fix="write the table with skintag.commands.robustness",
        )
    other = distorted.loc[(distorted["split"] != "test").fillna(True), "split"]
    if len(other) or distorted.empty:
        raise DataError(
            "distorted rows",
            expected="test rows only, at least one",
            found=f"{len(other)} of other splits: {first_few(sorted(set(other.astype('str'))), 3)}"
            if len(other)
            else "no rows",
            fix="distort the test images: thresholds stay as they were fitted on clean val",
        )
    return distorted if "severity" in distorted else distorted.assign(severity=None)
