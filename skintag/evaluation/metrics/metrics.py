"""Metrics of a binary decision or score, as plain functions of two arrays.

`target` is 1 for malignant, 0 otherwise. A *decision* is 0/1, made by `score >= threshold`; a *score* is
`p_malignant`. A metric whose value the rows cannot tell is nan: each docstring says when. Nan never stands
alone: whoever shows it shows n and n_positive beside it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

NAN: Final = float("nan")
ECE_BINS: Final = 15


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
    from sklearn.metrics import roc_auc_score  # half a second, which importing this module need not take

    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    return float(roc_auc_score(truth, scores)) if _both_classes(truth) else NAN


def pairs_in_order(target: ArrayLike, score: ArrayLike) -> float:
    """AUROC as the share of pairs of a positive and a negative in which the positive scores higher, ties half.

    Counted exactly, so that it has the bits of the bootstrap's form; nan where either class is absent.
    """
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    if not _both_classes(truth):
        return NAN
    positive, negative = scores[truth == 1], np.sort(scores[truth == 0])
    below = np.searchsorted(negative, positive, side="left") + np.searchsorted(
        negative, positive, side="right"
    )
    return float(below.sum() / 2 / (len(positive) * len(negative)))


def average_precision(target: ArrayLike, score: ArrayLike) -> float:
    """Average precision, sum of (R_n - R_(n-1)) P_n, without interpolation; nan where either class is absent.

    Without negatives the formula gives 1 whatever the model does. Its chance level is the share of positives.
    """
    from sklearn.metrics import average_precision_score

    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    return float(average_precision_score(truth, scores)) if _both_classes(truth) else NAN


def brier(target: ArrayLike, score: ArrayLike) -> float:
    """Mean squared difference of probability and target (Brier, 1950); nan where there are no rows."""
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    return float(np.mean((scores - truth) ** 2)) if len(truth) else NAN


def ece_bin(score: ArrayLike) -> NDArray[np.int64]:
    """The bin of each score, int64 [n]: `ECE_BINS` equally wide bins of [0, 1], closed below; the last holds 1."""
    return np.digitize(_scores(score), np.arange(1, ECE_BINS) / ECE_BINS)


def ece(target: ArrayLike, score: ArrayLike) -> float:
    """Expected calibration error of `p_malignant`: mean |share of positives - mean score| over 15 equal-width bins.

    Bins are weighted by their rows (Naeini et al., 2015; Guo et al., 2017). It is biased upwards in small groups,
    where the share of positives in a bin is off by chance. Nan where there are no rows.
    """
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    if not len(truth):
        return NAN
    excess = np.bincount(ece_bin(scores), weights=scores - truth, minlength=ECE_BINS)
    return float(np.abs(excess).sum() / len(truth))


def sensitivity_at_specificity(target: ArrayLike, score: ArrayLike, specificity: float) -> float:
    """The highest sensitivity of all thresholds on these rows that keep this specificity; nan where a class is absent.

    The threshold is chosen on the very rows it is judged on: a property of the ROC curve, not a promise.
    """
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    if not _both_classes(truth):
        return NAN
    true_negative, true_positive = _curve(truth, scores)
    return float(true_positive[true_negative >= specificity].max())


def specificity_at_sensitivity(target: ArrayLike, score: ArrayLike, sensitivity: float) -> float:
    """The highest specificity that keeps this sensitivity, as `sensitivity_at_specificity` has the reverse."""
    truth, scores = _binary("target", target), _scores(score)
    _check_same_length(truth, scores)
    if not _both_classes(truth):
        return NAN
    true_negative, true_positive = _curve(truth, scores)
    return float(true_negative[true_positive >= sensitivity].max())


def _curve(truth: NDArray[np.int64], scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Specificity and sensitivity at each distinct score as the threshold, and at one above all scores."""
    distinct, code = np.unique(scores, return_inverse=True)
    counts = np.zeros((2, len(distinct) + 1), dtype=np.int64)
    np.add.at(counts, (truth, code), 1)
    at_least = counts[:, ::-1].cumsum(axis=1)
    negative, positive = at_least[:, -1]
    return (negative - at_least[0]) / negative, at_least[1] / positive


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
