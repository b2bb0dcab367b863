"""Columns of the predictions table, and the checks that every such table passes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from skintag.core.errors import DataError, first_few, near_matches
from skintag.core.vocabulary import MALIGNANCY, SPLITS

# The ten conditions of the taxonomy; an eleventh column is there only in tables of the extended taxonomy.
CONDITION_COLUMNS: Final = tuple(f"p_condition_{i}" for i in range(10))
EXTENDED_COLUMN: Final = "p_condition_10"

REQUIRED_COLUMNS: Final[dict[str, str]] = {
    "image_id": "str",
    "dataset": "str",
    "domain": "str",
    "split": "str",  # one of SPLITS
    "model": "str",
    "p_malignant": "float64",  # [0, 1]; float64 holds the float32 that most models give without rounding
    "target": "Int8",  # 0 or 1
}
OPTIONAL_COLUMNS: Final[dict[str, str]] = {
    **dict.fromkeys((*CONDITION_COLUMNS, EXTENDED_COLUMN), "float32"),  # null: a model without conditions
    "condition": "Int8",
    "malignancy": "str",  # one of MALIGNANCY, the source's own label; null where the source has two values only
    "fitzpatrick": "Int8",
    "fst_group": "str",
    "sex": "str",
    "age_group": "str",
    "site": "str",
    "lesion_id": "str",
    "patient_id": "str",
    "group_id": "str",
}
COLUMNS: Final = (
    "image_id", "dataset", "domain", "split", "model", "p_malignant", *CONDITION_COLUMNS, "target",
    "condition", "malignancy", "fitzpatrick", "fst_group", "sex", "age_group", "site", "lesion_id", "patient_id",
    "group_id",
)  # fmt: skip
_INTEGER_RANGES: Final = {"target": (0, 1), "condition": (0, 10), "fitzpatrick": (1, 6)}


def null_column(column: str, index: pd.Index) -> pd.Series:
    """A column of nulls with the dtype that the table's column of this name has."""
    dtype = {**REQUIRED_COLUMNS, **OPTIONAL_COLUMNS}[column]
    return pd.Series(None if dtype == "str" else np.nan, index=index, dtype=dtype)


def checked(frame: pd.DataFrame, where: object) -> pd.DataFrame:
    """The frame with `COLUMNS` in order, typed, in range, and sorted by model, split and image_id.

    Raises:
        DataError: naming `where`, the rows and what was expected of them.
    """
    _check_names(frame, where)
    frame = frame.reset_index(drop=True)
    columns = {}
    for name in (*COLUMNS, *([EXTENDED_COLUMN] if EXTENDED_COLUMN in frame else [])):
        columns[name] = _typed(frame[name], name, where) if name in frame else null_column(name, frame.index)
    out = pd.DataFrame(columns)
    _check_values(out, where)
    twice = out.duplicated(["image_id", "model"])
    if twice.any():
        rows = out.loc[twice, ["model", "image_id"]].agg(" ".join, axis=1)
        raise DataError(
            where,
            expected="one row per image and model",
            found=f"{twice.sum()} pair(s) more than once: {first_few(list(rows), 5)}",
            fix="drop the repeated rows, or give the models different names",
        )
    rank = out["split"].map({name: i for i, name in enumerate(SPLITS)})
    order = out.assign(_rank=rank).sort_values(["model", "_rank", "image_id"], kind="stable").index
    return out.loc[order].reset_index(drop=True).astype({"target": "int8"})


def _check_names(frame: pd.DataFrame, where: object) -> None:
    missing = [name for name in REQUIRED_COLUMNS if name not in frame]
    known = {**REQUIRED_COLUMNS, **OPTIONAL_COLUMNS}
    unknown = [str(name) for name in frame.columns if name not in known]
    if missing or unknown:
        found = [f"no {name!r}" for name in missing] + [f"an unknown {name!r}" for name in unknown]
        wanted = f"the columns {', '.join(REQUIRED_COLUMNS)} and, optionally, {', '.join(OPTIONAL_COLUMNS)}"
        raise DataError(
            where,
            expected=wanted,
            found=", ".join(found),
            fix=near_matches(unknown[0], known) if unknown else "add the missing columns",
        )


def _typed(column: pd.Series, name: str, where: object) -> pd.Series:
    dtype: Any = {**REQUIRED_COLUMNS, **OPTIONAL_COLUMNS}[name]
    try:
        return column.astype(dtype)
    except (TypeError, ValueError) as error:
        raise DataError(
            where, expected=f"{dtype} values in {name!r}", found=str(error), fix="correct these rows"
        ) from error


def _check_values(out: pd.DataFrame, where: object) -> None:
    """Nulls where none may be, probabilities outside [0, 1], unknown splits, integers out of range."""

    def refuse(bad: pd.Series, name: str, expected: str) -> None:
        if bad.any():
            rows = [f"{i}: {v}" for i, v in zip(out.loc[bad, "image_id"], out.loc[bad, name], strict=True)]
            found = f"{len(rows)} other row(s): {first_few(rows, 5)}"
            raise DataError(where, expected=expected, found=found, fix=f"correct {name!r} in these rows")

    for name in REQUIRED_COLUMNS:
        refuse(out[name].isna(), name, f"a {name!r} in every row")
    refuse(~out["split"].isin(SPLITS), "split", f"split to be one of {', '.join(SPLITS)}")
    strange = out["malignancy"].notna() & ~out["malignancy"].isin(MALIGNANCY)
    refuse(strange, "malignancy", f"malignancy to be one of {', '.join(MALIGNANCY)}, or null")
    for name, (low, high) in _INTEGER_RANGES.items():
        outside = ~out[name].between(low, high)
        refuse(outside.fillna(False).astype(bool), name, f"{name!r} from {low} to {high}")
    conditions = [c for c in (*CONDITION_COLUMNS, EXTENDED_COLUMN) if c in out]
    for name in ("p_malignant", *conditions):
        refuse((out[name] < 0) | (out[name] > 1), name, f"{name!r} in [0, 1]")
    some = out[list(CONDITION_COLUMNS)].isna()
    refuse(some.any(axis=1) & ~some.all(axis=1), "p_condition_0", "all of p_condition_0..9 or none in a row")
