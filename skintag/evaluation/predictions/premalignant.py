"""How a table's binary target counts premalignant lesions, read off the rows themselves."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few

NONE_IN_TABLE: Final = "none in table"


def premalignant_side(frame: pd.DataFrame, where: object) -> str:
    """`malignant` or `benign`, whichever the target makes of premalignant rows.

    Args:
        frame: rows with `image_id`, `target` (0, 1) and `malignancy` (of the schema; null where unknown).
        where: the file, for messages.

    Returns:
        `none in table` where no row is premalignant; empty where no row says what its lesion is.

    Raises:
        DataError: a benign row has target 1, a malignant one 0, or premalignant rows have both.
    """
    malignancy = frame["malignancy"]
    positive = frame["target"].astype("int64") == 1
    wrong = ((malignancy == "benign") & positive) | ((malignancy == "malignant") & ~positive)
    middle = malignancy == "premalignant"
    fewer = middle & (positive if 2 * positive[middle].sum() < middle.sum() else ~positive)
    if wrong.any() or fewer.any():
        bad = frame[wrong if wrong.any() else fewer].drop_duplicates("image_id")
        rows = [
            f"{image} ({word}, target {target})"
            for image, word, target in zip(bad["image_id"], bad["malignancy"], bad["target"], strict=True)
        ]
        raise DataError(
            where,
            expected="a target that follows from malignancy: benign is 0, malignant is 1, premalignant always the same",
            found=f"{len(rows):,} image(s) where not: {first_few(rows, 5)}",
            fix="correct the labels; or leave one of the two out, in somebody's table with columns.malignancy=null",
        )
    if not middle.any():
        return NONE_IN_TABLE if malignancy.notna().any() else ""
    return "malignant" if positive[middle].all() else "benign"
