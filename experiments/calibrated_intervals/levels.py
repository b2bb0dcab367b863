"""Coverage of every interval of a level: all metrics, shares of tiers, reliability bins and curves, in hard cells.

    python experiments/calibrated_intervals/levels.py
    python experiments/calibrated_intervals/levels.py --simulations 100 --cells "2%" giant

Patients are drawn with their classes, so the number of positives varies; scores are binormal with a part that a
patient's images share, and calibrated where `sharp` is 1. Every table goes through the code that reports use; truths
are those of about 600,000 images. Writes levels.csv beside this file, cell by cell; `--resume` keeps what is there.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from coverage import Tally  # beside this file
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from skintag.core.progress import track
from skintag.evaluation.analyses.level_table import level_table
from skintag.evaluation.analyses.reliability import reliability
from skintag.evaluation.metrics.groups import FST_GROUP, OVERALL
from skintag.evaluation.metrics.metrics import ece_bin
from skintag.evaluation.metrics.registry import METRICS, own_metrics
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples, replicate
from skintag.evaluation.statistics.curves import GRID, precision_recall_curve, roc_curve
from skintag.evaluation.statistics.shares import clustered_shares

Floats = NDArray[np.float64]
HERE = Path(__file__).resolve().parent
OWN: Final = tuple(metric.name for metric in own_metrics())
CROSS: Final = tuple(name for name, metric in METRICS.items() if metric.background is not None)
PLACES: Final = (10, 30, 60)  # of the curves' grid
LEAST: Final = 10  # rows to expect in a bin that is looked at


@dataclass(frozen=True)
class Cell:
    """One kind of table."""

    name: str
    """Name in the results."""
    patients: int
    prevalence: float
    """Share of patients whose images are malignant."""
    auroc: float
    """Of images, where sizes do not go with the outcome."""
    sensitivity: float = 0.85
    """At the threshold, which is the same in all tables."""
    sizes: tuple[int, ...] = (1,)
    """Images of a patient, each equally likely."""
    rho: float = 0.3
    """Share of a score's variance that is its patient's."""
    giant: int = 0
    """Images of one malignant patient more."""
    informative: float = 0.0
    """Shift of malignant scores for each image that a patient has beyond the mean."""
    sharp: float = 1.0
    """Slope of the scores' logit: 1 is calibrated, more is overconfident."""


CELLS: Final = (
    Cell("plain, 40 of 160", 160, 0.25, 0.90),
    Cell("patients of 1 to 3, 40 of 160", 80, 0.25, 0.90, sizes=(1, 2, 3)),
    Cell("2%: 15 of 750", 750, 0.02, 0.85),
    Cell("2%: 30 of 1500", 1500, 0.02, 0.85),
    Cell("2%: 48 of 2400", 2400, 0.02, 0.85),
    Cell("near .98: 15 of 750", 750, 0.02, 0.98),
    Cell("near .98: 20 of 220", 220, 20 / 220, 0.98, 0.90),
    Cell("near .98: 50 of 250", 250, 0.2, 0.98, 0.95),
    Cell("10 positives: 10 of 110", 110, 10 / 110, 0.95, 0.90),
    Cell("10 positives: all right", 110, 10 / 110, 0.95, 0.97),
    Cell("giant of 15, 30 more", 150, 0.2, 0.90, rho=0.4, giant=15),
    Cell("giant of 30, 60 more", 180, 1 / 3, 0.90, rho=0.4, giant=30),
    Cell("giant of 30, 300 more", 400, 0.5, 0.90, rho=0.4, sizes=(1, 2), giant=30),
    Cell(
        "size with outcome, 40 patients",
        160,
        0.25,
        0.85,
        rho=0.4,
        sizes=(1, 1, 1, 2, 3, 8),
        informative=-0.12,
    ),
    Cell(
        "size with outcome, 150 patients",
        450,
        1 / 3,
        0.85,
        rho=0.4,
        sizes=(1, 1, 1, 2, 3, 8),
        informative=-0.12,
    ),
    Cell("calibrated, 100", 100, 0.3, 0.85),
    Cell("calibrated, 750 in pairs", 500, 0.3, 0.85, sizes=(1, 2)),
    Cell("calibrated, 2000", 2000, 0.3, 0.85),
    Cell("overconfident, 100", 100, 0.3, 0.85, sharp=2.0),
    Cell("overconfident, 750 in pairs", 500, 0.3, 0.85, sizes=(1, 2), sharp=2.0),
)


def draw(cell: Cell, rng: np.random.Generator, times: int = 1) -> tuple[TestPredictions, float]:
    """A table, or `times` such tables in one, and the threshold."""
    size = rng.choice(cell.sizes, cell.patients * times)
    ill = rng.random(len(size)) < cell.prevalence
    if cell.giant:
        size[:times], ill[:times] = cell.giant, True
    patient = np.repeat(np.arange(len(size)), size)
    apart = np.sqrt(2) * norm.ppf(cell.auroc)
    odds = np.log(cell.prevalence / (1 - cell.prevalence)) - apart**2 / 2
    shared = np.sqrt(cell.rho) * rng.standard_normal(len(size))
    shared += ill * (apart + cell.informative * (size - np.mean(cell.sizes)) * (size < max(cell.giant, 99)))
    latent = shared[patient] + np.sqrt(1 - cell.rho) * rng.standard_normal(len(patient))
    cut = expit(cell.sharp * (odds + apart * (apart - norm.ppf(cell.sensitivity))))
    n = len(patient)
    frame = pd.DataFrame(
        {
            "image_id": np.arange(n).astype("U8"), "dataset": "d", "domain": "clinical", "split": "test", "model": "m",
            "p_malignant": expit(cell.sharp * (odds + apart * latent)), "target": ill[patient].astype("int8"),
            "fst_group": np.array(["I-II", "V-VI"])[patient % 2], "group_id": patient.astype("U8"),
        }
    )  # fmt: skip
    return TestPredictions(frame, "m"), float(cut)


def low_bound(rows: TestPredictions, cut: float) -> NDArray[np.int64]:
    """Whether each malignant image lies below half the threshold (0) or not (-1): a share as triage shows them."""
    return np.where(rows.score < cut / 2, 0, -1)


def truths(cell: Cell) -> tuple[dict[str, float], Floats, Floats]:
    """True values by what is told, of the bins, and rows to expect in each bin."""
    times = max(1, round(600_000 / (cell.patients * np.mean(cell.sizes) + cell.giant)))
    rows, cut = draw(cell, np.random.default_rng(20260), times)
    target, score = rows.target, rows.score
    found = {metric.name: metric(target, score, cut) for metric in own_metrics()}
    found |= dict.fromkeys(CROSS, found["auroc"])
    found["share in LOW"] = float((low_bound(rows, cut)[target == 1] == 0).mean())
    curves = {"ROC": roc_curve(rows, None), "precision-recall": precision_recall_curve(rows, None)}
    found |= {
        f"{name} at {i / (GRID - 1):g}": float(curve.y[i]) for name, curve in curves.items() for i in PLACES
    }
    bins, count = ece_bin(score), np.bincount(ece_bin(score), minlength=15)
    return found, np.bincount(bins, target, minlength=15) / np.maximum(count, 1), count / times


def simulate(cell: Cell, simulations: int, resamples: int, seed: int) -> pd.DataFrame:
    """Coverage of all intervals in one cell, and in how many tables the report warns."""
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode())])
    (truth, share, rows_in), tally = truths(cell), Tally()

    def add(what: str, low: object, high: object, true: object, marked: object) -> None:
        """Of all, and of those that the report marks and those that it does not."""
        low, high, true, marked = np.broadcast_arrays(*np.atleast_1d(low, high, true, marked))
        tally.add(what, "all", low, high, true)
        for method, chosen in (("marked", marked), ("unmarked", ~marked)):
            if chosen.any():
                tally.add(what, method, low[chosen], high[chosen], true[chosen])

    for _ in range(simulations):
        rows, cut = draw(cell, rng)
        drawn = Resamples.of(rows, resamples, int(rng.integers(2**32)))
        for groupings, metrics in (((OVERALL,), OWN), ((FST_GROUP,), CROSS)):
            found = replicate(rows, cut, drawn, groupings=groupings, metrics=metrics, threads=1)
            for _, row in level_table(found).dropna(subset=["value", "low"]).iterrows():
                add(row["metric"], row["low"], row["high"], truth[row["metric"]], bool(row["note"]))
        ill = np.where(rows.target == 1, 0, -1)
        part = clustered_shares(ill, low_bound(rows, cut), (1, 1), drawn)
        add("share in LOW", part.low[:, 0], part.high[:, 0], truth["share in LOW"], part.doubtful)
        bins = reliability(rows, drawn, groupings=(OVERALL,))
        bins = bins[rows_in[bins["bin"]] >= LEAST]
        if len(bins):
            add(
                "reliability bins", bins["low"], bins["high"], share[bins["bin"]], bins["doubtful"].to_numpy()
            )
        for name, curve in (
            ("ROC", roc_curve(rows, drawn)),
            ("precision-recall", precision_recall_curve(rows, drawn)),
        ):
            for i in PLACES:
                what = f"{name} at {i / (GRID - 1):g}"
                add(what, curve.low[i], curve.high[i], truth[what], curve.doubtful)
    told = tally.table().set_index("what")
    table = told[told["method"] == "all"].drop(columns="method")
    table["truth"] = table.index.map(truth)
    parts = {m: told[told["method"] == m] for m in ("marked", "unmarked")}
    table["warned"] = (parts["marked"]["intervals"] / table["intervals"]).fillna(0.0)
    for method, part in parts.items():
        table[f"covered_{method}"] = part["covered"]
    table = table.reset_index()
    table.insert(0, "cell", cell.name)
    return table.assign(simulations=simulations)


def main() -> None:
    """Simulate the cells asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=500, help="tables per cell")
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--cells", nargs="+", default=[""], help="beginnings of names of cells")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="keep the cells that are in the file already")
    parser.add_argument("--out", type=Path, default=HERE / "levels.csv")
    args = parser.parse_args()
    tables = [pd.read_csv(args.out)] if args.resume and args.out.exists() else []
    told = set(tables[0]["cell"]) if tables else set()
    left = [c for c in CELLS if c.name.startswith(tuple(args.cells)) and c.name not in told]
    for cell in track(left, "cells"):
        tables.append(simulate(cell, args.simulations, args.resamples, args.seed))
        pd.concat(tables, ignore_index=True).to_csv(args.out, index=False, float_format="%.5g")
    print(f"{args.out}: {len(left)} cells simulated")


if __name__ == "__main__":
    main()
