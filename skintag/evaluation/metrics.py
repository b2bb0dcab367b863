"""Metrics of a binary decision or score, as plain functions of two arrays.

`target` is 1 for malignant, 0 otherwise. A *decision* is 0/1, made by `score >= threshold`; a *score* is
`p_malignant`. A metric whose value the rows cannot tell is nan: each docstring says when. Nan never stands
alone: whoever shows it shows n and n_positive beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

NAN: Final = float("nan")


class Confusion(NamedTuple):
    """Counts of the four outcomes of a binary decision."""

    true_negative: int
    false_positive: int
    false_negative: int
    true_positive: int

    @property
    def negative(self) -> int:
        """Rows whose target is 0."""
        return self.true_negative + self.false_positive

    @property
    def positive(self) -> int:
        """Rows whose target is 1."""
        return self.false_negative + self.true_positive


def confusion(target: ArrayLike, decision: ArrayLike) -> Confusion:
    """Count the outcomes of [n] targets and [n] decisions, both 0/1 or bool.

    Raises:
        ValueError: other values, or different lengths.
    """
    truth, decided = _binary("target", target), _binary("decision", decision)
    _check_same_length(truth, decided)
    return Confusion(*(int(n) for n in np.bincount(2 * truth + decided, minlength=4)))


def accuracy(target: ArrayLike, decision: ArrayLike) -> float:
    """Share of right decisions; nan where there are no rows."""
    c = confusion(target, decision)
    return _ratio(c.true_positive + c.true_negative, c.positive + c.negative)


def sensitivity(target: ArrayLike, decision: ArrayLike) -> float:
    """Share of the malignant that are called so (recall, TPR); nan without positives."""
    c = confusion(target, decision)
    return _ratio(c.true_positive, c.positive)


def specificity(target: ArrayLike, decision: ArrayLike) -> float:
    """Share of the benign that are not called malignant (TNR); nan without negatives."""
    c = confusion(target, decision)
    return _ratio(c.true_negative, c.negative)


def balanced_accuracy(target: ArrayLike, decision: ArrayLike) -> float:
    """Mean of sensitivity and specificity; nan where either class is absent."""
    return (sensitivity(target, decision) + specificity(target, decision)) / 2


def f1_malignant(target: ArrayLike, decision: ArrayLike) -> float:
    """F1 of the malignant class, 2TP / (2TP + FP + FN).

    Nan without positives: the formula would give 0 whatever the model does.
    """
    c = confusion(target, decision)
    return _f1(c.true_positive, c.false_positive, c.false_negative) if c.positive else NAN


def f1_macro(target: ArrayLike, decision: ArrayLike) -> float:
    """Mean of the F1 of both classes; nan where either class is absent from the targets."""
    c = confusion(target, decision)
    if not (c.positive and c.negative):
        return NAN
    malignant = _f1(c.true_positive, c.false_positive, c.false_negative)
    benign = _f1(c.true_negative, c.false_negative, c.false_positive)
    return (malignant + benign) / 2


def auroc(target: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve, ties counted half; nan where either class is absent."""
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    return float(roc_auc_score(truth, scores)) if _both_classes(truth) else NAN


def average_precision(target: ArrayLike, score: ArrayLike) -> float:
    """Average precision, sum of (R_n - R_(n-1)) P_n, without interpolation; nan where either class is absent.

    Without negatives the formula gives 1 whatever the model does. Its chance level is the share of positives.
    """
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    return float(average_precision_score(truth, scores)) if _both_classes(truth) else NAN


def brier(target: ArrayLike, score: ArrayLike) -> float:
    """Mean squared difference of probability and target (Brier, 1950); nan where there are no rows."""
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    return float(np.mean((scores - truth) ** 2)) if len(truth) else NAN


@dataclass(frozen=True)
class Metric:
    """A metric function together with what it looks at and which rows its precision hangs on."""

    name: str
    """Name in tables and JSON."""
    label: str
    """Column heading."""
    function: Callable[[ArrayLike, ArrayLike], float]
    """(target, decision) or (target, score) to a number."""
    uses: Literal["decision", "score"]
    """Whether the second argument is a decision or a score."""
    needs: tuple[Literal["positive", "negative"], ...] = ()
    """Classes that the value is undefined without."""

    def __call__(self, target: ArrayLike, score: ArrayLike, threshold: float) -> float:
        """The metric of [n] targets and [n] scores; decisions are `score >= threshold`."""
        scores = _scores(score)
        return self.function(target, scores >= threshold if self.uses == "decision" else scores)

    def too_few(self, n: int, n_positive: int, minimum: int) -> bool:
        """Whether a class that the metric needs (all rows, where it needs none) has fewer than `minimum`."""
        counts = {"positive": n_positive, "negative": n - n_positive}
        return min((counts[c] for c in self.needs), default=n) < minimum


METRICS: Final[dict[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", accuracy, "decision"),
        Metric("f1_macro", "F1 macro", f1_macro, "decision", ("positive", "negative")),
        Metric("f1_malignant", "F1 malignant", f1_malignant, "decision", ("positive",)),
        Metric("auroc", "AUROC", auroc, "score", ("positive", "negative")),
        Metric("sensitivity", "sensitivity", sensitivity, "decision", ("positive",)),
        Metric("specificity", "specificity", specificity, "decision", ("negative",)),
        Metric("balanced_accuracy", "balanced acc.", balanced_accuracy, "decision", ("positive", "negative")),
        Metric("average_precision", "avg. precision", average_precision, "score", ("positive", "negative")),
        Metric("brier", "Brier", brier, "score"),
    )
}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else NAN


def _f1(hits: int, false_alarms: int, misses: int) -> float:
    return 2 * hits / (2 * hits + false_alarms + misses)


def _both_classes(truth: NDArray[np.int64]) -> bool:
    return 0 < int(truth.sum()) < len(truth)


def _binary(name: str, values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} has to be a 1-d array of 0 and 1")
    return array.astype(np.int64)


def _scores(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or np.isnan(array).any():
        raise ValueError("score has to be a 1-d array without nan")
    return array


def _check_same_length(a: NDArray[np.generic], b: NDArray[np.generic]) -> None:
    if len(a) != len(b):
        raise ValueError(f"{len(a)} targets, but {len(b)} decisions or scores")
