"""AUROC of the frozen probes of several runs, on val and test, as the rows of a table.

python experiments/backbones/table.py <run> <run> ...
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from sklearn.metrics import roc_auc_score

MODELS = ("logistic_frozen", "xgboost_frozen")


def row(run: Path) -> str:
    """Name, then AUROC of each probe on val, on test and on the test images of each domain."""
    frame = pd.read_parquet(run / "predictions.parquet")
    cells = [run.name]
    for model in MODELS:
        own = frame[frame["model"] == model]
        test = own[own["split"] == "test"]
        parts = [own[own["split"] == "val"], test, *(part for _, part in test.groupby("domain", sort=True))]
        cells += [f"{roc_auc_score(part['target'], part['p_malignant']):.3f}" for part in parts]
    return " | ".join(cells)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        print(row(path))
