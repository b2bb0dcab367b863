"""Which images must stay together in a split: one patient, one lesion, one picture, or a chain of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

JOINING: Final = ("patient_id", "lesion_id", "content_hash", "duplicate_id")


def duplicate_ids(
    image_ids: Sequence[str], content_hashes: Sequence[str], pairs: pd.DataFrame
) -> NDArray[np.object_]:
    """The smallest image_id among the identical and near-identical pictures of each image, object [n].

    Args:
        image_ids, content_hashes: of n readable images.
        pairs: columns `first` and `second` with content hashes of near-identical files; others are ignored.
    """
    codes, hashes = pd.factorize(np.asarray(content_hashes, dtype=object))
    position = pd.Series(np.arange(len(hashes)), index=hashes)
    known = pairs[pairs["first"].isin(position.index) & pairs["second"].isin(position.index)]
    first, second = position[known["first"]].to_numpy(), position[known["second"]].to_numpy()
    labels = _components(len(hashes), first, second)
    return _smallest(np.asarray(image_ids, dtype=object), labels[codes])


def leakage_groups(frame: pd.DataFrame) -> pd.Series:
    """The group of each row, text [n]: the smallest image_id of all rows it is joined to.

    Rows are joined where they share a value of one of `JOINING`, directly or in a chain; null joins nothing.
    Rows without a usable image are joined by patient and lesion like the others. The order of the rows plays
    no part.

    Args:
        frame: columns `image_id` (unique) and those of `JOINING`.
    """
    rows, keys, total = [], [], len(frame)
    for column in JOINING:
        codes, values = pd.factorize(frame[column].to_numpy(object), use_na_sentinel=True)
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        keys.append(total + codes[known])
        total += len(values)
    labels = _components(total, np.concatenate(rows), np.concatenate(keys))[: len(frame)]
    smallest = _smallest(frame["image_id"].to_numpy(object), labels)
    return pd.Series(smallest, index=frame.index, name="group_id").astype("str")


def _components(nodes: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    edges = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(nodes, nodes))
    return connected_components(edges, directed=False)[1].astype(np.int64)


def _smallest(names: NDArray[np.object_], labels: NDArray[np.int64]) -> NDArray[np.object_]:
    """For each position the smallest name under the same label."""
    order = np.argsort(names.astype(str), kind="stable")
    _, first = np.unique(labels[order], return_index=True)  # labels are 0..k-1, each of them there
    return names[order][first][np.unique(labels, return_inverse=True)[1]]
