"""The worst errors, with what is known of each and its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from skintag.core.vocabulary import CONDITIONS
from skintag.evaluation.analyses.error_analysis import worst_errors
from skintag.evaluation.decisions.triage import TriagePolicy
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.cells import number
from skintag.evaluation.report.evidence import ErrorCase

KINDS: Final = {"false_negative": "missed malignancy", "false_positive": "false alarm"}


@dataclass(frozen=True)
class Pictures:
    """Pictures of test images and of their nearest training images."""

    images: Mapping[str, bytes] = field(default_factory=dict)
    """image_id -> JPEG."""
    neighbours: pd.DataFrame = field(default_factory=pd.DataFrame)
    """`image_id neighbour rank similarity target condition`; may be empty."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What could not be had -> why."""


def error_cases(
    predictions: Predictions,
    model: str,
    threshold: float,
    policies: Mapping[str, TriagePolicy],
    *,
    k: int,
    neighbours: int,
    pictures: Callable[[list[str], int], Pictures] | None,
    missing: dict[str, str],
) -> list[ErrorCase]:
    """Up to `k` missed malignancies and `k` false alarms, worst first, one per patient or lesion."""
    table = worst_errors(predictions, model, threshold, policies, k=k)
    found = pictures(list(table["image_id"]), neighbours) if pictures and len(table) else Pictures()
    missing.update(found.reasons)
    near = found.neighbours
    out = []
    for _, row in table.iterrows():
        own = near[near["image_id"] == row["image_id"]] if len(near) else near
        out.append(
            ErrorCase(
                kind=KINDS[row["kind"]],
                facts=_facts(row, policies),
                picture=found.images.get(row["image_id"], b""),
                neighbours=[(_words(n), found.images.get(n["neighbour"], b"")) for _, n in own.iterrows()],
            )
        )
    return out


def _facts(row: pd.Series, policies: Mapping[str, TriagePolicy]) -> dict[str, str]:
    """What is known of the image; what is not is left out."""
    said = {
        "image": row["image_id"],
        "truth": row["condition"],
        "looks like": row["predicted_condition"],
        "score": f"{number(row['score'])}, threshold {number(row['threshold'])}",
        "tier": ", ".join(f"{row[f'tier_{name}']} ({name})" for name in policies),
        "domain": row["domain"],
        "skin type": row["fitzpatrick"] if pd.notna(row["fitzpatrick"]) else row["fst_group"],
        "sex, age": ", ".join(str(v) for v in (row["sex"], row["age_group"]) if pd.notna(v)) or None,
        "site": row["site"],
        "cluster": f"{row['n_cluster_errors']} such errors" if row["n_cluster_errors"] > 1 else None,
    }
    return {name: str(value).replace("_", " ") if name in ("truth", "looks like") else str(value)
            for name, value in said.items() if pd.notna(value)}  # fmt: skip


def _words(row: pd.Series) -> str:
    condition = row["condition"]
    name = CONDITIONS[int(condition)].replace("_", " ") if pd.notna(condition) else "unknown"
    return f"{name}, {'malignant' if row['target'] == 1 else 'benign'}, {row['similarity']:.2f}"
