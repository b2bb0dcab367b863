"""Reports on made-up images: the contrasts, their evidence and its verdicts, by the functions that reports use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from cells import Cell, Images, right, scores

from skintag.evaluation.statistics.contrasts import (
    ConditionPairs,
    auroc_of,
    share_of,
    standardised_difference,
)
from skintag.evaluation.statistics.sides import Contrast, RowDraws
from skintag.runs.grid.findings import Evidence, Rules, judge

QUESTIONS = 15
REDRAWN = 20
"""Reports on one set of resamples: they are of the same patients, and drawing them anew takes most of the time."""
SEED_NOISE = 0.03
"""Share of the images that a training seed judges in its own way; of scores, its own noise."""


def judged(cell: Cell, reports: int, resamples: int, seed: int) -> Iterator[pd.DataFrame]:
    """The judged questions of each report; the cell's effect is in the first question alone."""
    rng = np.random.default_rng(seed)
    images = Images.of(cell)
    rows = RowDraws.as_they_are(1)
    for report in range(reports):
        if report % REDRAWN == 0:
            names = pd.Series(images.patient).map("{:06d}".format)
            rows = RowDraws.draw(names, resamples, seed=int(rng.integers(2**31)))
        evidence = {
            f"{q:02d}": Evidence.of(contrasts(cell, images, cell.effect if q == 0 else 0.0, rows, rng))
            for q in range(QUESTIONS)
        }
        yield judge(evidence)


def contrasts(
    cell: Cell, images: Images, effect: float, rows: RowDraws, rng: np.random.Generator
) -> list[Contrast]:
    """One question, a contrast per training seed."""
    draw = scores if cell.kind.endswith("auroc") else right
    shared = draw(cell, images, effect, rng)
    made = []
    for _ in range(cell.seeds):
        values = shared
        if cell.seeds > 1:
            values = np.where(rng.random(len(shared)) < SEED_NOISE, draw(cell, images, effect, rng), shared)
        made.append(_contrast(cell, images, values, effect, rows, rng))
    return made


def _contrast(
    cell: Cell, images: Images, values: np.ndarray, effect: float, rows: RowDraws, rng: np.random.Generator
) -> Contrast:
    everything = np.ones(len(values), dtype=bool)
    if cell.kind == "rate":
        return standardised_difference(values, images.side, np.zeros_like(images.side), rows)
    if cell.kind == "auroc":
        condition = np.where(images.target == 1, 0, 4)
        first, second = images.side == 1, images.side == 0
        pairs = ConditionPairs.shared(
            condition, images.target, first, second, conditions=(0, 4), minimum=Rules().minimum
        )
        home, there = (pairs.auroc(values, condition, images.target, s, rows) for s in (first, second))
        return home - there
    if cell.kind == "paired rate":
        # the second model decides as the first, but on a fifth of the images
        again = np.where(rng.random(len(values)) < 0.2, right(cell, images, 0.0, rng), values)
        worse = np.where(rng.random(len(values)) < effect / cell.level, 0.0, again)
        return share_of(values, everything, rows).against(share_of(worse, everything, rows))
    other = np.sqrt(0.8) * values + np.sqrt(0.2) * scores(cell, images, 0.0, rng)
    first = np.sqrt(0.8) * values + np.sqrt(0.2) * scores(cell, images, 0.0, rng)
    a, b = (auroc_of(v, images.target, everything, rows) for v in (first, other))
    return a.against(b)
