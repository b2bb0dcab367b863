"""Columns of few known values as small integers, and names as Hydra hands them over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, DataError, first_few, near_matches
from skintag.core.vocabulary import DOMAINS, FST_GROUPS

GROUP_NAMES: Final = tuple(f"{domain}/{group}" for domain in DOMAINS for group in (*FST_GROUPS, "unknown"))
"""What `group_index` counts through: each domain's skin-type groups, and its images without one."""


def level_codes(
    frame: pd.DataFrame, column: str, levels: Sequence[str], *, null: bool = True
) -> NDArray[np.int64]:
    """Position of each value of `column` in `levels`, int64 [n]; null is -1.

    Raises:
        DataError: a value that is not one of `levels`, or a null where `null` is false. Without this check
            a misspelt level would pass for "unknown" and quietly lose its rows.
    """
    values = frame[column]
    codes = pd.Index(levels).get_indexer(pd.Index(values)).astype(np.int64)
    empty = values.isna().to_numpy()
    wrong = (codes < 0) if not null else (codes < 0) & ~empty
    if wrong.any():
        found = sorted({str(value) for value in values[wrong]})
        raise DataError(
            f"column {column!r} of the catalog",
            expected=f"one of {', '.join(levels)}{' or null' if null else ''}",
            found=f"{first_few(found)}; {rows_named(frame, wrong)}",
            fix="correct the source's label table or adapter, then run skintag prepare again",
        )
    return np.where(empty, -1, codes)


def group_index(frame: pd.DataFrame) -> NDArray[np.int16]:
    """Position in GROUP_NAMES of each row, int16 [n]; raises as `level_codes` does."""
    group = level_codes(frame, "fst_group", FST_GROUPS)
    group[group < 0] = len(FST_GROUPS)
    domain = level_codes(frame, "domain", DOMAINS, null=False)
    return (domain * (len(FST_GROUPS) + 1) + group).astype(np.int16)


def rows_named(frame: pd.DataFrame, rows: NDArray[np.bool_]) -> str:
    """`3 row(s), e.g. ham10000/a, ...`, for messages."""
    return f"{int(rows.sum())} row(s), e.g. {first_few(list(frame['image_id'][rows]), 3)}"


def as_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """A tuple of names from any sequence of them; one name alone is a tuple of one, not of its letters."""
    return (value,) if isinstance(value, str) else tuple(str(name) for name in value)


def check_choice(key: str, value: str, choices: Sequence[str]) -> None:
    """Raise ConfigError, with near matches, where `value` is not one of `choices`."""
    if value not in choices:
        near = near_matches(str(value), choices)
        raise ConfigError(f"{key}={value!r} is not one of {', '.join(choices)}; {near}")
