"""Do standardised differences of groups cover the truth where groups and datasets are confounded?

    python experiments/calibrated_intervals/standardised.py --simulations 500

Skin types come from two datasets and four conditions in unlike shares, and a model errs more in one dataset and on one
condition than on the others. Within a stratum the groups are alike (or differ by `effect`): the raw difference is the
mixture, the standardised one has a known truth. Tables go through `standardised_pairs` and `standardised_gaps`, as in a
report. Writes standardised.csv beside this file: coverage of the simultaneous and the single limits of pairs and of the
gap, how often raw limits exclude zero, how often a report calls a standardised gap apart, and what cannot be told.
"""

from __future__ import annotations

import argparse
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from skintag.core.progress import track
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.standardised import METRICS, standardised_gaps, standardised_pairs
from skintag.evaluation.metrics.groups import FST_GROUP
from skintag.evaluation.metrics.registry import listed
from skintag.evaluation.predictions.predictions import TestPredictions
from skintag.evaluation.statistics.bootstrap import Resamples, replicate
from skintag.evaluation.statistics.gaps import pair_table

HERE = Path(__file__).resolve().parent
THRESHOLD: Final = 0.5
SPECIFICITY: Final = (0.85, 0.55)
"""Of the easy and of the hard dataset."""
CONDITIONS: Final = {1: (0, 1), 0: (4, 5)}


@dataclass(frozen=True)
class Cell:
    """Who was photographed where, and how well a model does."""

    name: str
    images: tuple[int, ...]
    """Of each group."""
    hard: tuple[float, ...]
    """Share of each group's images that are of the hard dataset."""
    sensitivity: tuple[float, float] = (0.88, 0.55)
    """Of the easy and of the hard dataset, for condition 0; it is .08 lower for condition 1."""
    largest: int = 1
    """Images of a patient: 1 to this many."""
    correlation: float = 0.0
    """Of two images of a patient."""
    effect: float = 0.0
    """How much lower the last group's sensitivity is in every stratum."""


CELLS: Final = (
    Cell("581, 162, as in the issue", (581, 162), (0.18, 0.44)),
    Cell("581, 162, strongly mixed", (581, 162), (0.1, 0.8)),
    Cell("300, 40", (300, 40), (0.15, 0.6)),
    Cell("581, 162, patients of 1 to 4", (581, 162), (0.15, 0.6), largest=4, correlation=0.5),
    Cell("581, 162, near 1", (581, 162), (0.15, 0.6), (0.98, 0.90)),
    Cell("400, 250, 120", (400, 250, 120), (0.1, 0.3, 0.7)),
    Cell("581, 162, true difference", (581, 162), (0.15, 0.6), effect=0.15),
)


def draw(cell: Cell, rng: np.random.Generator) -> TestPredictions:
    """One table."""
    groups = ("I-II", "III-IV", "V-VI") if len(cell.images) == 3 else ("I-II", "V-VI")
    parts = []
    for g, (n, share) in enumerate(zip(cell.images, cell.hard, strict=True)):
        sizes = rng.integers(1, cell.largest + 1, n)
        sizes = sizes[: np.searchsorted(np.cumsum(sizes), n) + 1]
        patient = np.repeat(np.arange(len(sizes)), sizes)[:n]
        own = rng.standard_normal(len(sizes))[patient]
        hard = (rng.random(len(sizes)) < share)[patient].astype(int)
        target = (rng.random(len(sizes)) < 0.4)[patient].astype(int)
        second = (rng.random(len(sizes)) < (0.3 if g == 0 else 0.6))[patient].astype(int)
        found = np.array(cell.sensitivity)[hard] - 0.08 * second - cell.effect * (g == len(groups) - 1)
        right = np.where(target == 1, found, np.array(SPECIFICITY)[hard])
        mean = np.where(target == 1, norm.ppf(right), -norm.ppf(right))
        noise = np.sqrt(cell.correlation) * own + np.sqrt(1 - cell.correlation) * rng.standard_normal(n)
        condition = np.where(target == 1, np.array(CONDITIONS[1])[second], np.array(CONDITIONS[0])[second])
        parts.append(
            pd.DataFrame({
                "fst_group": groups[g], "dataset": np.where(hard, "hard", "easy"), "target": target.astype("int8"),
                "condition": condition, "p_malignant": norm.cdf(mean + noise),
                "group_id": [f"{g}/{p}" for p in patient],
            })
        )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    ids = [f"i{i:05d}" for i in range(len(table))]
    frame = table.assign(image_id=ids, domain="clinical", split="test", model="m")
    return TestPredictions(frame.astype({"condition": "Int8"}), "m")


def simulate(cell: Cell, simulations: int, resamples: int, seed: int) -> list[dict[str, object]]:
    """A row per metric."""
    rng = np.random.default_rng([seed, zlib.crc32(cell.name.encode())])
    pairs, gaps = [], []
    for s in range(simulations):
        rows = draw(cell, rng)
        settings = AssessmentSettings(resamples=resamples, seed=int(rng.integers(2**31)))
        drawn = replicate(
            rows, THRESHOLD, Resamples.of(rows, resamples, settings.seed), groupings=(FST_GROUP,),
            metrics=listed("gaps"), threads=1,
        )  # fmt: skip
        made = standardised_pairs(rows, THRESHOLD, pair_table(drawn), (FST_GROUP,), settings)
        pairs.append(made.assign(simulation=s))
        gaps.append(standardised_gaps(made).assign(simulation=s))
    return [_row(cell, metric, pd.concat(pairs), pd.concat(gaps), simulations) for metric in METRICS]


def _row(
    cell: Cell, metric: str, pairs: pd.DataFrame, gaps: pd.DataFrame, simulations: int
) -> dict[str, object]:
    p = pairs[(pairs["metric"] == metric) & pairs["value"].notna()]
    g = gaps[(gaps["metric"] == metric) & gaps["value"].notna()]
    truth = cell.effect if metric == "sensitivity" else np.nan if cell.effect and metric == "auroc" else 0.0
    last = "V-VI"
    of_pair = np.where(p["group_b"] == last, truth, 0.0)  # the last group is lower: a minus b is above zero
    one = p.assign(
        together=(p["low"] <= of_pair) & (of_pair <= p["high"]),
        single=(p["single_low"] <= of_pair) & (of_pair <= p["single_high"]),
        raw_tells=(p["raw_low"] > 0) | (p["raw_high"] < 0),
    )
    by = one.groupby("simulation")
    known = bool(np.isfinite(truth))
    return {
        "cell": cell.name, "metric": metric, "truth": truth, "simulations": simulations,
        "pairs_cover": by["together"].all().mean() if known else np.nan,
        "single_covers": one["single"].mean() if known else np.nan,
        "gap_covers": ((g["low"] <= truth) & (truth <= g["high"])).mean() if known else np.nan,
        "raw_excludes_zero": by["raw_tells"].any().mean(),
        "called_apart": g["apart"].mean(),
        "mean_raw": p["raw"].mean(), "mean_standardised": p["value"].mean(),
        "median_width": (one["single_high"] - one["single_low"]).median(),
        "cannot_be_told": 1 - len(g) / simulations,
    }  # fmt: skip


def main() -> None:
    """Simulate the cells asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=500, help="tables per cell")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--cells", nargs="+", default=[""], help="beginnings of names of cells")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "standardised.csv")
    args = parser.parse_args()
    rows: list[dict[str, object]] = []
    for cell in track([c for c in CELLS if c.name.startswith(tuple(args.cells))], "cells"):
        rows += simulate(cell, args.simulations, args.resamples, args.seed)
        pd.DataFrame(rows).to_csv(args.out, index=False, float_format="%.4g")
    print(pd.DataFrame(rows).round(3).to_string())


if __name__ == "__main__":
    main()
