"""Levels of a grid: each metric per run name, model and group, over seeds; and paired differences between names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from skintag.evaluation.bootstrap import Replicates, Resamples, cluster_names, replicate
from skintag.evaluation.groups import DOMAIN, FST_GROUP, OVERALL, Grouping
from skintag.evaluation.metrics import METRICS
from skintag.grid.contrasts import Contrast
from skintag.grid.findings import Evidence, holm
from skintag.grid.runs import GridRun, frame_tested

GROUPINGS: Final = (OVERALL, DOMAIN, FST_GROUP)
SHOWN: Final = ("auroc", "f1_malignant", "sensitivity", "specificity")
Key = tuple[str, int, str]  # name, seed, model


@dataclass(frozen=True)
class GridReplicates:
    """The resampled metrics of every run and model of one split, all on the same resamples."""

    of: Mapping[Key, Replicates]
    """By name, seed and model."""

    @classmethod
    def draw(
        cls,
        runs: Sequence[GridRun],
        models: Sequence[str],
        *,
        resamples: int,
        seed: int = 0,
        groupings: Sequence[Grouping] = GROUPINGS,
        metrics: Sequence[str] = SHOWN,
    ) -> GridReplicates:
        """Resample runs that are tested on the same images; models that a run lacks are left out."""
        drawn = Resamples.draw(cluster_names(frame_tested(runs[0])), resamples, seed)
        return cls({
            (run.name, run.seed, model): replicate(
                run.predictions.test(model), run.thresholds[model].value, drawn,
                groupings=groupings, metrics=metrics,
            )
            for run in runs
            for model in models
            if model in run.predictions.models
        })  # fmt: skip

    def seeds(self, name: str, model: str) -> tuple[int, ...]:
        """The seeds of one name and model, sorted."""
        return tuple(sorted(s for n, s, m in self.of if (n, m) == (name, model)))

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """Each (name, model), in the order of the runs."""
        return tuple(dict.fromkeys((n, m) for n, _, m in self.of))

    def contrasts(self, name: str, model: str) -> tuple[pd.DataFrame, list[list[Contrast]]]:
        """The index of levels, and for each level a contrast per seed."""
        each = [self.of[name, seed, model] for seed in self.seeds(name, model)]
        index = each[0].index
        per_level = [[_level(r, i) for r in each] for i in range(len(index))]
        return index, per_level


def level_table(replicates: GridReplicates, *, minimum: int = 10) -> pd.DataFrame:
    """A row per name, model, grouping, group and metric: mean and sd over seeds, and a clustered 95% interval.

    The interval is of the mean over seeds (see `Evidence.of`), cut to [0, 1]. `too_few`: fewer than `minimum`
    rows of a class that the metric needs.
    """
    rows = []
    for name, model in replicates.cells:
        index, levels = replicates.contrasts(name, model)
        for row, per_seed in zip(index.to_dict("records"), levels, strict=True):
            e = Evidence.of(per_seed)
            metric = METRICS[str(row["metric"])]
            rows.append(
                {
                    "name": name, "model": model,
                    **{k: row[k] for k in ("grouping", "group", "metric", "n", "n_positive", "n_clusters")},
                    "mean": e.value, "sd_seeds": e.sd_seeds, "seeds": len(per_seed),
                    "low": _clip(e.low), "high": _clip(e.high),
                    "too_few": metric.too_few(int(row["n"]), int(row["n_positive"]), minimum),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def difference_table(
    replicates: GridReplicates, pairs: Sequence[tuple[str, str]], *, minimum: int = 10
) -> pd.DataFrame:
    """Paired differences a - b between run names on the same images and seeds, Holm over the whole table.

    A row per pair, model, grouping, group and metric. `p_holm` counts every row that does not stand on too few;
    `exceeds_seed_noise` says whether the mean is more than two standard errors of the seeds from zero.
    """
    rows = []
    for a, b in pairs:
        models = [m for n, m in replicates.cells if n == a and (b, m) in replicates.cells]
        for model in models:
            seeds = sorted(set(replicates.seeds(a, model)) & set(replicates.seeds(b, model)))
            rows += _differences(replicates, (a, b), model, seeds, minimum)
    table = pd.DataFrame(rows)
    if len(table):
        table["p_holm"] = holm(table["p_value"].where(~table["too_few"]).tolist())
    return table


def _differences(
    replicates: GridReplicates, pair: tuple[str, str], model: str, seeds: Sequence[int], minimum: int
) -> list[dict[str, object]]:
    a, b = ([replicates.of[name, seed, model] for seed in seeds] for name in pair)
    index, rows = a[0].index, []
    for i, row in enumerate(index.to_dict("records")):
        per_seed = [_level(x, i) - _level(y, i) for x, y in zip(a, b, strict=True)]
        e = Evidence.of(per_seed)
        metric = METRICS[str(row["metric"])]
        rows.append({
            "name_a": pair[0], "name_b": pair[1], "model": model,
            **{k: row[k] for k in ("grouping", "group", "metric", "n", "n_positive")},
            "mean_a": float(np.mean([x.index["value"].iloc[i] for x in a])),
            "mean_b": float(np.mean([y.index["value"].iloc[i] for y in b])),
            "difference": e.value, "low": e.low, "high": e.high, "p_value": e.p_value,
            "sd_seeds": e.sd_seeds, "seeds": len(seeds), "exceeds_seed_noise": e.exceeds_seed_noise,
            "too_few": metric.too_few(int(row["n"]), int(row["n_positive"]), minimum),
        })  # fmt: skip
    return rows


def _level(replicates: Replicates, i: int) -> Contrast:
    """The i-th level as a contrast, which can be subtracted from another."""
    row, drawn = replicates.index.iloc[i], replicates.values[:, i]  # noqa: PD011 (no pandas object)
    units = int(row["n_units"])
    return Contrast(np.concatenate([[float(row["value"])], drawn]), units, units)


def _clip(value: float) -> float:
    return float(np.clip(value, 0.0, 1.0))
