"""Models on the same images under one bootstrap: what every comparison is made of.

All models see the same draws of clusters, so what makes an image hard for both cancels in the difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from skintag.core.errors import DataError, first_few
from skintag.evaluation.metrics.groups import Grouping
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import (
    Replicates,
    Resamples,
    cluster_names,
    is_clustered,
    replicate,
)


@dataclass(frozen=True)
class Entry:
    """One model's test rows with its own threshold, fitted on its own val rows."""

    rows: TestPredictions
    """The test rows."""
    threshold: float
    """Decisions are `score >= threshold`."""


@dataclass(frozen=True)
class Pair:
    """Two models on the images that both were tested on."""

    a: Replicates
    """Of the first, on the shared images."""
    b: Replicates
    """Of the second, on the same images in the same order: both have the same index but for `value`."""
    only_a: int
    """Test images of the first that the second was not tested on: left out."""
    only_b: int
    """The reverse."""


class Panel:
    """Entries by key, on the union of their test images, with one set of draws for all.

    Args:
        entries: key -> entry.
        resamples: B.
        seed: of the draws.
        groupings, metrics: as `replicate`.

    Raises:
        DataError: an image has different targets in two entries.
    """

    def __init__(
        self,
        entries: Mapping[Any, Entry],
        *,
        resamples: int,
        seed: int,
        groupings: Sequence[Grouping],
        metrics: Sequence[str] | None,
    ) -> None:
        self.entries = dict(entries)
        self._groupings, self._metrics = tuple(groupings), metrics
        self._frames = {
            key: e.rows.frame.set_index("image_id", drop=False) for key, e in self.entries.items()
        }
        _check_targets(self._frames)
        self.clustered = any(is_clustered(frame) for frame in self._frames.values())
        self._clusters = joint_clusters(list(self._frames.values()))
        self._draws = Resamples.draw(self._clusters, resamples, seed)
        self._memo: dict[tuple[object, str], Replicates] = {}

    def single(self, key: object) -> Replicates:
        """The entry on all of its own images."""
        return self._replicate(key, self._frames[key])

    def pair(self, a: object, b: object) -> Pair:
        """Both entries on the images that they share; groups are those of the first.

        Raises:
            DataError: they share no image.
        """
        first, second = self._frames[a], self._frames[b]
        shared = first.index.intersection(second.index)
        if not len(shared):
            raise DataError(
                f"comparison of {a} with {b}",
                expected="test images that both were tested on",
                found=f"none shared ({len(first):,} and {len(second):,} images)",
                fix="compare runs whose test sets overlap, e.g. of the same split and seed of the split",
            )
        own = first if len(shared) == len(first) else first.loc[shared]
        other = own.assign(p_malignant=second["p_malignant"].reindex(own.index))  # the first one's groups
        return Pair(
            self._replicate(a, own),
            self._replicate(b, other),
            len(first) - len(shared),
            len(second) - len(shared),
        )

    def _replicate(self, key: object, frame: pd.DataFrame) -> Replicates:
        # groups come with the frame, so rows are known by their images, groups and clusters, not by images alone
        columns = [g.column for g in self._groupings if g.column is not None]
        hashed = pd.util.hash_pandas_object(frame[["image_id", "condition", *columns]], index=False)
        known = (key, hashlib.sha256(hashed.to_numpy().tobytes()).hexdigest())
        if known not in self._memo:
            entry = self.entries[key]
            rows = TestPredictions(
                frame.assign(model=entry.rows.model).reset_index(drop=True), entry.rows.model
            )
            position = self._clusters.index.get_indexer(frame.index)
            draws = Resamples(self._draws.counts, self._draws.cluster[position])
            self._memo[known] = replicate(
                rows, entry.threshold, draws, groupings=self._groupings, metrics=self._metrics
            )
        return self._memo[known]


def joint_clusters(frames: Sequence[pd.DataFrame]) -> pd.Series:
    """A cluster for each image of any frame, indexed by image_id: images that share one in any frame share it here.

    Runs may know more or less about what belongs together; what hangs together in one of them must not be drawn
    apart. A group is the same group in all frames, though its images be others in each: runs of one prepared data name
    patients alike. Clusters are named after their first image, so the names do not hang on the order of frames or rows.
    """
    images = pd.Index(sorted(set().union(*(frame["image_id"] for frame in frames))), name="image_id")
    # images and clusters are the nodes of a graph, an image's cluster an edge
    left = np.concatenate([images.get_indexer(pd.Index(frame["image_id"])) for frame in frames])
    code, names = pd.factorize(pd.concat([cluster_names(frame) for frame in frames]))
    nodes = len(images) + len(names)
    graph = sparse.coo_array(
        (np.ones(len(left), dtype=np.int8), (left, code + len(images))), shape=(nodes, nodes)
    )
    part = sparse.csgraph.connected_components(graph, directed=False)[1][: len(images)]
    first = np.unique(part, return_index=True)[1]  # images are sorted: the first is the least
    return pd.Series(images.to_numpy()[first][np.unique(part, return_inverse=True)[1]], index=images)


def _check_targets(frames: Mapping[object, pd.DataFrame]) -> None:
    """Raise DataError where an image has different targets in two frames."""
    columns = [frame["target"].rename(str(key)) for key, frame in frames.items()]
    known: pd.Series | None = None
    for key, column in zip(frames, columns, strict=True):
        if known is None:
            known = column
            continue
        shared = column.index.intersection(known.index)
        differs = column[shared] != known[shared]
        if differs.any():
            raise DataError(
                f"comparison with {key}",
                expected="the same target for the same image in everything that is compared",
                found=f"{int(differs.sum()):,} image(s) with another: {first_few(list(shared[differs]), 3)}",
                fix="compare runs of one label policy, or give all of them one with with_premalignant",
            )
        known = pd.concat([known, column[column.index.difference(known.index)]])
