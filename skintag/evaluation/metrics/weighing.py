"""One group's rows under many weightings of their clusters: what a metric's weighted form is written with.

A resample gives each cluster a weight: how often it was drawn. Most metrics are functions of sums of weights over
rows of one kind (hits, positives at one score), so for b weightings they cost a sparse product with the weights
[C, b] and a few operations on its result. What several metrics need is computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from scipy import sparse

from skintag.evaluation.metrics.ranks import Order, Steps, cumulate
from skintag.evaluation.metrics.rows import Floats, Ints, Rows

Lines = Callable[[Ints, Floats], tuple[Ints, int, Floats]]
"""(targets [m], scores [m]) to the line of each row [m], the number of lines, and the value of each row [m]."""


class Group:
    """The rows that metrics look at in one group, with the matrices that their weighted sums come from."""

    def __init__(self, rows: Rows, members: Ints) -> None:
        self.rows, self.members = rows, members
        self.target, self.score = rows.target[members], rows.score[members]
        self.decision = rows.decision[members]
        self._matrices: dict[str, sparse.csr_array] = {}

    @cached_property
    def outcomes(self) -> sparse.csr_array:
        """[4, C]: true negatives, false positives, false negatives, true positives."""
        return self.rows.sums(2 * self.target + self.decision, self.members, 4)

    @cached_property
    def steps(self) -> Steps:
        """The ROC curve of these rows."""
        return Steps(self.rows, *self._classes)

    @cached_property
    def order(self) -> Order:
        """The pairs of a positive and a negative among these rows."""
        return Order(self.rows, *self._classes)

    def matrix(self, name: str, lines: Lines) -> sparse.csr_array:
        """[lines, C] of values that are added up, made once for each name."""
        if name not in self._matrices:
            line, number, values = lines(self.target, self.score)
            self._matrices[name] = self.rows.sums(line, self.members, number, values)
        return self._matrices[name]

    @property
    def _classes(self) -> tuple[Ints, Ints]:
        return self.members[self.target == 1], self.members[self.target == 0]


class Weighing:
    """A group under b weightings [C, b]; all sums are of weights, float64 [b]."""

    def __init__(self, group: Group, weights: Floats) -> None:
        self.group, self.weights = group, weights
        self.tn, self.fp, self.fn, self.tp = group.outcomes @ weights
        self.p, self.n = self.fn + self.tp, self.tn + self.fp
        """Positives and negatives."""
        self.total = self.p + self.n

    def sums(self, name: str, lines: Lines) -> Floats:
        """Weighted sums [lines, b] of a value of the rows; `name` tells such sums of one group apart."""
        return self.group.matrix(name, lines) @ self.weights

    @cached_property
    def at(self) -> Floats:
        """[steps, b] positives at each of `Group.steps`; lines beyond the last step are 0."""
        return self.group.steps.positives @ self.weights

    @cached_property
    def hits(self) -> Floats:
        """[steps, b] positives at each step or above it."""
        return cumulate(self.at.copy())

    @cached_property
    def alarms(self) -> Floats:
        """[steps, b] negatives that score as high as each step, or higher."""
        return cumulate(self.group.steps.negatives @ self.weights)

    @cached_property
    def pairs_won(self) -> Floats:
        """[b] pairs of a positive and a negative in which the positive scores higher, ties counted half."""
        return self.group.order(self.weights)
