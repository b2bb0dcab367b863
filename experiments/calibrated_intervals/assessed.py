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

from skintag.core.progress import track
from skintag.evaluation.analyses.assess import level_table
from skintag.evaluation.metrics.groups import Grouping
from skintag.evaluation.metrics.registry import gaps
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples, replicate
from skintag.evaluation.statistics.chance import Scored, chances
from skintag.evaluation.statistics.gaps import gap_table, pair_table

Floats = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
MEASURES: Final = {name: gap.metrics for name, gap in gaps().items()}
METRICS: Final = ("sensitivity", "specificity", "f1_malignant", "auroc")
GROUPING: Final = Grouping("group", "fst_group")
THRESHOLD: Final = 0.5
SHARED: Final = 0.3
"""Share of a score's variance that is its cluster's."""
TYPICAL: Final = 0.90
"""Level of the groups that are not low, in the metric whose gap is set."""
FALSE_ALARMS: Final = 0.15
BENIGN: Final = 3
"""Benign images for each malignant one."""


@dataclass(frozen=True)
class Cell:
    """One kind of table."""

    name: str
    """Name in the results."""
    metric: str
    """`auroc` or `sensitivity`: whose gap is the one set, the first group being lower."""
    positives: tuple[int, ...]
    """Malignant images to expect, per group."""

    def means(self, gap: float) -> tuple[Floats, float]:
        """Means of the malignant latent scores, per group, and of the benign ones; decisions are latent >= 0."""
        levels = np.full(len(self.positives), TYPICAL)
        levels[0] -= gap
        benign = float(norm.ppf(FALSE_ALARMS))
        apart = norm.ppf(levels)
        return (np.sqrt(2) * apart + benign if self.metric == "auroc" else apart), benign

    def truth(self, gap: float) -> dict[str, Floats]:
        """True levels of the groups, by metric."""
        malignant, benign = self.means(gap)
        hits = norm.cdf(malignant)
        return {
            "sensitivity": hits,
            "specificity": np.full(len(hits), 1 - FALSE_ALARMS),
            "f1_malignant": 2 * hits / (hits + BENIGN * FALSE_ALARMS + 1),
            "auroc": norm.cdf((malignant - benign) / np.sqrt(2)),
        }


CELLS: Final = (
    Cell("3: 40, 80, 120, auroc", "auroc", (40, 80, 120)),
    Cell("3: 40, 80, 120, sensitivity", "sensitivity", (40, 80, 120)),
)


def draw(cell: Cell, gap: float, rng: np.random.Generator) -> TestPredictions:
    """One table; clusters of 1 to 4 images of one class, or (one in ten) of both."""
    parts = []
    malignant, benign = cell.means(gap)
    ill_share = 1 / (1 + BENIGN)
    for g, (positives, mean) in enumerate(zip(cell.positives, malignant, strict=True)):
        rows = positives * (1 + BENIGN)
        sizes = rng.integers(1, 5, rows)
        sizes = sizes[: np.searchsorted(np.cumsum(sizes), rows) + 1]
        cluster = np.repeat(np.arange(len(sizes)), sizes)
        mixed = rng.random(len(sizes)) < 0.1
        ill = np.where(mixed[cluster], rng.random(len(cluster)), rng.random(len(sizes))[cluster]) < ill_share
        own, shared = rng.standard_normal(len(cluster)), rng.standard_normal(len(sizes))[cluster]
        latent = np.where(ill, mean, benign) + np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
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
    """Coverage of levels, pairs and gaps, and rejections where there is no gap."""
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode()), round(1000 * gap)])
    truth, tally, rejected = cell.truth(gap), Tally(), []
    names = [f"g{g}" for g in range(len(cell.positives))]
    level_of = {metric: dict(zip(names, levels, strict=True)) for metric, levels in truth.items()}
    gap_of = {m: max(float(np.ptp(truth[metric])) for metric in metrics) for m, metrics in MEASURES.items()}
    for _ in range(simulations):
        rows = draw(cell, gap, rng)
        drawn = Resamples.of(rows, resamples, int(rng.integers(2**32)))
        replicates = replicate(rows, THRESHOLD, drawn, groupings=(GROUPING,), metrics=METRICS, threads=1)
        for metric, told in level_table(replicates).groupby("metric"):
            tally.add(
                "level", str(metric), told["low"], told["high"], told["group"].map(level_of[str(metric)])
            )
        for metric, pairs in pair_table(replicates).groupby("metric"):
            true = level_of[str(metric)]
            difference = (pairs["group_a"].map(true) - pairs["group_b"].map(true)).to_numpy()
            tally.add("difference", str(metric), pairs["single_low"], pairs["single_high"], difference)
            low, high = pairs["low"].to_numpy(), pairs["high"].to_numpy()
            tally.add_jointly("all differences", str(metric), low, high, difference)
        for measure, row in gap_table(replicates, {}).set_index("gap").loc[list(MEASURES)].iterrows():
            tally.add("gap", str(measure), row["low"], row["high"], gap_of[str(measure)])
            naive = (row["naive_low"], row["naive_high"])
            tally.add("gap, percentile", str(measure), *naive, gap_of[str(measure)])
        if gap == 0:
            rejected.append(_rejected(rows, drawn, replicates.index, int(rng.integers(2**32))))
    table = tally.table()
    for measure, share in zip(MEASURES, np.mean(rejected, axis=0) if rejected else (), strict=False):
        table.loc[len(table)] = ["permutation", measure, share, np.nan, np.nan, np.nan, simulations]
    true_gaps = [gap_of.get(m, np.nan) for m in table["method"]]
    head = {
        "cell": cell.name, "positives": " ".join(map(str, cell.positives)), "gap": gap, "simulations": simulations,
    }  # fmt: skip
    return pd.DataFrame(head, index=table.index).join(table.assign(true_gap=true_gaps))


def _rejected(rows: TestPredictions, drawn: Resamples, index: pd.DataFrame, seed: int) -> list[bool]:
    score = rows.score[None]
    scored = Scored(rows.frame, rows.target, score, score >= THRESHOLD, drawn.cluster)
    (found,) = chances(scored, index, GROUPING, minimum=10, permutations=499, seed=seed)
    return [found[measure].p_value <= 0.05 for measure in MEASURES]


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
