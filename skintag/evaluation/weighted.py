"""Metrics of many weightings of the same rows at once.

A resample gives each cluster a weight: how often it was drawn. All metrics here are functions of sums of weights
over rows of one kind (hits of a group, positives at one score), so for b weightings they cost a sparse
product with the weights [C, b] and a few operations on its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from skintag.evaluation.metrics import ECE_BINS, ece_bin

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRIDE: Final = 64
RANKED: Final = (
    "auroc",
    "average_precision",
    "sensitivity_at_specificity_90",
    "specificity_at_sensitivity_95",
)


@dataclass(frozen=True)
class Rows:
    """What the metrics look at, per row."""

    target: Ints
    """[n] 1 malignant, 0 not."""
    score: Floats
    """[n]"""
    decision: NDArray[np.bool_]
    """[n]"""
    cluster: Ints
    """[n] in 0..n_clusters-1."""
    n_clusters: int

    def sums(self, line: Ints, members: Ints, lines: int, values: Floats | None = None) -> sparse.csr_array:
        """A matrix [lines, C] that adds up weights x values of the member rows into their lines."""
        data = np.ones(len(members)) if values is None else values
        return sparse.coo_array((data, (line, self.cluster[members])), shape=(lines, self.n_clusters)).tocsr()


class WeightedLevels:
    """All metrics in all groups of one grouping, as a function of the clusters' weights."""

    def __init__(self, rows: Rows, codes: Ints, names: Sequence[str], metrics: Sequence[str]) -> None:
        self.metrics, self.groups = tuple(metrics), len(names)
        known = np.flatnonzero(codes >= 0)
        group, target = codes[known], rows.target[known]
        outcome = 4 * group + 2 * target + rows.decision[known]
        self.outcomes = rows.sums(outcome, known, 4 * self.groups)
        score = rows.score[known]
        self.squares = rows.sums(group, known, self.groups, (score - target) ** 2)
        bins = group * ECE_BINS + ece_bin(score)
        self.excess = rows.sums(bins, known, ECE_BINS * self.groups, score - target)
        members = [known[group == g] for g in range(self.groups)]
        positive = [m[rows.target[m] == 1] for m in members]
        negative = [m[rows.target[m] == 0] for m in members]
        every = [np.concatenate([*part, np.empty(0, dtype=np.int64)]) for part in (positive, negative)]
        self.ranks = [Ranks(rows, p, n) for p, n in zip(positive, negative, strict=True)]
        self.above = [Order(rows, every[0], n) for n in negative]
        self.below = [Order(rows, p, every[1]) for p in positive]

    def __call__(self, weights: Floats) -> Floats:
        """Values [groups x metrics, b] for weights [C, b], groups first; nan where they cannot tell it."""
        b = weights.shape[1]
        tn, fp, fn, tp = (self.outcomes @ weights).reshape(self.groups, 4, b).swapaxes(0, 1)
        p, n = fn + tp, tn + fp
        both = (p > 0) & (n > 0)
        out: dict[str, Floats] = {}
        with np.errstate(invalid="ignore", divide="ignore"):
            total = p + n
            out["accuracy"] = (tp + tn) / total
            out["sensitivity"], out["specificity"] = tp / p, tn / n
            out["balanced_accuracy"] = (out["sensitivity"] + out["specificity"]) / 2
            malignant, benign = 2 * tp / (2 * tp + fp + fn), 2 * tn / (2 * tn + fp + fn)
            out["f1_malignant"] = np.where(p > 0, malignant, np.nan)
            out["f1_macro"] = np.where(both, (malignant + benign) / 2, np.nan)
            out["brier"] = (self.squares @ weights) / total
            excess = (self.excess @ weights).reshape(self.groups, ECE_BINS, b)
            out["ece"] = np.abs(excess).sum(axis=1) / total
            ranked = [rank(weights, p[g], n[g]) for g, rank in enumerate(self.ranks)]
            for i, name in enumerate(RANKED):
                out[name] = np.where(both, np.array([r[i] for r in ranked]).reshape(both.shape), np.nan)
            wins = out["auroc"] * p * n
            wins = np.where(np.isnan(wins), 0, wins)
            p_rest, n_rest = p.sum(axis=0) - p, n.sum(axis=0) - n
            above = np.array([u(weights) for u in self.above]).reshape(both.shape)
            below = np.array([u(weights) for u in self.below]).reshape(both.shape)
            out["bpsn_auc"] = np.where(p_rest * n > 0, (above - wins) / (p_rest * n), np.nan)
            out["bnsp_auc"] = np.where(n_rest * p > 0, (below - wins) / (n_rest * p), np.nan)
        return np.stack([out[m] for m in self.metrics], axis=1).reshape(-1, b)


class Ranks:
    """AUROC, average precision and the two fixed points of one group's ROC curve."""

    def __init__(self, rows: Rows, positive: Ints, negative: Ints) -> None:
        # A step is a distinct score of positives, from the highest down. A negative enters at the first step whose
        # score it reaches; those below all positives never do.
        steps, step = np.unique(-rows.score[positive], return_inverse=True)
        enters = np.searchsorted(steps, -rows.score[negative], side="left")
        self.steps = len(steps)
        lines = -(-self.steps // STRIDE) * STRIDE
        inside = enters < self.steps
        self.positives = rows.sums(step, positive, lines)
        self.negatives = rows.sums(enters[inside], negative[inside], lines)
        tied = np.flatnonzero(inside)
        tied = tied[steps[enters[tied]] == -rows.score[negative[tied]]]
        self.tied, line = np.unique(enters[tied], return_inverse=True)
        self.ties = rows.sums(line, negative[tied], len(self.tied))

    def __call__(self, weights: Floats, p: Floats, n: Floats) -> tuple[Floats, ...]:
        """The four of `RANKED`, each [b], for weights [C, b] of which p, n [b] fall on positives and negatives."""
        if not self.steps:
            return tuple(np.full(len(p), np.nan) for _ in RANKED)
        at = self.positives @ weights
        hits, alarms = cumulate(at), cumulate(self.negatives @ weights)
        wins = n * p - np.einsum("kb,kb->b", at, alarms)
        if len(self.tied):
            wins += np.einsum("kb,kb->b", at[self.tied], self.ties @ weights) / 2
        precision = hits / np.maximum(hits + alarms, 1)
        average = np.einsum("kb,kb->b", at, precision) / p
        column = np.arange(len(p))
        # the most false alarms that leave a specificity of 0.90, the fewest hits that reach a sensitivity of 0.95
        most = _largest(n, 0.90)
        last = (alarms[: self.steps] <= most).sum(axis=0)
        sensitivity = np.where(last > 0, hits[last - 1, column], 0) / p
        first = (hits[: self.steps] < p - _largest(p, 0.95)).sum(axis=0)
        specificity = (n - alarms[np.minimum(first, self.steps - 1), column]) / n
        return wins / (p * n), average, sensitivity, specificity


class Order:
    """The weight of pairs in which the positive scores higher, ties counted half."""

    def __init__(self, rows: Rows, positive: Ints, negative: Ints) -> None:
        # Only the order between classes counts: runs of negatives, each followed by the positives that are above
        # it and below the next, make a step. A score that both classes have is a step by itself.
        members = np.concatenate([positive, negative])
        scores, code = np.unique(rows.score[members], return_inverse=True)
        truth = np.arange(len(members)) < len(positive)
        some = [np.bincount(code[truth == t], minlength=len(scores)) > 0 for t in (True, False)]
        mixed, only_positive = some[0] & some[1], some[0] & ~some[1]
        before_mixed, before_positive = (np.append(False, x[:-1]) for x in (mixed, only_positive))
        starts = mixed | before_mixed | (~some[0] & before_positive)
        step = np.cumsum(starts)[code] if len(scores) else code
        lines = -(-(int(step.max(initial=-1)) + 1) // STRIDE) * STRIDE
        self.positives = rows.sums(step[truth], positive, lines)
        self.negatives = rows.sums(step[~truth], negative, lines)
        self.tied = np.cumsum(starts)[mixed]

    def __call__(self, weights: Floats) -> Floats:
        """[b] for weights [C, b]."""
        at, spared = self.positives @ weights, self.negatives @ weights
        ties = np.einsum("kb,kb->b", at[self.tied], spared[self.tied])
        return np.einsum("kb,kb->b", at, cumulate(spared)) - ties / 2


def cumulate(values: Floats) -> Floats:
    """Cumulative sums down the columns, [k, b] with k a multiple of `STRIDE`; may overwrite its argument.

    Two levels of whole-row additions: numpy's own goes down column by column and takes ten times as long.
    """
    if not len(values):
        return values
    blocks = values.copy().reshape(-1, STRIDE, values.shape[1])
    for i in range(1, STRIDE):
        blocks[:, i] += blocks[:, i - 1]
    for i in range(1, len(blocks)):
        blocks[i] += blocks[i - 1, -1]
    return blocks.reshape(values.shape)


def _largest(total: Floats, share: float) -> Floats:
    """The largest whole k [b] for which (total - k) / total >= share, as the division in floats has it."""
    k = np.floor(total * (1 - share)) + 1
    for _ in range(2):
        k -= (total - k) / np.maximum(total, 1) < share
    return k
