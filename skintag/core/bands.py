"""Skin types and ages in the groups that reports show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skintag.core.vocabulary import AGE_BANDS, FST_GROUP_OF


def fst_group_of(fitzpatrick: pd.Series) -> pd.Series:
    """Fitzpatrick types 1..6 (null allowed) to `I-II`, `III-IV`, `V-VI`."""
    return fitzpatrick.map(FST_GROUP_OF).astype("str")


def age_group_of(age: pd.Series) -> pd.Series:
    """Ages in years to `AGE_BANDS`; null stays null."""
    years = age.to_numpy(dtype=np.float64, na_value=np.nan)
    names = np.array(list(AGE_BANDS), dtype=object)
    band = np.searchsorted(list(AGE_BANDS.values()), np.nan_to_num(years), side="right") - 1
    groups = np.where(np.isnan(years), None, names[band])
    return pd.Series(groups, index=age.index, dtype="str")
