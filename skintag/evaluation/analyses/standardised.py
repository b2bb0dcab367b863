"""Differences between groups as they are, and standardised over the datasets and conditions that both have.

Skin types, sexes and ages come from other datasets and have other conditions, and a model errs more on some of these
than on others. A raw difference mixes that with what the group itself does. The standardised one compares images of
one dataset and one condition at a time: rates by Mantel and Haenszel, AUROC over the same pairs of a malignant and a
benign condition (`statistics.contrasts`), with the variance and the small-sample rules of `statistics.uncertainty`.
Datasets and domains are standardised over conditions alone: a dataset is not found in another.

It says nothing of images without a counterpart: `shared_a` and `shared_b` count those that have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.evaluation.analyses.assess import LARGE, AssessmentSettings
from skintag.evaluation.metrics.groups import DATASET, DOMAIN, Grouping
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import cluster_names
from skintag.evaluation.statistics.contrasts import ConditionPairs, standardised_difference
from skintag.evaluation.statistics.differences import holm
from skintag.evaluation.statistics.sides import Contrast, RowDraws
from skintag.evaluation.statistics.uncertainty import PATIENTS, Uncertainty

METRICS: Final = ("sensitivity", "specificity", "auroc")
OVER_BOTH: Final = "dataset and condition"
OVER_DATASET: Final = "dataset"
OVER_CONDITION: Final = "condition"
STANDARDISED_COLUMNS: Final = (
    "grouping", "metric", "group_a", "group_b", "over", "raw", "raw_low", "raw_high", "value", "low", "high",
    "single_low", "single_high", "p_value", "n_a", "n_b", "shared_a", "shared_b", "clusters", "note",
)  # fmt: skip
GAP_COLUMNS: Final = (
    "grouping", "metric", "over", "value", "low", "high", "apart", "p_value", "p_holm", "group_a", "group_b",
    "surest", "shared_a", "n_a", "shared_b", "n_b", "pairs_told", "pairs", "note",
)  # fmt: skip
RESAMPLES: Final = 400  # they give a variance, not quantiles
OF_LARGE: Final = 100
MOST_GROUPS: Final = 10  # of more, pairs are too many to read
_CONDITIONS: Final = 100  # numbers for each dataset's conditions


def standardised_pairs(
    rows: TestPredictions,
    threshold: float,
    pairs: pd.DataFrame,
    groupings: Sequence[Grouping],
    settings: AssessmentSettings,
) -> pd.DataFrame:
    """Each difference of two groups, raw and standardised: `STANDARDISED_COLUMNS`.

    Args:
        rows, threshold: one model's test rows; decisions are `score >= threshold`.
        pairs: that model's `gaps.PAIR_COLUMNS`, which give the raw differences and which groups are large enough.
        groupings: those to go through; of two to `MOST_GROUPS` groups.
        settings: confidence, seed, minimum.

    Returns:
        `value` with limits that hold for all pairs of a grouping together (Bonferroni) and by themselves (`single_`);
        they are nan, and `note` says why, where a side has too few images or patients in shared strata. `n_a` counts
        the images that a metric is of on a side, `shared_a` those in strata that the other side has too. No rows
        where nothing is known to standardise over.
    """
    draws: RowDraws | None = None
    out = []
    for grouping in groupings:
        over = _over(rows.frame, grouping)
        own = pairs[(pairs["grouping"] == grouping.name) & pairs["metric"].isin(METRICS)]
        codes, names = grouping.codes(rows.frame)
        if own.empty or not over or len(names) > MOST_GROUPS:
            continue
        if draws is None:
            number = OF_LARGE if len(rows) > LARGE else min(RESAMPLES, settings.resamples)
            draws = RowDraws.draw(cluster_names(rows.frame), number, settings.seed)
        strata = _strata(rows.frame, over)
        for _, pair in own.iterrows():
            a, b = (codes == names.index(pair[side]) for side in ("group_a", "group_b"))
            compared = _compared(pair["metric"], rows, threshold, strata, a, b, draws)
            together = int((own["metric"] == pair["metric"]).sum())
            figures = _figures(*compared, together, settings)
            names_of = {c: pair[c] for c in ("grouping", "metric", "group_a", "group_b")}
            raw = {"raw": pair["difference"], "raw_low": pair["low"], "raw_high": pair["high"]}
            out.append({**names_of, "over": over, **raw, **figures})
    return pd.DataFrame(out, columns=list(STANDARDISED_COLUMNS))


def standardised_gaps(pairs: pd.DataFrame) -> pd.DataFrame:
    """The largest standardised difference of each grouping and metric: `GAP_COLUMNS`.

    Its limits are the smallest and the largest gap that the simultaneous limits of all pairs that can be told allow;
    its p-value is the smallest of theirs by Bonferroni, and `p_holm` corrects it over all groupings and metrics.
    `apart` says whether that is below 5%. `group_a` and `group_b` differ most; `surest` names the pair with the
    smallest p-value, which is what `apart` and `low` may stand on.
    """
    out = []
    for (grouping, metric), part in pairs.groupby(["grouping", "metric"], sort=False):
        told = part[part["value"].notna()]
        first = (told if len(told) else part).iloc[0]
        figures: dict[str, object] = {"note": "" if len(told) else str(first["note"])}
        if len(told):
            first = told.iloc[int(told["value"].abs().to_numpy().argmax())]
            nearest = np.maximum(np.maximum(told["low"], -told["high"]), 0.0)
            figures["value"], figures["low"] = abs(first["value"]), nearest.max()
            figures["high"] = min(np.maximum(told["low"].abs(), told["high"].abs()).max(), 1.0)
            figures["p_value"] = min(1.0, told["p_value"].min() * len(part))
            figures["surest"] = _in_order(told.iloc[int(told["p_value"].to_numpy().argmin())])
        # a pair in the order in which its difference is positive
        turn = len(told) and first["value"] < 0
        a, b = ("b", "a") if turn else ("a", "b")
        sides = {
            f"{c}_{x}": first[f"{c}_{y}"] for c in ("group", "shared", "n") for x, y in (("a", a), ("b", b))
        }
        head = {"grouping": grouping, "metric": metric, "over": first["over"]}
        out.append({**head, **figures, **sides, "pairs_told": len(told), "pairs": len(part)})
    table = pd.DataFrame(out, columns=list(GAP_COLUMNS))
    numbers = ["value", "low", "high", "p_value"]
    table[numbers] = table[numbers].astype(float)
    table["p_holm"] = holm(table["p_value"])
    table["apart"] = table["p_holm"] < 0.05
    return table


def _in_order(pair: pd.Series) -> str:
    """`A above B`, as the pair's difference has it."""
    a, b = ("group_a", "group_b") if pair["value"] >= 0 else ("group_b", "group_a")
    return f"{pair[a]} above {pair[b]}"


def _over(frame: pd.DataFrame, grouping: Grouping) -> str:
    """What this grouping is standardised over; empty where nothing that is known varies."""
    conditions = len(frame["condition"].dropna().unique()) > 1
    if grouping.name in (DATASET.name, DOMAIN.name):
        return OVER_CONDITION if conditions else ""
    if len(frame["dataset"].unique()) > 1:
        return OVER_BOTH if conditions else OVER_DATASET
    return OVER_CONDITION if conditions else ""


def _strata(frame: pd.DataFrame, over: str) -> NDArray[np.int64]:
    """Number of each row's stratum, int64 [n]: dataset x 100 + condition; -1 where its condition is not known."""
    dataset = pd.factorize(frame["dataset"])[0] if over != OVER_CONDITION else np.zeros(len(frame), np.int64)
    if over == OVER_DATASET:
        return dataset.astype(np.int64) * _CONDITIONS
    condition = frame["condition"].fillna(-1).to_numpy(np.int64)
    return np.where(condition >= 0, dataset * _CONDITIONS + condition, -1).astype(np.int64)


def _compared(
    metric: str,
    rows: TestPredictions,
    threshold: float,
    strata: NDArray[np.int64],
    a: NDArray[np.bool_],
    b: NDArray[np.bool_],
    draws: RowDraws,
) -> tuple[Contrast, tuple[int, int], tuple[int, int]]:
    """The standardised contrast, a minus b; images of either side; those of them in shared strata."""
    target, score = rows.target, rows.score
    if metric == "auroc":
        known = np.unique(strata[strata >= 0])
        pairs = ConditionPairs.shared(
            strata, target, a, b, conditions=known.tolist(), minimum=1, within=_CONDITIONS
        )
        taken = np.zeros(len(target), dtype=bool)
        for up, down in pairs.pairs:
            taken |= ((strata == up) & (target == 1)) | ((strata == down) & (target == 0))
        sides = (pairs.auroc(score, strata, target, side, draws) for side in (a, b))
        shared = (int((taken & a).sum()), int((taken & b).sum()))
        return next(sides) - next(sides), (int(a.sum()), int(b.sum())), shared
    own = target == (1 if metric == "sensitivity" else 0)
    right = (score >= threshold) == (target == 1)
    side = np.where(own & a, 1, np.where(own & b, 0, -1))
    contrast = standardised_difference(right.astype(np.float64), side, strata, draws)
    return contrast, (int((own & a).sum()), int((own & b).sum())), (contrast.n_a, contrast.n_b)


def _figures(
    contrast: Contrast,
    n: tuple[int, int],
    shared: tuple[int, int],
    together: int,
    settings: AssessmentSettings,
) -> dict[str, object]:
    """The numbers of one pair; nan with a note where they cannot be told."""
    clusters = round(contrast.clusters, 6)
    names = ("n_a", "n_b", "shared_a", "shared_b", "clusters")
    counts = dict(zip(names, (*n, *shared, clusters), strict=True))
    rows = min(contrast.n_a, contrast.n_b)
    found = Uncertainty.of(contrast)
    if rows < settings.minimum or clusters < PATIENTS or found is None:
        least = f"{rows} images of a class and {contrast.clusters:.0f} independent patients or lesions"
        note = f"cannot be told: on a side {least} in shared strata" if rows else "no stratum has both groups"
        nan = dict.fromkeys(("value", "low", "high", "single_low", "single_high", "p_value"), np.nan)
        return {**nan, **counts, "note": note}
    shared_confidence = 1 - (1 - settings.confidence) / together
    *both, p = found.limits(contrast.value, shared_confidence)
    single = found.limits(contrast.value, settings.confidence)[:2]
    # no difference of two rates or areas lies further out
    low, high, single_low, single_high = np.clip([*both, *single], -1.0, 1.0).tolist()
    limits = {"low": low, "high": high, "single_low": single_low, "single_high": single_high, "p_value": p}
    return {"value": contrast.value, **limits, **counts, "note": ""}
