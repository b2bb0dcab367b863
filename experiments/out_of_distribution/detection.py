"""References of every kind on one run's material: how well each tells strangers, and whom it turns away wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final

import numpy as np
import pandas as pd
from material import Material, Strangers
from non_skin import DEVELOPMENT, REPORT
from numpy.typing import NDArray

from skintag.evaluation.metrics.groups import DATASET, DOMAIN, FST_GROUP, OVERALL
from skintag.evaluation.statistics.bootstrap import Resamples, cluster_names
from skintag.evaluation.statistics.contrasts import auroc_of
from skintag.evaluation.statistics.shares import clustered_shares
from skintag.evaluation.statistics.sides import RowDraws
from skintag.ood.reference import OodReference

Reference = tuple[str, int]
RANKS: Final = (16, 64, 256)
KINDS: Final = {
    "mahalanobis": ("mahalanobis", False),
    "mahalanobis by condition": ("mahalanobis", True),
    "relative mahalanobis": ("relative_mahalanobis", True),
    "knn": ("knn", False),
}
"""Name in the tables: kind of the reference, and whether it is told the conditions."""
TOLERANCE: Final = 0.005
"""Of AUROC: among references this near to the best, the smallest is chosen."""
FEW: Final = 10
"""Fewer independent pictures than this, and an interval would say nothing."""


def references(material: Material) -> dict[Reference, OodReference]:
    """One of each kind and rank, fitted on train, its threshold on val: 95% of each domain are kept."""
    return {
        (name, rank): OodReference.fit(
            material.train, material.val,
            kind=kind, labels=material.labels if told else None, val_groups=material.domains, rank=rank,
        )
        for name, (kind, told) in KINDS.items()
        for rank in RANKS
    }  # fmt: skip


def single_limit(reference: OodReference, material: Material) -> float:
    """The threshold that keeps the same share of val as a whole, whoever is left out."""
    scores = np.sort(reference.score(material.val))
    return float(scores[int(np.ceil(reference.settings.target * len(scores))) - 1])


def development(material: Material, made: Mapping[Reference, OodReference]) -> pd.DataFrame:
    """What the choice is made on: AUROC of val images against each development family. No test image takes part."""
    rows = []
    for (kind, rank), reference in made.items():
        own = reference.score(material.val)
        for family, strangers in _of_role(material, DEVELOPMENT).items():
            value = _auroc(own, reference.score(strangers.embeddings))
            rows.append(
                {"kind": kind, "rank": rank, "bytes": reference.nbytes, "family": family, "auroc": value}
            )
    return pd.DataFrame(rows)


def choose(table: pd.DataFrame) -> tuple[Reference, dict[str, int]]:
    """The reference to use, and each kind's rank: the smallest within `TOLERANCE` of the best mean AUROC."""
    mean = table.groupby(["kind", "rank"], as_index=False)[["auroc", "bytes"]].mean()

    def best(part: pd.DataFrame) -> Reference:
        near = part[part["auroc"] >= part["auroc"].max() - TOLERANCE]
        row = near.sort_values(["bytes", "auroc"], ascending=[True, False]).iloc[0]
        return str(row["kind"]), int(row["rank"])

    return best(mean), dict(best(part) for _, part in mean.groupby("kind"))


def detection(
    material: Material, made: Mapping[str, OodReference], resamples: int, seed: int = 0
) -> pd.DataFrame:
    """A row per kind and report family: AUROC against the test images with its interval, and the share flagged.

    Limits are percentiles over resamples of whole patients, lesions and photographs.
    """
    rows = []
    for family, strangers in _of_role(material, REPORT).items():
        clusters = pd.Series([*cluster_names(material.frame), *(f"\1{c}" for c in strangers.clusters)])
        target = np.repeat([0, 1], [len(material.test), len(strangers.embeddings)])
        drawn = RowDraws.draw(clusters, resamples, seed)
        units = len(set(strangers.clusters))
        for kind, reference in made.items():
            score = np.concatenate([reference.score(material.test), reference.score(strangers.embeddings)])
            draws = auroc_of(score, target, np.ones(len(score), bool), drawn).draws
            low, high = np.nanquantile(draws[1:], [0.025, 0.975]) if units >= FEW else (np.nan, np.nan)
            rows.append({
                "family": family, "kind": kind, "n": len(strangers.embeddings), "independent": units,
                "auroc": draws[0], "low": low, "high": high,
                "flagged": float((score[target == 1] > reference.threshold).mean()),
                "flagged_single": float((score[target == 1] > single_limit(reference, material)).mean()),
            })  # fmt: skip
    return pd.DataFrame(rows)


def turned_away(
    material: Material, made: Mapping[str, OodReference], resamples: int, seed: int = 0
) -> pd.DataFrame:
    """A row per kind, threshold and group: the share of the test images that is flagged, its interval clustered."""
    rows = []
    draws = Resamples.draw(cluster_names(material.frame), resamples, seed)
    limits = {"each domain of val": lambda r: r.threshold, "val": lambda r: single_limit(r, material)}
    for (kind, reference), (keeps, limit) in product(made.items(), limits.items()):
        flagged = np.where(reference.score(material.test) > limit(reference), 0, -1)
        for grouping in (OVERALL, DOMAIN, DATASET, FST_GROUP):
            cell, names = grouping.codes(material.frame)
            found = clustered_shares(cell, flagged, (len(names), 1), draws)
            rows += [
                {
                    "kind": kind, "keeps": keeps, "grouping": grouping.name, "group": name, "n": int(found.n[i]),
                    "flagged": found.value[i, 0], "low": found.low[i, 0], "high": found.high[i, 0],
                }
                for i, name in enumerate(names)
            ]  # fmt: skip
    return pd.DataFrame(rows)


def _of_role(material: Material, role: str) -> dict[str, Strangers]:
    return {name: family for name, family in material.strangers.items() if family.role == role}


def _auroc(own: NDArray[np.float64], strange: NDArray[np.float64]) -> float:
    score = np.concatenate([own, strange])
    target = np.repeat([0, 1], [len(own), len(strange)])
    rows = RowDraws.as_they_are(len(score))
    return auroc_of(score, target, np.ones(len(score), bool), rows).value
