"""Whether two models send the same images to the same triage tier, in every group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from skintag.evaluation.analyses.assess import DEFAULTS, AssessmentSettings
from skintag.evaluation.decisions.triage import TIERS
from skintag.evaluation.metrics.groups import DOMAIN, FST_GROUP, OVERALL, Grouping
from skintag.evaluation.statistics.bootstrap import Resamples
from skintag.evaluation.statistics.intervals import level_intervals
from skintag.evaluation.statistics.shares import clustered_shares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
OUTCOMES: Final = ("agreement", "lower", "higher", "dangerous")
"""Shares of images: same tier; the student's tier is lower, or higher; teacher HIGH and student LOW."""
_LOW, _HIGH = 0, len(TIERS) - 1


@dataclass(frozen=True)
class TierAgreement:
    """How the tiers of a teacher and its student agree on the same images."""

    groups: pd.DataFrame
    """A row per group: `grouping group n n_malignant`, of each of `OUTCOMES` the share with `_low` and `_high`
    clustered limits, `kappa` (Cohen, 1960, doi:10.1177/001316446002000104) with `kappa_low` and `kappa_high`,
    `n_dangerous`, `n_dangerous_malignant`, `n_newly_missed` (malignancies that the student has in LOW and the
    teacher has not), `n_newly_caught` (the reverse), and `too_few` (fewer images than the minimum). nan where it
    cannot be told: kappa, where both models put all images into one tier."""
    table: pd.DataFrame
    """9 rows over all images: `teacher student n n_malignant`."""


def tier_agreement(
    frame: pd.DataFrame,
    teacher: NDArray[np.integer],
    student: NDArray[np.integer],
    draws: Resamples,
    *,
    groupings: Sequence[Grouping] = (OVERALL, DOMAIN, FST_GROUP),
    settings: AssessmentSettings = DEFAULTS,
) -> TierAgreement:
    """Agreement of the tiers [n] that two models give the same n images.

    Args:
        frame: the images' rows, with `target` and the columns of the groupings.
        teacher: positions in `TIERS`, by the model's own policy.
        student: the same of the other model.
        draws: of the clusters of these rows.
        groupings: how they fall into groups.
        settings: confidence and minimum.
    """
    first, second = np.asarray(teacher, dtype=np.int64), np.asarray(student, dtype=np.int64)
    malignant = frame["target"].to_numpy(dtype=np.int64) == 1
    parts = [_grouped(frame, g, first, second, malignant, draws, settings) for g in groupings]
    return TierAgreement(pd.concat(parts, ignore_index=True), _table(first, second, malignant))


def cohens_kappa(counts: Floats) -> Floats:
    """Agreement beyond chance of counts [..., k, k]; nan where chance alone agrees always, or nothing is counted.

    >>> cohens_kappa(np.array([[20.0, 5.0], [10.0, 15.0]])).round(3).item()
    0.4
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / counts.sum(axis=(-2, -1), keepdims=True)
        observed = np.trace(share, axis1=-2, axis2=-1)
        chance = (share.sum(axis=-1) * share.sum(axis=-2)).sum(axis=-1)
        return np.where(chance < 1 - 1e-12, (observed - chance) / (1 - chance), np.nan)


def _grouped(
    frame: pd.DataFrame,
    grouping: Grouping,
    first: Ints,
    second: Ints,
    malignant: NDArray[np.bool_],
    draws: Resamples,
    settings: AssessmentSettings,
) -> pd.DataFrame:
    """A row per group of one grouping."""
    codes, names = grouping.codes(frame)
    dangerous = (first == _HIGH) & (second == _LOW)
    happens = dict(zip(OUTCOMES, (first == second, second < first, second > first, dangerous), strict=True))
    counted = {
        "n": codes >= 0,
        "n_malignant": malignant,
        "n_dangerous": dangerous,
        "n_dangerous_malignant": dangerous & malignant,
        "n_newly_missed": malignant & (first != _LOW) & (second == _LOW),
        "n_newly_caught": malignant & (first == _LOW) & (second != _LOW),
    }
    number = len(names)
    columns: dict[str, object] = {"grouping": [grouping.name] * number, "group": list(names)}
    columns |= {
        name: np.bincount(codes[rows & (codes >= 0)], minlength=number) for name, rows in counted.items()
    }
    for outcome, rows in happens.items():
        share = clustered_shares(
            codes, np.where(rows, 0, -1), (number, 1), draws, confidence=settings.confidence
        )
        columns |= {
            outcome: share.value[:, 0], f"{outcome}_low": share.low[:, 0], f"{outcome}_high": share.high[:, 0],
            "doubtful": share.doubtful,  # all stand on the group's images
        }  # fmt: skip
    kappa, low, high = _kappa(codes, number, first, second, draws, settings.confidence)
    columns |= {"kappa": kappa, "kappa_low": low, "kappa_high": high}
    out = pd.DataFrame(columns)
    return out.assign(too_few=out["n"] < settings.minimum)


def _kappa(
    codes: Ints, number: int, first: Ints, second: Ints, draws: Resamples, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Kappa [K] of each group with its limits; the upper one is at most 1."""
    kinds = len(TIERS)
    inside = codes >= 0
    lines = ((codes * kinds + first) * kinds + second)[inside]
    ones, cluster = np.ones(len(lines)), draws.cluster[inside]
    cells = sparse.coo_array((ones, (lines, cluster)), shape=(number * kinds**2, draws.n_clusters)).tocsr()
    drawn = draws.summed(cells)  # [K * 9, B]
    drawn = drawn.T.reshape(len(draws), number, kinds, kinds)
    value = cohens_kappa(np.asarray(cells.sum(axis=1)).reshape(number, kinds, kinds))
    members = sparse.coo_array((ones, (codes[inside], cluster)), shape=(number, draws.n_clusters))
    units = np.diff(members.tocsr().indptr)
    low, high = level_intervals(
        value, cohens_kappa(drawn), n=units, kind="unbounded", confidence=confidence
    )  # fmt: skip
    return value, np.maximum(low, -1), np.minimum(high, 1)


def _table(first: Ints, second: Ints, malignant: NDArray[np.bool_]) -> pd.DataFrame:
    """Images and malignancies in each pair of tiers."""
    rows = [
        (one, other, int(both.sum()), int((both & malignant).sum()))
        for i, one in enumerate(TIERS)
        for j, other in enumerate(TIERS)
        for both in [(first == i) & (second == j)]
    ]
    return pd.DataFrame(rows, columns=["teacher", "student", "n", "n_malignant"])
