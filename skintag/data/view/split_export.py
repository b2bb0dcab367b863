"""The rows of a split as a file has them: every image that can be split, once for each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from skintag.core.errors import ConfigError
from skintag.core.vocabulary import SPLITS
from skintag.data.catalog.schema import check_unique
from skintag.data.view.split_table import LEFT_OUT
from skintag.data.view.splits import Folds, Split


def splits_of(split: Split, seed: int, repeats: int) -> list[tuple[Split, int]]:
    """The splits that a file holds, each with its seed: all folds of a cross-validation, or some repeats.

    Raises:
        ConfigError: both.
    """
    if isinstance(split, Folds):
        if repeats > 1:
            raise ConfigError(
                f"repeats={repeats}: split=folds is {split.k} splits already; write a file a seed"
            )
        return [(replace(split, fold=fold), seed) for fold in range(split.k)]
    return [(split, seed + i) for i in range(repeats)]


def rows_of(catalog: pd.DataFrame, parts: Sequence[tuple[Split, int]]) -> pd.DataFrame:
    """A row an image and split; columns of `split_table.COLUMNS`, `fold` where there are several splits.

    Args:
        catalog: rows with CATALOG_COLUMNS; those that cannot be read or have no diagnosis are in no split.
        parts: splits with their seeds, see `splits_of`.

    Raises:
        DataError: as `Split.assign`.
    """
    check_unique(catalog, "catalog")
    usable = catalog[(catalog["status"] == "ok") & catalog["malignancy"].notna()]
    usable = usable.sort_values("image_id", ignore_index=True)
    tables = []
    for fold, (split, seed) in enumerate(parts):
        side = split.assign(usable, seed)
        table = pd.DataFrame(
            {
                "image_id": usable["image_id"],
                "dataset": usable["dataset"],
                "split": np.where(np.isin(side, SPLITS), side, LEFT_OUT),
                "fold": fold,
                "group": usable["group_id"],
                "content_hash": usable["content_hash"],
            }
        )
        tables.append(table if len(parts) > 1 else table.drop(columns="fold"))
    return pd.concat(tables, ignore_index=True)


def described(frame: pd.DataFrame) -> dict[str, Any]:
    """How many images each split has on each side: of one split, or by fold."""
    if "fold" not in frame:
        return {str(name): int(n) for name, n in frame["split"].value_counts().sort_index().items()}
    return {str(fold): described(rows.drop(columns="fold")) for fold, rows in frame.groupby("fold")}
