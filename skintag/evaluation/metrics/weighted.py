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

from skintag.evaluation.metrics.metrics import ECE_BINS, ece_bin

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRIDE: Final = 64  # lines of a step matrix come in multiples of it, for `cumulate`
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
    """Metrics in all groups of one grouping, as a function of the clusters' weights."""

    def __init__(self, rows: Rows, codes: Ints, names: Sequence[str], metrics: Sequence[str]) -> None:
        self.metrics, self.groups = tuple(metrics), len(names)
        known = np.flatnonzero(codes >= 0)
        group, target, score = codes[known], rows.target[known], rows.score[known]
        self.outcomes = rows.sums(4 * group + 2 * target + rows.decision[known], known, 4 * self.groups)
        if "brier" in metrics:
            self.squares = rows.sums(group, known, self.groups, (score - target) ** 2)
        if "ece" in metrics:
            bins = group * ECE_BINS + ece_bin(score)
            self.excess = rows.sums(bins, known, ECE_BINS * self.groups, score - target)
        positive, negative = (
            [known[(group == g) & (target == c)] for g in range(self.groups)] for c in (1, 0)
        )
        if not set(RANKED).isdisjoint(metrics):
            self.ranks = [Ranks(rows, p, n, metrics) for p, n in zip(positive, negative, strict=True)]
        # a group's negatives below the others' positives, and its positives above the others' negatives
        if "bpsn_auc" in metrics:
            self.bpsn = [Order(rows, _without(positive, g), n) for g, n in enumerate(negative)]
        if "bnsp_auc" in metrics:
            self.bnsp = [Order(rows, p, _without(negative, g)) for g, p in enumerate(positive)]

    def __call__(self, weights: Floats) -> Floats:
        """Values [groups x metrics, b] for weights [C, b], groups first; nan where they cannot tell it."""
        b = weights.shape[1]
        if not self.groups:
            return np.empty((0, b))
        outcomes = (self.outcomes @ weights).reshape(self.groups, 4, b).swapaxes(0, 1)
        p, n = outcomes[2] + outcomes[3], outcomes[0] + outcomes[1]
        with np.errstate(invalid="ignore", divide="ignore"):
            out = counted(*outcomes)
            if "brier" in self.metrics:
                out["brier"] = (self.squares @ weights) / (p + n)
            if "ece" in self.metrics:
                excess = (self.excess @ weights).reshape(self.groups, ECE_BINS, b)
                out["ece"] = np.abs(excess).sum(axis=1) / (p + n)
            if not set(RANKED).isdisjoint(self.metrics):
                ranked = np.stack([rank(weights, p[g], n[g]) for g, rank in enumerate(self.ranks)], axis=1)
                out |= dict(zip(RANKED, np.where((p > 0) & (n > 0), ranked, np.nan), strict=True))
            if "bpsn_auc" in self.metrics:
                pairs = (p.sum(axis=0) - p) * n
                out["bpsn_auc"] = np.stack([wins(weights) for wins in self.bpsn]) / pairs
            if "bnsp_auc" in self.metrics:
                pairs = (n.sum(axis=0) - n) * p
                out["bnsp_auc"] = np.stack([wins(weights) for wins in self.bnsp]) / pairs
        return np.stack([out[m] for m in self.metrics], axis=1).reshape(-1, b)


def counted(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> dict[str, Floats]:
    """The metrics of decisions, from the weights of the four outcomes, arrays of one shape."""
    p, n = fn + tp, tn + fp
    sensitivity, specificity = tp / p, tn / n
    malignant = np.where(p > 0, 2 * tp / (2 * tp + fp + fn), np.nan)
    benign = np.where(n > 0, 2 * tn / (2 * tn + fp + fn), np.nan)
    return {
        "accuracy": (tp + tn) / (p + n),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "f1_malignant": malignant,
        "f1_macro": (malignant + benign) / 2,
    }


class Ranks:
    """AUROC, average precision and the two fixed points of one group's ROC curve."""

    def __init__(self, rows: Rows, positive: Ints, negative: Ints, metrics: Sequence[str]) -> None:
        # A step is a distinct score of positives, from the highest down. A negative enters at the first step whose
        # score it reaches; those below all positives never do.
        steps, step = np.unique(-rows.score[positive], return_inverse=True)
        enters = np.searchsorted(steps, -rows.score[negative], side="left")
        inside = np.flatnonzero(enters < len(steps))
        lines = -(-len(steps) // STRIDE) * STRIDE
        self.steps, self.metrics = len(steps), frozenset(metrics)
        self.positives = rows.sums(step, positive, lines)
        self.negatives = rows.sums(enters[inside], negative[inside], lines)
        tied = inside[steps[enters[inside]] == -rows.score[negative[inside]]]
        self.tied, line = np.unique(enters[tied], return_inverse=True)
        self.ties = rows.sums(line, negative[tied], len(self.tied))

    def __call__(self, weights: Floats, p: Floats, n: Floats) -> Floats:
        """The four of `RANKED`, [4, b], for weights [C, b] of which p, n [b] fall on positives and negatives.

        Those that nobody asked for are nan.
        """
        out = np.full((len(RANKED), len(p)), np.nan)
        if not self.steps:
            return out
        at = self.positives @ weights
        alarms = cumulate(self.negatives @ weights)
        if "auroc" in self.metrics:
            wins = n * p - np.einsum("kb,kb->b", at, alarms)
            if len(self.tied):
                wins += np.einsum("kb,kb->b", at[self.tied], self.ties @ weights) / 2
            out[0] = wins / (p * n)
        if self.metrics.isdisjoint(RANKED[1:]):
            return out
        hits = cumulate(at.copy())
        if "average_precision" in self.metrics:
            precision = hits + alarms
            np.maximum(precision, 1, out=precision)  # where there is no weight yet, there are no hits
            np.divide(hits, precision, out=precision)
            out[1] = np.einsum("kb,kb->b", at, precision) / p
        hits, alarms, column = hits[: self.steps], alarms[: self.steps], np.arange(len(p))
        if RANKED[2] in self.metrics:  # the last step with at most so many false alarms
            last = np.count_nonzero(alarms <= spare(n, 0.90), axis=0)
            out[2] = np.where(last > 0, hits[last - 1, column], 0) / p
        if RANKED[3] in self.metrics:  # the first step with at most so many misses
            first = np.count_nonzero(hits < p - spare(p, 0.95), axis=0)
            out[3] = (n - alarms[np.minimum(first, self.steps - 1), column]) / n
        return out


class Order:
    """The weight of pairs of a positive and a negative in which the positive scores higher, ties counted half."""

    def __init__(self, rows: Rows, positive: Ints, negative: Ints) -> None:
        # Only the order between classes counts: runs of negatives, each followed by the positives that are above
        # it and below the next, make a step. A score that both classes have is a step by itself.
        members = np.concatenate([positive, negative])
        scores, code = np.unique(rows.score[members], return_inverse=True)
        truth = np.arange(len(members)) < len(positive)
        has_positive, has_negative = (
            np.bincount(code[truth == t], minlength=len(scores)) > 0 for t in (True, False)
        )
        mixed = has_positive & has_negative
        after_mixed, after_positive = (np.append(False, x[:-1]) for x in (mixed, has_positive))
        number = np.cumsum(mixed | after_mixed | (has_negative & after_positive))
        step = number[code] if len(members) else code
        lines = -(-(int(step.max(initial=-1)) + 1) // STRIDE) * STRIDE
        self.positives = rows.sums(step[truth], positive, lines)
        self.negatives = rows.sums(step[~truth], negative, lines)
        self.tied = number[mixed] if len(members) else code

    def __call__(self, weights: Floats) -> Floats:
        """[b] for weights [C, b]."""
        at, spared = self.positives @ weights, self.negatives @ weights
        ties = np.einsum("kb,kb->b", at[self.tied], spared[self.tied])
        return np.einsum("kb,kb->b", at, cumulate(spared)) - ties / 2


def cumulate(values: Floats) -> Floats:
    """Cumulative sums down the columns, in place; [k, b] with k a multiple of `STRIDE`.

    Two levels of additions of whole rows: numpy's own way, column by column, takes ten times as long.
    """
    blocks = values.reshape(-1, STRIDE, values.shape[1])
    for i in range(1, STRIDE):
        blocks[:, i] += blocks[:, i - 1]
    for i in range(1, len(blocks)):
        blocks[i] += blocks[i - 1, -1]
    return values


def spare(total: Floats, share: float) -> Floats:
    """The largest whole k [b] with (total - k) / total >= share, as that division comes out in floating point."""
    k = np.floor(total * (1 - share)) + 1
    for _ in range(2):
        k -= (total - k) / np.maximum(total, 1) < share
    return k


def _without(parts: Sequence[Ints], left_out: int) -> Ints:
    """All parts but one, put together."""
    return np.concatenate([*(p for i, p in enumerate(parts) if i != left_out), np.empty(0, dtype=np.int64)])
