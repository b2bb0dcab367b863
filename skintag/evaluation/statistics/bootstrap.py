"""A bootstrap of whole clusters (patients, lesions), for every metric in every group at once.

Images of one patient are alike: resampling images one by one gives intervals that are too narrow. So whole
clusters are drawn with replacement (Field & Welsh, 2007, doi:10.1111/j.1467-9868.2007.00593.x).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from skintag.core.progress import track
from skintag.evaluation.metrics.groups import ALL_GROUPINGS, Grouping
from skintag.evaluation.metrics.levels import level_values
from skintag.evaluation.metrics.registry import METRICS
from skintag.evaluation.metrics.rows import Rows
from skintag.evaluation.metrics.weighted import WeightedLevels
from skintag.evaluation.predictions.predictions import ModelPredictions
from skintag.evaluation.statistics.folded import Folded

T = TypeVar("T")
BLOCK: Final = (
    256  # resamples worked on at a time, whatever the number of threads; fewer where rows are very many
)
_CELLS: Final = 2**23  # rows times resamples of a block: 64 MB, of which a thread holds several at a time
_NARROW: Final = 2**26  # clusters times resamples from which counts are kept in a byte


def cluster_names(frame: pd.DataFrame) -> pd.Series:
    """The cluster of each row, str [n]: its leakage group, or the row itself where that is unknown."""
    alone = "\0" + frame["image_id"].astype("str")  # a name that no group has
    return frame["group_id"].where(frame["group_id"].notna(), alone)


def is_clustered(frame: pd.DataFrame) -> bool:
    """Whether any row says which patient or lesion it belongs to."""
    return bool(frame["group_id"].notna().any())


@dataclass(frozen=True)
class Resamples:
    """Whole clusters drawn with replacement; the same for all models on the same images."""

    counts: NDArray[np.uint16] | NDArray[np.uint8]
    """[B, C] how often each cluster was drawn; uint8 where there are very many cells."""
    cluster: NDArray[np.int64]
    """[n] cluster number of each row."""

    @classmethod
    def draw(cls, clusters: ArrayLike | pd.Series, resamples: int, seed: int) -> Self:
        """Draw as many clusters as there are, `resamples` times.

        Clusters are numbered by name, so the draws are a function of (set of names, resamples, seed): neither
        the order of the rows nor the model matters, which is what pairs comparisons.

        Args:
            clusters: [n] name of each row's cluster. A row without one is a cluster by itself, numbered after
                the named ones in the order of rows; `cluster_names` gives names that do not hang on that order.
            resamples: B.
            seed: of numpy's default generator.
        """
        names = pd.Series(clusters).reset_index(drop=True)
        known = names.notna().to_numpy()
        distinct, code = np.unique(names[known].astype("str").to_numpy(dtype=object), return_inverse=True)
        cluster = np.empty(len(names), dtype=np.int64)
        cluster[known] = code
        cluster[~known] = len(distinct) + np.arange(int((~known).sum()))
        number = len(distinct) + int((~known).sum())
        rng = np.random.default_rng(seed)
        # of many clusters none is drawn 256 times: counts are Poisson with mean 1
        counts = np.empty((resamples, number), dtype=np.uint8 if resamples * number > _NARROW else np.uint16)
        for b in range(resamples):
            counts[b] = np.bincount(rng.integers(0, max(number, 1), number), minlength=number)
        return cls(counts, cluster)

    @classmethod
    def of(cls, rows: ModelPredictions, resamples: int, seed: int) -> Self:
        """Resamples of the clusters of these rows."""
        return cls.draw(cluster_names(rows.frame), resamples, seed)

    def __len__(self) -> int:
        return len(self.counts)

    def summed(self, lines: sparse.csr_array) -> NDArray[np.float64]:
        """Weighted sums [L, B] of lines [L, C] in every resample, by blocks of resamples."""
        out = np.empty((lines.shape[0], len(self)))
        for block in blocks(len(self), self.n_clusters):
            out[:, block] = lines @ np.ascontiguousarray(self.counts[block].T, dtype=np.float64)
        return out

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return self.counts.shape[1]


class Levels(NamedTuple):
    """One metric in the K groups of a grouping."""

    groups: tuple[str, ...]
    """Names of the groups, in order of showing."""
    n: NDArray[np.int64]
    """[K] rows."""
    n_positive: NDArray[np.int64]
    """[K] malignant ones."""
    n_units: NDArray[np.int64]
    """[K] clusters that the metric stands on."""
    value: NDArray[np.float64]
    """[K] on the data."""
    values: NDArray[np.float64]
    """[B, K] on the resamples."""

    def of(self, groups: Sequence[str]) -> Levels:
        """The same of these groups only."""
        at = [self.groups.index(group) for group in groups]
        counts = (self.n[at], self.n_positive[at], self.n_units[at])
        return Levels(tuple(groups), *counts, self.value[at], self.values[:, at])


@dataclass(frozen=True)
class Replicates:
    """Metrics in groups, on the data and on each resample."""

    index: pd.DataFrame
    """L rows: grouping, group, metric, n, n_positive, n_clusters, n_units, n_effective, alone, value. n and n_positive
    count the group's rows, n_clusters their clusters, n_units the clusters that the metric stands on: those with a
    positive for sensitivity, with a negative for specificity, the smaller of both numbers where it needs both, else
    all; n_effective and alone say how unequal they are (`levels.Standing`). value is the metric on the data."""
    values: NDArray[np.float64]
    """[B, L]; nan where a resample cannot tell it."""
    folded: Mapping[int, Folded] = field(default_factory=dict)
    """What stands behind the rows of a sum of absolute values (ECE), by position in the index."""

    def levels(self, grouping: str, metric: str) -> Levels:
        """One metric in all groups of one grouping. Raises KeyError where the index does not have them."""
        at, columns = self._positions[grouping, metric], self._columns
        counts = (columns["n"][at], columns["n_positive"][at], columns["n_units"][at])
        return Levels(tuple(columns["group"][at]), *counts, columns["value"][at], self.values[:, at])

    def has(self, grouping: str, metric: str) -> bool:
        """Whether `levels` can tell this metric."""
        return (grouping, metric) in self._positions

    @property
    def groupings(self) -> tuple[str, ...]:
        """Names of the groupings, in order."""
        return tuple(dict.fromkeys(grouping for grouping, _ in self._positions))

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        return {str(name): self.index[name].to_numpy() for name in self.index.columns}

    @cached_property
    def _positions(self) -> dict[tuple[str, str], NDArray[np.int64]]:
        found: dict[tuple[str, str], list[int]] = {}
        for i, key in enumerate(zip(self._columns["grouping"], self._columns["metric"], strict=True)):
            found.setdefault(key, []).append(i)
        return {key: np.array(at) for key, at in found.items()}


def replicate(
    rows: ModelPredictions,
    threshold: float,
    resamples: Resamples,
    *,
    groupings: Sequence[Grouping] = ALL_GROUPINGS,
    metrics: Sequence[str] | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> Replicates:
    """Every metric in every group, on the rows and on each resample of their clusters.

    Args:
        rows, threshold: one model's n rows; decisions are `score >= threshold`, in every resample alike.
        resamples: of the clusters of these rows, in their order.
        groupings: how the rows fall into groups.
        metrics: names of metrics; all that are registered where None.
        threads: how many work at a time; as many as there are processors where None. It changes no bit.
        progress: show a bar.

    Raises:
        ValueError: the resamples are of another number of rows, or a metric is unknown.
    """
    if len(resamples.cluster) != len(rows):
        raise ValueError(f"resamples of {len(resamples.cluster)} rows, but there are {len(rows)}")
    chosen = tuple(METRICS) if metrics is None else tuple(metrics)
    index = level_values(rows, threshold, resamples.cluster, groupings=groupings, metrics=chosen)
    decision = rows.score >= threshold
    table = Rows(rows.target, rows.score, decision, resamples.cluster, resamples.n_clusters)
    parts = [WeightedLevels(table, *grouping.codes(rows.frame), chosen) for grouping in groupings]

    def weigh(counts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:  # [L, b] for counts [b, C]
        weights = np.ascontiguousarray(counts.T, dtype=np.float64)
        return np.concatenate([part(weights) for part in parts])

    weigh(np.ones((1, resamples.n_clusters), dtype=np.uint16))  # matrices are made before threads share them
    values = np.empty((len(resamples), len(index)))

    def work(block: slice) -> None:
        values[block] = weigh(resamples.counts[block]).T

    in_threads(work, blocks(len(resamples), len(rows)), threads, "resampling clusters" if progress else "")
    return Replicates(index, values, _folded(parts))


def _folded(parts: Sequence[WeightedLevels]) -> dict[int, Folded]:
    """What stands behind sums of absolute values, by position among the levels of all groupings."""
    cells = (cell for part in parts for cell in part.cells())
    return {
        i: Folded.of(group, metric.folded)
        for i, (group, metric) in enumerate(cells)
        if metric.folded is not None
    }


def blocks(number: int, rows: int) -> list[slice]:
    """`number` resamples in blocks of `BLOCK`, or of fewer where weights of the rows would take more than 64 MB."""
    size = max(1, min(BLOCK, _CELLS // max(rows, 1)))
    return [slice(start, start + size) for start in range(0, number, size)]


def in_threads(
    work: Callable[[T], None], items: Sequence[T], threads: int | None = None, shown: str = ""
) -> None:
    """Call `work` on each item, behind a bar if it is `shown`; numpy and scipy let go of the interpreter."""
    with ThreadPoolExecutor(threads or len(os.sched_getaffinity(0))) as pool:
        done = pool.map(work, items)
        for _ in track(done, shown, len(items)) if shown else done:
            pass
