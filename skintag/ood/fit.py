"""From embeddings to the arrays of an out-of-distribution reference; numpy only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skintag.core.errors import ConfigError, DataError
from skintag.ood.settings import OodSettings
from skintag.ood.subspace import Subspace

Floats = NDArray[np.float64]
Groups = ArrayLike | Mapping[str, ArrayLike] | None
"""[n] group of each row; or several such groupings by name."""


def gaussian_arrays(
    train: Floats, classes: NDArray[np.int64], settings: OodSettings
) -> tuple[dict[str, NDArray[Any]], float, float]:
    """Arrays of the class means with their common covariance, and the variances beside the directions."""
    means = np.stack([train[classes == c].mean(axis=0) for c in range(classes.max() + 1)]).astype(np.float32)
    within = Subspace.of(train - means[classes], settings.rank)
    arrays: dict[str, NDArray[Any]] = {
        "means": means,
        "directions": within.directions,
        "variances": within.variances,
    }
    if settings.kind == "mahalanobis":
        return arrays, within.rest, 1.0
    middle = train.mean(axis=0).astype(np.float32)
    every = Subspace.of(train - middle, settings.rank)
    arrays |= {
        "background_mean": middle,
        "background_directions": every.directions,
        "background_variances": every.variances,
    }
    return arrays, within.rest, every.rest


def knn_arrays(train: Floats, settings: OodSettings) -> tuple[dict[str, NDArray[Any]], float, float]:
    """Arrays of the kept rows, each as its coordinates along the main directions of all rows."""
    rows = unit_rows(train)
    middle = rows.mean(axis=0).astype(np.float32)
    space = Subspace.of(rows - middle, settings.rank)
    draw = np.random.default_rng(settings.seed)
    kept = np.sort(draw.permutation(len(rows))[: settings.rows])
    coordinates = space.coordinates(rows[kept] - middle)[0].astype(np.float16)
    arrays: dict[str, NDArray[Any]] = {
        "means": middle[None],
        "directions": space.directions,
        "variances": space.variances,
        "rows": coordinates,
    }
    return arrays, space.rest, 1.0


def unit_rows(rows: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays one."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float64).tiny)


def checked_rows(values: ArrayLike, what: str, least: int) -> Floats:
    """Embeddings as float64 [n, D]; raises DataError where there are fewer than `least`, or some not finite."""
    rows = np.asarray(values, dtype=np.float64)
    problem = f"shape {rows.shape}" if rows.ndim != 2 or len(rows) < least or not rows.shape[1] else ""
    if not problem and not np.isfinite(rows).all():
        problem = f"{int((~np.isfinite(rows).all(axis=1)).sum()):,} row(s) that are not finite"
    if problem:
        raise DataError(
            what,
            expected=f"finite numbers [n, D], n at least {least}",
            found=problem,
            fix="give the embeddings of the run's own train and val images",
        )
    return rows


def class_numbers(labels: ArrayLike | None, n: int, settings: OodSettings) -> NDArray[np.int64]:
    """Class numbers [n], each of which occurs; all 0 without labels."""
    if labels is None:
        if settings.kind == "relative_mahalanobis":
            raise ConfigError("ood.kind is 'relative_mahalanobis', which needs labels of the training rows")
        return np.zeros(n, dtype=np.int64)
    values = np.asarray(labels)
    check_same("labels", f"one for each of {n:,} training rows", len(values), n)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def least_limit(scores: Floats, target: float) -> float:
    """The least score that at least the share `target` of [n] scores does not exceed."""
    return float(np.sort(scores)[int(np.ceil(target * len(scores))) - 1])


def groups_with_a_say(groups: Groups, n: int, settings: OodSettings) -> list[NDArray[np.int64]]:
    """Rows of val that have a say together: all, and those of each group that is large enough."""
    members = members_of(groups, n).values()
    return [np.arange(n), *(rows for rows in members if len(rows) >= settings.smallest)]


def members_of(groups: Groups, n: int) -> dict[str, NDArray[np.int64]]:
    """Rows of each group, by the names of grouping and group; a missing value is in none."""
    named = groups if isinstance(groups, Mapping) else {} if groups is None else {"group": groups}
    out: dict[str, NDArray[np.int64]] = {}
    for name, labels in named.items():
        values = np.asarray(labels, dtype=object)
        check_same("val groups", f"one for each of {n:,} val rows", len(values), n)
        known = [v for v in dict.fromkeys(values.tolist()) if v is not None and v == v]
        out |= {f"{name} {v}": np.flatnonzero(values == v) for v in known}
    return out


def check_same(where: str, expected: str, found: object, wanted: object) -> None:
    """Raise DataError where widths or lengths differ that belong together."""
    if found != wanted:
        raise DataError(where, expected=expected, found=str(found), fix="use embeddings of one model")
