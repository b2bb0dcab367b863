"""The metrics that SkinTag comes with: which they are, how resamples weigh them, and where they are listed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Final

import numpy as np

from skintag.evaluation.metrics import metrics as m
from skintag.evaluation.metrics.ranks import spare
from skintag.evaluation.metrics.registry import Class, Gap, Metric, register_gap, register_metric
from skintag.evaluation.metrics.rows import Floats, Ints
from skintag.evaluation.metrics.weighing import Weighing

BOTH: Final[tuple[Class, ...]] = ("positive", "negative")
F1_NOTE: Final = (
    "F1, and its chance level, also differ where groups differ in their share of malignant images alone"
)


def ranked(form: Callable[[Weighing], Floats]) -> Callable[[Weighing], Floats]:
    """A form that reads the ROC curve: nan where a class is absent, from the group or from a resample."""

    @wraps(form)
    def told(w: Weighing) -> Floats:
        if not w.group.steps.number:
            return np.full(len(w.p), np.nan)
        return np.where((w.p > 0) & (w.n > 0), form(w), np.nan)

    return told


def f1_of_malignant(w: Weighing) -> Floats:
    """F1 of the malignant class [b]; nan without positives."""
    return np.where(w.p > 0, 2 * w.tp / (2 * w.tp + w.fp + w.fn), np.nan)


def f1_of_both(w: Weighing) -> Floats:
    """Mean [b] of the F1 of both classes; nan where either is absent."""
    benign = np.where(w.n > 0, 2 * w.tn / (2 * w.tn + w.fp + w.fn), np.nan)
    return (f1_of_malignant(w) + benign) / 2


@ranked
def area(w: Weighing) -> Floats:
    """Area under the ROC curve, [b]: all pairs but those in which the negative is not below, ties counted half."""
    wins = w.n * w.p - np.einsum("kb,kb->b", w.at, w.alarms)
    steps = w.group.steps
    if len(steps.tied):
        wins += np.einsum("kb,kb->b", w.at[steps.tied], steps.ties @ w.weights) / 2
    return wins / (w.p * w.n)


@ranked
def precision(w: Weighing) -> Floats:
    """Average precision [b]: the precision at each step, weighted by the positives there."""
    reached = w.hits + w.alarms
    np.maximum(reached, 1, out=reached)  # where there is no weight yet, there are no hits
    np.divide(w.hits, reached, out=reached)
    return np.einsum("kb,kb->b", w.at, reached) / w.p


@ranked
def sensitivity_at_90(w: Weighing) -> Floats:
    """Sensitivity [b] at the last step with at most so many false alarms."""
    steps, column = w.group.steps.number, np.arange(len(w.p))
    last = np.count_nonzero(w.alarms[:steps] <= spare(w.n, 0.90), axis=0)
    return np.where(last > 0, w.hits[last - 1, column], 0) / w.p


@ranked
def specificity_at_95(w: Weighing) -> Floats:
    """Specificity [b] at the first step with at most so many misses."""
    steps, column = w.group.steps.number, np.arange(len(w.p))
    first = np.count_nonzero(w.hits[:steps] < w.p - spare(w.p, 0.95), axis=0)
    return (w.n - w.alarms[np.minimum(first, steps - 1), column]) / w.n


def squared(target: Ints, score: Floats) -> tuple[Ints, int, Floats]:
    """Squared error of each row, in one line."""
    return np.zeros(len(target), dtype=np.int64), 1, (score - target) ** 2


def excess(target: Ints, score: Floats) -> tuple[Ints, int, Floats]:
    """How much each score exceeds its target, in a line for each bin of the ECE."""
    return m.ece_bin(score), m.ECE_BINS, score - target


def _pairs(w: Weighing) -> Floats:
    return w.pairs_won / (w.p * w.n)


register_metric(Metric(
    "accuracy", m.accuracy, "decision", share_of="all", ratio=lambda tn, fp, fn, tp: (tp + tn, tp + tn + fp + fn),
    tables={"run": 1, "models": 7, "robustness": 5, "retention": 2},
))  # fmt: skip
register_metric(Metric(
    "f1_macro", m.f1_macro, "decision", BOTH, "F1 macro", weighted=f1_of_both,
    tables={"run": 2, "models": 5, "comparison": 5, "robustness": 4, "retention": 3, "summary": 4, "tracking": 5},
))  # fmt: skip
register_metric(Metric(
    "f1_malignant", m.f1_malignant, "decision", ("positive",), "F1 malignant", weighted=f1_of_malignant,
    ratio=lambda tn, fp, fn, tp: (2 * tp, 2 * tp + fp + fn),
    gap=Gap("f1_gap", ("f1_malignant",), "F1 gap", F1_NOTE),
    tables={"run": 3, "models": 6, "groups": 4, "gaps": 3, "tracking": 6},
))  # fmt: skip
register_metric(Metric(
    "auroc", m.auroc, "score", BOTH, "AUROC", weighted=area, of_pairs=True,
    tables={"run": 4, "headline": 1, "models": 1, "comparison": 1, "groups": 1, "gaps": 4, "robustness": 1,
            "retention": 1, "runs": 1, "summary": 1, "tracking": 1},
))  # fmt: skip
register_metric(Metric(
    "sensitivity", m.sensitivity, "decision", ("positive",), share_of="positive",
    ratio=lambda tn, fp, fn, tp: (tp, fn + tp),
    tables={"run": 5, "headline": 3, "models": 3, "comparison": 3, "groups": 2, "gaps": 1, "robustness": 2,
            "retention": 4, "runs": 2, "summary": 2, "tracking": 3},
))  # fmt: skip
register_metric(Metric(
    "specificity", m.specificity, "decision", ("negative",), share_of="negative",
    ratio=lambda tn, fp, fn, tp: (tn, tn + fp),
    tables={"run": 6, "headline": 4, "models": 4, "comparison": 4, "groups": 3, "gaps": 2, "robustness": 3,
            "retention": 5, "runs": 3, "summary": 3, "tracking": 4},
))  # fmt: skip
register_metric(Metric(
    "balanced_accuracy", m.balanced_accuracy, "decision", BOTH, "balanced accuracy", "balanced acc.",
    weighted=lambda w: (w.tp / w.p + w.tn / w.n) / 2, mean_of=("sensitivity", "specificity"),
    tables={"models_more": 1},
))  # fmt: skip
register_metric(Metric(
    "average_precision", m.average_precision, "score", BOTH, "average precision", "avg. precision",
    weighted=precision, enough=60, tables={"headline": 2, "models": 2, "comparison": 2, "tracking": 2},
))  # fmt: skip
register_metric(Metric(
    "brier", m.brier, "score", (), "Brier score", "Brier", smaller_is_better=True, enough_rarer=25,
    weighted=lambda w: w.sums("squared error", squared)[0] / w.total,
    tables={"models_more": 2, "comparison": 6, "calibration": 2, "tracking": 7},
))  # fmt: skip
register_metric(Metric(
    "ece", m.ece, "score", (), "ECE", smaller_is_better=True, folded=excess, enough_rarer=60,
    weighted=lambda w: np.abs(w.sums("excess", excess)).sum(axis=0) / w.total,
    tables={"models_more": 3, "groups": 5, "calibration": 1, "tracking": 8},
))  # fmt: skip
register_metric(Metric(
    "sensitivity_at_specificity_90", partial(m.sensitivity_at_specificity, specificity=0.90), "score", BOTH,
    "sensitivity at specificity 0.90", "sens. at spec. 0.90", weighted=sensitivity_at_90, enough=60,
    tables={"models_more": 4},
))  # fmt: skip
register_metric(Metric(
    "specificity_at_sensitivity_95", partial(m.specificity_at_sensitivity, sensitivity=0.95), "score", BOTH,
    "specificity at sensitivity 0.95", "spec. at sens. 0.95", weighted=specificity_at_95, enough=60,
    tables={"models_more": 5},
))  # fmt: skip
# A group's scores against those of the other groups of its grouping, the background (Borkan et al., 2019,
# doi:10.1145/3308560.3317593): AUROC of background positives over subgroup negatives, and the reverse. The subgroup
# AUC is the group's own AUROC.
register_metric(Metric(
    "bpsn_auc", m.pairs_in_order, "score", BOTH, "BPSN AUC", background="positive", weighted=_pairs, of_pairs=True,
    enough=60, tables={},
))  # fmt: skip
register_metric(Metric(
    "bnsp_auc", m.pairs_in_order, "score", BOTH, "BNSP AUC", background="negative", weighted=_pairs, of_pairs=True,
    enough=60, tables={},
))  # fmt: skip
# The larger of the ranges of TPR and FPR, as fairlearn.metrics.equalized_odds_difference has it; the range of
# FPR = 1 - specificity is that of the specificity.
register_gap(Gap("equalized_odds_difference", ("sensitivity", "specificity"), "equalized odds difference"))
