"""Where a model is wrong: its worst errors one by one, and error rates by condition and skin type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from skintag.core.vocabulary import CONDITIONS
from skintag.evaluation.decisions.triage import TriagePolicy, condition_scores, top_condition
from skintag.evaluation.metrics.groups import FST_GROUP, Grouping
from skintag.evaluation.predictions.predictions import Predictions, TestPredictions

ALL: Final = "all"
UNKNOWN: Final = "unknown"
METADATA: Final = (
    "dataset", "domain", "malignancy", "fitzpatrick", "fst_group", "sex", "age_group", "site", "lesion_id",
    "patient_id", "group_id",
)  # fmt: skip


def worst_errors(
    predictions: Predictions,
    model: str,
    threshold: float,
    policies: Mapping[str, TriagePolicy] | None = None,
    *,
    k: int = 20,
    one_per_cluster: bool = True,
) -> pd.DataFrame:
    """The k malignant test images with the lowest scores below the threshold, and the k others with the highest.

    Args:
        predictions: the table.
        model: whose errors.
        threshold: decisions are `score >= threshold`.
        policies: by name; gives each error the tier that it would have had.
        k: of each kind, at most.
        one_per_cluster: show of each patient or lesion its worst image only; `n_cluster_errors` says how many of
            its images are errors of that kind.

    Returns:
        A row per error, worst first: `kind` (`false_negative`, `false_positive`), `rank` from 1, `image_id`, `score`,
        `threshold`, `condition` and `predicted_condition` by name (null where not given), `p_top` (the latter's
        score), `n_cluster_errors`, `tier_<policy>` for each policy, and `METADATA`.
    """
    rows, parts = predictions.test(model), []
    frame = _described(rows, threshold, policies or {})
    wrong = (rows.score >= threshold) != (rows.target == 1)
    for kind, target, ascending in (("false_negative", 1, True), ("false_positive", 0, False)):
        part = frame[wrong & (rows.target == target)]
        part = part.sort_values(["score", "image_id"], ascending=[ascending, True], kind="stable")
        cluster = part["group_id"].fillna("\0" + part["image_id"])
        part = part.assign(n_cluster_errors=cluster.map(cluster.value_counts()).astype("int64"))
        if one_per_cluster:
            part = part[~cluster.duplicated().to_numpy()]
        part = part.head(k)
        parts.append(part.assign(kind=kind, rank=np.arange(1, len(part) + 1)))
    first = ["kind", "rank", "image_id", "score", "threshold", "condition", "predicted_condition", "p_top"]
    first += ["n_cluster_errors", *(f"tier_{name}" for name in policies or {})]
    return pd.concat(parts, ignore_index=True)[[*first, *METADATA]]


def error_table(
    predictions: Predictions,
    model: str,
    threshold: float,
    *,
    grouping: Grouping = FST_GROUP,
    minimum: int = 10,
) -> pd.DataFrame:
    """Errors on test by condition and skin type (or another grouping), with their margins.

    Args:
        predictions: the table.
        model: whose errors.
        threshold: decisions are `score >= threshold`.
        grouping: the columns of the table.
        minimum: cells with fewer images are marked `too_few`.

    Returns:
        A row per pair of a condition and a group that has images, both with `all` and with `unknown`, where the table
        does not say (unknown is not a group: it is there so that the numbers add up): `condition group n n_malignant
        errors false_negatives false_positives rate too_few`. `rate` is errors / n. A group that is itself called
        `all` or `unknown` is in quotes: `'unknown'`.
    """
    rows = predictions.test(model)
    names = _names(rows.frame["condition"]).fillna(UNKNOWN)
    codes, found = grouping.codes(rows.frame)
    groups = [repr(name) if name in (ALL, UNKNOWN) else name for name in found]
    labels = np.array([*groups, UNKNOWN], dtype=object)[codes]  # code -1 is the last: unknown
    malignant, decision = rows.target == 1, rows.score >= threshold
    base = pd.DataFrame(
        {
            "condition": names.to_numpy(dtype=object),
            "group": labels,
            "n": 1,
            "n_malignant": malignant.astype(int),
            "false_negatives": (malignant & ~decision).astype(int),
            "false_positives": (~malignant & decision).astype(int),
        }
    )
    return _counted(base, groups, minimum)


def _counted(base: pd.DataFrame, groups: Sequence[str], minimum: int) -> pd.DataFrame:
    """The rows summed up by condition and group, and with `all` of either or both."""
    versions = [
        base,
        base.assign(group=ALL),
        base.assign(condition=ALL),
        base.assign(condition=ALL, group=ALL),
    ]
    cells = pd.concat(versions).groupby(["condition", "group"], as_index=False).sum()
    cells["errors"] = cells["false_negatives"] + cells["false_positives"]
    cells["rate"] = cells["errors"] / cells["n"]
    cells["too_few"] = cells["n"] < minimum
    by_row = {name: i for i, name in enumerate((ALL, *CONDITIONS, UNKNOWN))}
    by_column = {name: i for i, name in enumerate((ALL, *groups, UNKNOWN))}
    order = np.lexsort((cells["group"].map(by_column), cells["condition"].map(by_row)))
    columns = [
        "condition",
        "group",
        "n",
        "n_malignant",
        "errors",
        "false_negatives",
        "false_positives",
        "rate",
    ]
    return cells.iloc[order].reset_index(drop=True)[[*columns, "too_few"]]


def _described(rows: TestPredictions, threshold: float, policies: Mapping[str, TriagePolicy]) -> pd.DataFrame:
    """The rows with score, conditions by name and tiers."""
    frame, conditions = rows.frame, condition_scores(rows.frame)
    top = top_condition(conditions, len(rows))
    p_top = np.full(len(rows), np.nan)
    p_top[top >= 0] = conditions[top >= 0, top[top >= 0]]
    tiers = {f"tier_{name}": policy.tiers(rows.score, conditions) for name, policy in policies.items()}
    return frame.assign(
        score=rows.score,
        threshold=threshold,
        condition=_names(frame["condition"]),
        predicted_condition=_names(pd.Series(top, index=frame.index).where(top >= 0).astype("Int8")),
        p_top=p_top,
        **tiers,
    )


def _names(conditions: pd.Series) -> pd.Series:
    """Condition numbers as names, str; null stays null."""
    return conditions.map(dict(enumerate(CONDITIONS)), na_action="ignore").astype("str")
