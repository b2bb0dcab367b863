"""How often do the intervals cover the truth, and how often does the permutation test reject equal groups?

    python experiments/calibrated_intervals/coverage.py
    python experiments/calibrated_intervals/coverage.py --simulations 100 --cells "3: 30" "6: 60"

Every cell draws tables from known levels (cells.py) and puts them through skintag.evaluation.statistics.intervals and
permutation, the code that reports use. Writes coverage.csv beside this file, cell by cell: a run that was stopped
goes on where it was with --resume.
"""

from __future__ import annotations

import argparse
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from cells import CELLS, GAPS, Cell, draw, resample  # beside this file
from numpy.typing import NDArray
from rivals import rivals

from skintag.core.progress import track
from skintag.evaluation.statistics.intervals import gap_interval, level_intervals, pairwise_intervals
from skintag.evaluation.statistics.permutation import Permutations, permutation_gap

Floats = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
PERMUTATIONS = 499


class Tally:
    """Hits and misses of many intervals, by (what, method)."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[Floats]] = defaultdict(list)

    def add(self, what: str, method: str, low: object, high: object, truth: object) -> None:
        """Limits and truth, of any one shape; rounding is forgiven."""
        a, b, t = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (low, high, truth))
        self.rows[what, method].append(np.stack([t < a - 1e-9, t > b + 1e-9, b - a], axis=1))

    def add_jointly(self, what: str, method: str, low: Floats, high: Floats, truth: Floats) -> None:
        """Limits [n] that are to hold all together: one miss where any misses, the median width."""
        missed = ((truth < low - 1e-9) | (truth > high + 1e-9)).any()
        self.rows[what, method].append(np.array([[missed, 0, np.median(high - low)]]))

    def table(self) -> pd.DataFrame:
        """A row per (what, method)."""
        out = []
        for (what, method), rows in self.rows.items():
            missed = np.concatenate(rows)
            below, above = missed[:, 0].mean(), missed[:, 1].mean()
            out.append((what, method, 1 - below - above, below, above, np.median(missed[:, 2]), len(missed)))
        columns = ["what", "method", "covered", "truth_below", "truth_above", "median_width", "intervals"]
        return pd.DataFrame(out, columns=columns)


def simulate(cell: Cell, gap: float, simulations: int, resamples: int, seed: int) -> pd.DataFrame:
    """Coverage of all intervals, and rejections by the permutation test, in one cell."""
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode()), round(1000 * gap)])
    truth, tally, rejected, chance = cell.truth(gap), Tally(), [], []
    smallest, largest = truth.min(), truth.max()
    for _ in range(simulations):
        drawn = draw(cell, gap, rng)
        point, n, replicates = drawn.estimate, drawn.units, resample(drawn, resamples, rng)
        tally.add("level", "ours", *level_intervals(point, replicates, n=n, kind="proportion"), truth)
        tally.add("level", "percentile", *np.nanquantile(replicates, (0.025, 0.975), axis=0), truth)
        pairs = pairwise_intervals(point, replicates, n=n, kind="proportion")
        difference = truth[pairs.a] - truth[pairs.b]
        tally.add("difference", "ours", pairs.single_low, pairs.single_high, difference)
        drawn_pairs = np.nanquantile(replicates[:, pairs.a] - replicates[:, pairs.b], (0.025, 0.975), axis=0)
        tally.add("difference", "percentile", *drawn_pairs, difference)
        tally.add_jointly("all differences", "ours", pairs.low, pairs.high, difference)
        found = gap_interval(point, replicates, n=n, kind="proportion")
        tally.add("gap", "ours", found.low, found.high, largest - smallest)
        tally.add("gap", "percentile", found.naive_low, found.naive_high, largest - smallest)
        for name, limits in rivals(point, replicates, n, pairs).items():
            tally.add("gap", name, *limits, largest - smallest)
        if gap > 0:
            continue
        exchanged = Permutations.draw(drawn.group, permutations=PERMUTATIONS, seed=int(rng.integers(2**32)))
        result = permutation_gap(drawn.hits, drawn.images, exchanged)
        rejected.append(result.p_value <= 0.05)
        chance.append(result.chance)
    table = tally.table()
    if rejected:
        table.loc[len(table)] = [
            "permutation",
            "ours",
            np.mean(rejected),
            np.nan,
            np.nan,
            np.mean(chance),
            simulations,
        ]
    head = {
        "cell": cell.name, "groups": len(truth), "positives": " ".join(map(str, cell.positives)),
        "shape": cell.shape, "top": cell.top, "rho": cell.rho, "gap": gap, "simulations": simulations,
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
    parser.add_argument("--out", type=Path, default=HERE / "coverage.csv")
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
