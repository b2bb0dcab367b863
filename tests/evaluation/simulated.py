"""Predictions tables made to order for tests: clusters of images, groups, and models of known quality."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from skintag.evaluation.predictions.predictions import Predictions

GROUPS = ("I-II", "III-IV", "V-VI")


def images(
    n: int = 600, seed: int = 0, *, split_seed: int | None = None, per_cluster: int = 3
) -> pd.DataFrame:
    """Rows without scores: half of them malignant by cluster, a third val and the rest test."""
    rng = np.random.default_rng(seed)
    cluster = np.arange(n) // per_cluster
    ill = rng.random(cluster[-1] + 1) < 0.5
    splitter = rng if split_seed is None else np.random.default_rng(split_seed)
    val = splitter.random(cluster[-1] + 1) < 1 / 3
    tone = rng.choice([*GROUPS, None], cluster[-1] + 1)
    return pd.DataFrame(
        {
            "image_id": [f"i{i:05d}" for i in range(n)],
            "dataset": np.where(cluster % 2, "ham10000", "ddi"),
            "domain": np.where(cluster % 2, "dermoscopic", "clinical"),
            "split": np.where(val[cluster], "val", "test"),
            "target": ill[cluster].astype("int8"),
            "condition": pd.array(np.where(ill[cluster], 0, 4), dtype="Int8"),
            "fst_group": pd.Series(tone[cluster], dtype="str"),
            "group_id": [f"c{c:05d}" for c in cluster],
        }
    )


def scored(
    frame: pd.DataFrame,
    separations: Mapping[str, float],
    seed: int = 0,
    *,
    harder: Mapping[str, float] | None = None,
    common: float = 0.5,
) -> Predictions:
    """Models whose malignant scores lie `separation` standard deviations above the others.

    Args:
        frame: of `images`.
        separations: model -> separation.
        seed: of the noise.
        harder: skin type group -> what is taken off the separation there, for all models.
        common: share of the noise's variance that is the image's own, the same for all models.
    """
    rng = np.random.default_rng(seed)
    own = np.sqrt(common) * np.random.default_rng(17).normal(size=len(frame))
    less = frame["fst_group"].map(dict(harder or {})).fillna(0.0).to_numpy(dtype=float)
    tables = []
    for model, separation in separations.items():
        noise = own + np.sqrt(1 - common) * rng.normal(size=len(frame))
        z = (separation - less) * (frame["target"].to_numpy() - 0.5) + noise
        conditions = np.full((len(frame), 10), 0.04)
        conditions[np.arange(len(frame)), np.where(z > 0, 0, 4)] = 0.64
        tables.append(Predictions.from_arrays(frame, model, 1 / (1 + np.exp(-z)), conditions))
    return Predictions.concat(tables)
