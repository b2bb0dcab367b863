"""Numbers and tables of a run as W&B gets them, from `metrics.json`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pandas as pd

from skintag.tracking import names


def summary_of(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Numbers of the main groupings by their names; undefined ones are left out."""
    for model, entry in metrics["models"].items():
        for grouping in names.GROUPINGS:
            for group, cells in entry.get("levels", {}).get(grouping, {}).items():
                for metric in names.metrics():
                    yield from _parts(
                        partial(names.level, model, metric, grouping, group),
                        cells.get(metric),
                        names.LEVEL_PARTS,
                    )
            if "levels" not in entry:
                for group, values in entry["groups"].get(grouping, {}).items():
                    for metric in names.metrics():
                        cell = {"value": values.get(metric)}
                        yield from _parts(
                            partial(names.level, model, metric, grouping, group), cell, ("value",)
                        )
        for grouping in names.GAP_GROUPINGS:
            for gap in names.gaps():
                cell = entry.get("gaps", {}).get(grouping, {}).get(gap)
                yield from _parts(partial(names.gap, model, gap, grouping), cell, names.GAP_PARTS)
    for row in metrics.get("robustness") or ():
        if (
            row.get("grouping", names.OVERALL) == names.OVERALL
            and row["metric"] in names.robustness_metrics()
        ):
            yield from _number(names.robustness(row["model"], row["distortion"], row["metric"]), row["value"])
    for row in metrics.get("triage") or ():
        if row["grouping"] == names.OVERALL:
            for share in ("share_of_malignancies", "share_of_images"):
                yield from _number(names.triage(row["model"], row["policy"], row["tier"], share), row[share])
    everything = next(iter(metrics["models"].values()))["groups"][names.OVERALL]["all"]
    if everything["n"]:
        yield names.PREVALENCE, everything["n_positive"] / everything["n"]


def _parts(name: Any, cell: Mapping[str, Any] | None, parts: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    for part in parts:
        yield from _number(name(part=part), (cell or {}).get(part))


def _number(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """The pair, unless the value is undefined."""
    if value is not None and math.isfinite(value):
        yield name, float(value)


def tables_of(metrics: Mapping[str, Any]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tables of `names.TABLES` but the errors; empty where evaluation has not made them."""
    models = metrics["models"].items()
    levels = [
        {"model": model, "grouping": grouping, "group": group, "metric": metric, **cell}
        for model, entry in models
        for grouping, groups in entry.get("levels", {}).items()
        for group, cells in groups.items()
        for metric, cell in cells.items()
    ]
    plain = [
        {"model": model, "grouping": grouping, "group": group, "metric": metric, "n": values["n"],
         "n_positive": values["n_positive"], "value": value}
        for model, entry in models
        for grouping, groups in entry["groups"].items()
        for group, values in groups.items()
        for metric, value in values.items()
        if metric not in ("n", "n_positive")
    ]  # fmt: skip
    yield "levels", pd.DataFrame(levels or plain)
    gaps = [
        {"model": model, "grouping": grouping, "gap": gap, **cell}
        for model, entry in models
        for grouping, cells in entry.get("gaps", {}).items()
        for gap, cell in cells.items()
    ]
    yield "gaps", pd.DataFrame(gaps)
    yield "pairs", pd.DataFrame([{"model": m, **row} for m, e in models for row in e.get("pairs", ())])
    for name in ("comparison", "triage", "operating_points", "robustness"):
        found = metrics.get(name)
        yield name, pd.DataFrame(found if isinstance(found, list) else [])


def robustness_curves(table: pd.DataFrame | None) -> list[dict[str, float]]:
    """A row per distortion, in the table's order: its number and the metrics of every model."""
    if table is None:
        return []
    rows = table[table.get("grouping", names.OVERALL) == names.OVERALL]
    out = []
    for i, distortion in enumerate(rows["distortion"].drop_duplicates()):
        part = rows[(rows["distortion"] == distortion) & rows["metric"].isin(names.robustness_metrics())]
        values = {
            names.robustness_curve(str(model), str(metric)): float(value)
            for model, metric, value in zip(part["model"], part["metric"], part["value"], strict=True)
            if value is not None and math.isfinite(value)
        }
        out.append({names.ROBUSTNESS_STEP: float(i), **values})
    return out
