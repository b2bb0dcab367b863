"""Coverage through the whole path: tables of scores, resampled, assessed and tested as in a report.

    python experiments/calibrated_intervals/assessed.py
    python experiments/calibrated_intervals/assessed.py --simulations 50 --cells "3: 30"

Scores are binormal with a part that a cluster's images share. Groups differ in how far malignant scores lie above
benign ones; benign scores are alike, so specificity has no gap. Writes assessed.csv beside this file.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from cells import GAPS  # beside this file
from coverage import Tally
from numpy.typing import NDArray
from scipy.stats import norm

from skintag.evaluation.assess import level_table
from skintag.evaluation.bootstrap import Resamples, replicate
from skintag.evaluation.chance import Scored, chances
from skintag.evaluation.gaps import GAPS as MEASURES
from skintag.evaluation.gaps import gap_table, pair_table
from skintag.evaluation.groups import Grouping
from skintag.evaluation.predictions import TestPredictions
from skintag.progress import track

Floats = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
METRICS: Final = ("sensitivity", "specificity", "f1_malignant", "auroc")
GROUPING: Final = Grouping("group", "fst_group")
THRESHOLD: Final = 0.5
SHARED: Final = 0.3
"""Share of a score's variance that is its cluster's."""
TYPICAL: Final = {"auroc": 0.90, "sensitivity": 0.90}
MEASURE_OF: Final = {"auroc": ("auroc_gap",), "sensitivity": ("sensitivity_gap", "equalized_odds_difference")}


@dataclass(frozen=True)
class Cell:
    """One kind of table."""

    name: str
    """Name in the results."""
    metric: str
    """`auroc` or `sensitivity`: whose gap is the one set, the first group being lower."""
    positives: tuple[int, ...]
    """Malignant images to expect, per group; there are three times as many benign ones."""


CELLS: Final = (
    Cell("3: 30, 60, 120, auroc", "auroc", (30, 60, 120)),
    Cell("3: 30, 60, 120, sensitivity", "sensitivity", (30, 60, 120)),
    Cell("3: 100 each, auroc", "auroc", (100, 100, 100)),
)


def separations(cell: Cell, gap: float) -> Floats:
    """How far the malignant scores' mean lies above the threshold's, per group."""
    levels = np.full(len(cell.positives), TYPICAL[cell.metric])
    levels[0] -= gap
    return norm.ppf(levels) * (np.sqrt(2) if cell.metric == "auroc" else 1.0)


def draw(cell: Cell, gap: float, rng: np.random.Generator) -> TestPredictions:
    """One table; clusters of 1 to 4 images of one class, or (one in ten) of both."""
    parts = []
    for g, (positives, shift) in enumerate(zip(cell.positives, separations(cell, gap), strict=True)):
        sizes = rng.integers(1, 5, 4 * positives)
        sizes = sizes[: np.searchsorted(np.cumsum(sizes), 4 * positives) + 1]
        cluster = np.repeat(np.arange(len(sizes)), sizes)
        mixed = rng.random(len(sizes)) < 0.1
        ill = np.where(
            mixed[cluster], rng.random(len(cluster)) < 0.25, (rng.random(len(sizes)) < 0.25)[cluster]
        )
        own, shared = rng.standard_normal(len(cluster)), rng.standard_normal(len(sizes))[cluster]
        centre = np.where(ill, shift, 0.0 if cell.metric == "auroc" else norm.ppf(0.15))
        latent = centre + np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
        if cell.metric == "auroc":
            latent = latent - 1.0
        names = [f"{g}/{c}" for c in cluster]
        parts.append(pd.DataFrame({"g": f"g{g}", "group_id": names, "target": ill, "p": norm.cdf(latent)}))
    table = pd.concat(parts, ignore_index=True)
    n = len(table)
    frame = pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(n)], "dataset": "d", "domain": "clinical", "split": "test",
            "model": "m", "p_malignant": table["p"], "target": table["target"].astype("int8"),
            "fst_group": table["g"], "group_id": table["group_id"],
        }
    )  # fmt: skip
    return TestPredictions(frame, "m")


def simulate(cell: Cell, gap: float, simulations: int, resamples: int, seed: int) -> pd.DataFrame:
    """Coverage of levels, pairs and gaps of the cell's metric, and rejections where there is no gap."""
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode()), round(1000 * gap)])
    levels = np.full(len(cell.positives), TYPICAL[cell.metric])
    levels[0] -= gap
    truth = dict(zip((f"g{g}" for g in range(len(levels))), levels, strict=True))
    tally, rejected = Tally(), []
    for _ in range(simulations):
        rows = draw(cell, gap, rng)
        drawn = Resamples.of(rows, resamples, int(rng.integers(2**32)))
        replicates = replicate(rows, THRESHOLD, drawn, groupings=(GROUPING,), metrics=METRICS, threads=1)
        told = level_table(replicates).query("metric == @cell.metric")
        tally.add("level", cell.metric, told["low"], told["high"], told["group"].map(truth))
        pairs = pair_table(replicates).query("metric == @cell.metric")
        difference = pairs["group_a"].map(truth) - pairs["group_b"].map(truth)
        tally.add("difference", cell.metric, pairs["single_low"], pairs["single_high"], difference)
        tally.add_jointly(
            "all differences",
            cell.metric,
            *(pairs[c].to_numpy() for c in ("low", "high")),
            difference.to_numpy(),
        )
        found = {}
        if gap == 0:
            scored = Scored(
                rows.frame, rows.target, rows.score[None], rows.score[None] >= THRESHOLD, drawn.cluster
            )
            (found,) = chances(
                scored,
                replicates.index,
                GROUPING,
                minimum=10,
                permutations=499,
                seed=int(rng.integers(2**32)),
            )
            rejected.append([found[m].p_value <= 0.05 for m in MEASURES])
        gaps = gap_table(replicates, {}).set_index("gap")
        for measure in MEASURE_OF[cell.metric]:
            row = gaps.loc[measure]
            tally.add("gap", measure, row["low"], row["high"], gap)
            tally.add("gap", f"{measure}, percentile", row["naive_low"], row["naive_high"], gap)
    table = tally.table()
    for measure, share in zip(MEASURES, np.mean(rejected, axis=0) if rejected else (), strict=False):
        table.loc[len(table)] = ["permutation", measure, share, np.nan, np.nan, np.nan, simulations]
    head = {
        "cell": cell.name, "positives": " ".join(map(str, cell.positives)), "gap": gap, "simulations": simulations,
    }  # fmt: skip
    return pd.DataFrame(head, index=table.index).join(table)


def main() -> None:
    """Simulate the cells asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000, help="tables per cell")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--cells", nargs="+", default=[""], help="beginnings of names of cells")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="keep the cells that are in the file already")
    parser.add_argument("--out", type=Path, default=HERE / "assessed.csv")
    args = parser.parse_args()
    chosen = [c for c in CELLS if c.name.startswith(tuple(args.cells))]
    done = pd.read_csv(args.out) if args.resume and args.out.exists() else None
    tables = [] if done is None else [done]
    told = set() if done is None else set(zip(done["cell"], done["gap"], strict=True))
    left = [(cell, gap) for cell in chosen for gap in GAPS if (cell.name, gap) not in told]
    for cell, gap in track(left, "cells"):
        tables.append(simulate(cell, gap, args.simulations, args.resamples, args.seed))
        pd.concat(tables, ignore_index=True).to_csv(args.out, index=False, float_format="%.5g")
    print(f"{args.out}: {len(left)} cells simulated")


if __name__ == "__main__":
    main()
