"""Recall of the audit on pairs that were found by other means, and what it finds beyond them.

python experiments/near_duplicates/recall.py <scratch> fitzpatrick17k pad_ufes_20 ...
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pandas as pd

AGREEING, PARTS = 0.8, 60
"""Of the parts of two pictures laid over each other so many agree, of at least so many: one photograph."""


def main() -> None:
    """A line per dataset, and `missed_<dataset>.csv`."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("datasets", nargs="+")
    asked = parser.parse_args()
    lesions = pd.read_parquet(asked.scratch / "c.parquet").set_index("image_id")["lesion_id"]
    print(
        "| dataset | pairs found by other means | of them the audit finds | recall | of two lesions | of them found |"
    )
    print("|---|---|---|---|---|---|")
    for dataset in asked.datasets:
        truth = pd.read_csv(asked.scratch / f"independent_{dataset}.csv")
        truth = truth[(truth["agreeing"] >= AGREEING) & (truth["parts"] >= PARTS)]
        audited = pd.read_csv(asked.scratch / f"audited_{dataset}.csv")
        found = _keys(audited)
        hit = pd.Series([key in found for key in _keys(truth)], index=truth.index, dtype=bool)
        one, other = lesions.reindex(truth["first"]).to_numpy(), lesions.reindex(truth["second"]).to_numpy()
        apart = pd.isna(one) | pd.isna(other) | (one != other)
        truth[~hit].assign(two_lesions=apart[~hit]).to_csv(
            asked.scratch / f"missed_{dataset}.csv", index=False
        )
        print(
            f"| {dataset} | {len(truth)} | {hit.sum()} | {hit.mean():.3f} | {apart.sum()} | {hit[apart].sum()} |"
        )


def _keys(pairs: pd.DataFrame) -> list[frozenset[str]]:
    return [frozenset(pair) for pair in zip(pairs["first"], pairs["second"], strict=True)]


if __name__ == "__main__":
    main()
