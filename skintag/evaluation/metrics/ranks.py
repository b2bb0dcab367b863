"""The order of scores as sparse matrices, from which many weightings of the same rows are ranked at once."""

from __future__ import annotations

from typing import Final

import numpy as np

from skintag.evaluation.metrics.rows import Floats, Ints, Rows

STRIDE: Final = 64  # lines of a step matrix come in multiples of it, for `cumulate`


class Steps:
    """One group's ROC curve: a step is a distinct score of positives, from the highest down."""

    def __init__(self, rows: Rows, positive: Ints, negative: Ints) -> None:
        # A negative enters at the first step whose score it reaches; those below all positives never do.
        steps, step = np.unique(-rows.score[positive], return_inverse=True)
        enters = np.searchsorted(steps, -rows.score[negative], side="left")
        inside = np.flatnonzero(enters < len(steps))
        lines = -(-len(steps) // STRIDE) * STRIDE
        self.number = len(steps)
        self.positives = rows.sums(step, positive, lines)
        self.negatives = rows.sums(enters[inside], negative[inside], lines)
        tied = inside[steps[enters[inside]] == -rows.score[negative[inside]]]
        self.tied, line = np.unique(enters[tied], return_inverse=True)
        self.ties = rows.sums(line, negative[tied], len(self.tied))


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
