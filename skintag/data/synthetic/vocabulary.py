"""The label vocabulary of the five public datasets, and how many rows of each label a benchmark gets.

`vocabulary.csv` has a row per label as its publisher writes it: `partition` (Fitzpatrick17k's nine-way
partition; BCN20000's `diagnosis_1|diagnosis_2`), its `rows` in the public metadata, the `look` it is drawn
with and its malignancy in the source. It is kept apart from the label tables that adapters use, so that
what an adapter reads can be checked against what was drawn.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import StringIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.synthetic.settings import MIN_ROWS_PER_DATASET

LEAST_ROWS_PER_LABEL = 4


@cache
def _whole_table() -> pd.DataFrame:
    text = files("skintag.data.synthetic").joinpath("vocabulary.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text), dtype={"rows": "int64"}, keep_default_na=False)


def vocabulary(dataset: str) -> pd.DataFrame:
    """Columns label, partition, rows, look, malignancy; the undiagnosed rows have all texts empty."""
    table = _whole_table()
    return table[table["dataset"] == dataset].drop(columns="dataset").reset_index(drop=True)


def rows_per_dataset(images: int, datasets: tuple[str, ...]) -> dict[str, int]:
    """Metadata rows of each dataset; they sum to `images`.

    In proportion to the square root of the real sizes, for in true proportion the 656 rows of DDI would be
    a handful in a small benchmark and no class of it would be in every split.
    """
    real = _whole_table().groupby("dataset")["rows"].sum()
    root = np.sqrt(real.loc[list(datasets)].to_numpy(np.float64))
    floor = MIN_ROWS_PER_DATASET
    quota = floor + (images - floor * len(datasets)) * root / root.sum()
    return dict(zip(datasets, rounded(quota).tolist(), strict=True))


def rows_per_cell(weights: NDArray[np.float64], total: int, least: int = 0) -> NDArray[np.int64]:
    """`total` rows over cells in proportion to `weights` (int64 [n]), each non-empty cell with about `least`.

    The minimum shrinks where `total` is too small for it to leave half of the rows to the proportions.
    """
    present = weights > 0
    floor = min(float(least), total / (2.0 * max(1, int(present.sum()))))
    quota = floor * present + (total - floor * present.sum()) * weights / weights.sum()
    return rounded(quota)


def rounded(quota: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers within 1 of `quota` whose every partial sum is within 1/2 of that of the quotas.

    Rounding the running total keeps any neighbouring cells together in proportion, which rounding each cell
    does not where most quotas are far below 1.
    """
    edges = np.floor(np.concatenate([[0.0], np.cumsum(quota)]) + 0.5)
    return np.diff(edges).astype(np.int64)
