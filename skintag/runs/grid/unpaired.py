"""Differences between levels on test images that are not the same."""

from __future__ import annotations

import numpy as np
import pandas as pd

KEYS = ["model", "grouping", "group", "metric"]


def unpaired_differences(
    levels: pd.DataFrame, reference: pd.DataFrame, on: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Levels minus those of the reference, each with an interval that takes both sides as independent.

    That is too wide where images are on both sides. Limits are put together as Newcombe (1998, Stat Med 17:873)
    puts those of two proportions together. There is no p-value.

    Args:
        levels: `levels` of `skintag.evaluation.analyses.seeds.SeedSummary`.
        reference: the same of one name; or of several, then `on=("name",)` pairs equal names.
        on: further columns that both sides have to agree in.

    Returns:
        The columns of `SeedSummary.differences` that can be told, and `paired`, False.
    """
    both = levels.merge(reference, on=[*on, *KEYS], suffixes=("", "_reference"))
    low = np.hypot(both["mean"] - both["low"], both["high_reference"] - both["mean_reference"])
    high = np.hypot(both["high"] - both["mean"], both["mean_reference"] - both["low_reference"])
    value = both["mean"] - both["mean_reference"]
    out = both[["name", *KEYS, "n_seeds", "n", "n_positive"]].copy()
    out["reference"] = both["name"] if "name" in on else both["name_reference"]
    out = out.assign(mean_a=both["mean"], mean_b=both["mean_reference"], difference=value, low=value - low)
    out = out.assign(high=value + high, p_holm=np.nan, paired=False)
    return out.assign(too_few=(both["too_few"] | both["too_few_reference"]).astype(bool))
