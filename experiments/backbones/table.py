"""AUROC of the frozen probes of several runs on val and test, and what each has over the first on the same test images.

python experiments/backbones/table.py <run> <run> ...
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

MODELS = ("logistic_frozen", "xgboost_frozen")
DRAWS = 1000


def auroc(frame: pd.DataFrame) -> float:
    """Of the rows of a predictions table."""
    return float(roc_auc_score(frame["target"], frame["p_malignant"]))


def row(frame: pd.DataFrame, model: str) -> list[str]:
    """AUROC on val, on test, and on the test images of each domain."""
    own = frame[frame["model"] == model]
    test = own[own["split"] == "test"]
    parts = [own[own["split"] == "val"], test, *(part for _, part in test.groupby("domain", sort=True))]
    return [f"{auroc(part):.3f}" for part in parts]


def difference(first: pd.DataFrame, other: pd.DataFrame, model: str) -> str:
    """AUROC on test, `other` minus `first`, with a 95% percentile interval over resampled leakage groups."""
    a, b = (
        frame[(frame["model"] == model) & (frame["split"] == "test")].set_index("image_id").sort_index()
        for frame in (first, other)
    )
    assert a.index.equals(b.index)
    groups, target = pd.factorize(a["group_id"])[0], a["target"].to_numpy()
    rows = [np.flatnonzero(groups == g) for g in range(groups.max() + 1)]
    scores = [frame["p_malignant"].to_numpy() for frame in (a, b)]
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        some: NDArray[np.int64] = np.concatenate(
            [rows[g] for g in random.integers(len(rows), size=len(rows))]
        )
        values = [roc_auc_score(target[some], score[some]) for score in scores]
        drawn.append(values[1] - values[0])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{auroc(b) - auroc(a):+.3f} [{low:+.3f}, {high:+.3f}]"


def main(runs: list[Path]) -> None:
    """Print the table, and the differences to the first run."""
    frames = {run.name: pd.read_parquet(run / "predictions.parquet") for run in runs}
    domains = sorted(next(iter(frames.values()))["domain"].unique())
    print("| run | probe | val | test |", " | ".join(domains), "|")
    for name, frame in frames.items():
        for model in MODELS:
            print("|", " | ".join([name, model, *row(frame, model)]), "|")
    first = next(iter(frames))
    for name in list(frames)[1:]:
        for model in MODELS:
            print(f"{name} minus {first}, {model}: {difference(frames[first], frames[name], model)}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
