"""What scikit-learn gives for our metrics, and random tables to compare on."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import metrics as sk

from skintag.evaluation.predictions.predictions import Predictions, TestPredictions

NAN = float("nan")


def scikit_learn(name: str, target: NDArray[np.int64], score: NDArray[np.float64], threshold: float) -> float:
    """The metric by scikit-learn; nan where our docstrings say that the rows cannot tell it."""
    n, p = len(target), int(target.sum())
    decision = (score >= threshold).astype(int)
    if name in ("accuracy", "brier", "ece"):
        if not n:
            return NAN
        if name == "accuracy":
            return float(sk.accuracy_score(target, decision))
        return float(sk.brier_score_loss(target, score)) if name == "brier" else ece(target, score)
    if name in ("sensitivity", "f1_malignant"):
        function = sk.recall_score if name == "sensitivity" else sk.f1_score
        return float(function(target, decision, zero_division=0)) if p else NAN
    if name == "specificity":
        return float(sk.recall_score(target, decision, pos_label=0, zero_division=0)) if p < n else NAN
    if not 0 < p < n:
        return NAN
    if name == "f1_macro":
        return float(sk.f1_score(target, decision, average="macro", zero_division=0))
    if name == "balanced_accuracy":
        return float(sk.balanced_accuracy_score(target, decision))
    if name == "auroc":
        return float(sk.roc_auc_score(target, score))
    if name == "average_precision":
        return float(sk.average_precision_score(target, score))
    fpr, tpr, _ = sk.roc_curve(target, score, drop_intermediate=False)
    tnr = np.round(1 - fpr, 12)  # 1 - 0.1 falls short of 0.9 in floating point
    return float(tpr[tnr >= 0.9].max() if name.startswith("sensitivity_at") else tnr[tpr >= 0.95].max())


def ece(target: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """The definition in a plain loop over 15 bins."""
    total = 0.0
    for i in range(15):
        inside = (score >= i / 15) & ((score < (i + 1) / 15) | (i == 14))
        if inside.any():
            total += inside.sum() * abs(target[inside].mean() - score[inside].mean())
    return total / len(target)


def table(
    n: int, seed: int, *, steps: int = 12, unknown: float = 0.2, clusters: bool = True, share: float = 0.4
) -> pd.DataFrame:
    """Test rows of a model `m` with many ties in their scores, small clusters, and groups that some rows lack."""
    rng = np.random.default_rng(seed)
    fitzpatrick = pd.array(np.where(rng.random(n) < unknown, np.nan, rng.integers(1, 7, n)), dtype="Int8")
    groups = {1: "I-II", 2: "I-II", 3: "III-IV", 4: "III-IV", 5: "V-VI", 6: "V-VI"}
    return pd.DataFrame(
        {
            "image_id": [f"i{i:04d}" for i in range(n)],
            "dataset": "d",
            "domain": rng.choice(["dermoscopic", "smartphone"], n),
            "split": "test",
            "model": "m",
            "p_malignant": rng.integers(0, steps + 1, n) / steps,
            "target": (rng.random(n) < share).astype("int8"),
            "condition": rng.integers(0, 8, n),
            "fitzpatrick": fitzpatrick,
            "fst_group": pd.Series(fitzpatrick).map(groups).astype("str"),
            "sex": pd.Series(rng.choice(["female", "male", None], n), dtype="str"),
            "group_id": [f"g{i}" for i in rng.integers(0, max(1, n // 2), n)] if clusters else None,
        }
    )


def rows_of(frame: pd.DataFrame) -> TestPredictions:
    """The test rows of the model `m`."""
    return Predictions(frame).test("m")
