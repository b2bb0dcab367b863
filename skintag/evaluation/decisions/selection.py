"""What a search for hyperparameters looks at: one number of a run, from its val rows alone."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Final

from skintag.core.errors import ConfigError, DataError, near_matches
from skintag.core.vocabulary import HEAD
from skintag.evaluation.metrics.groups import GROUPINGS, OVERALL, evaluate
from skintag.evaluation.metrics.metrics import METRICS
from skintag.evaluation.predictions.predictions import Predictions, ValPredictions, require_val

_GROUPINGS: Final = {grouping.name: grouping for grouping in GROUPINGS}
# The smaller of these is the better one; a search maximises, so their sign is turned.
_LOSSES: Final = frozenset({"brier", "ece"})
_SCORED: Final = tuple(name for name, metric in METRICS.items() if metric.uses == "score")


@dataclass(frozen=True)
class Selection:
    """Which number of a run a search maximises. Losses (Brier, ECE) count negatively, so larger is better."""

    model: str = HEAD
    """A model of the predictions table."""
    metric: str = "auroc"
    """A metric of scores: it needs no threshold, which would have to be fitted on the same rows."""
    grouping: str = "overall"
    """`overall`, or a grouping (`domain`, `fst_group`, ...) whose worst group counts."""
    minimum: int = 10
    """Groups with fewer positives or negatives do not take part."""

    def __post_init__(self) -> None:
        if self.metric not in _SCORED:
            raise ConfigError(f"select.metric={self.metric}: {near_matches(self.metric, _SCORED)}")
        if self.grouping not in _GROUPINGS:
            raise ConfigError(f"select.grouping={self.grouping}: {near_matches(self.grouping, _GROUPINGS)}")

    def of(self, predictions: Predictions) -> float:
        """The number for a run's table; test rows are not looked at.

        Raises:
            DataError: the table has no such model, or its val rows cannot tell the metric.
        """
        return self.value(predictions.val(self.model))

    def for_search(self, predictions: Predictions) -> float:
        """As `of`, but nan where it is undefined, and says why: the run itself has not failed.

        A search counts nan as a failed trial.
        """
        try:
            return self.of(predictions)
        except DataError as error:
            print(f"no value for a search (select):\n{error}", file=sys.stderr)
            return math.nan

    def value(self, val: ValPredictions) -> float:
        """The number for one model's val rows; errors as `of`."""
        require_val(val, "Selection.value")
        metric = METRICS[self.metric]
        # a metric of scores takes no notice of the threshold
        found = evaluate(val, 0.5, groupings=(_GROUPINGS[self.grouping],), metrics=(metric,))
        if self.grouping != OVERALL.name:
            few = [
                metric.too_few(n, p, self.minimum)
                for n, p in zip(found["n"], found["n_positive"], strict=True)
            ]
            found = found[[not f for f in few]]
        signed = -found["value"] if self.metric in _LOSSES else found["value"]
        worst = float(signed.min()) if len(signed) else math.nan
        if math.isnan(worst):
            raise DataError(
                f"val rows of model {self.model!r}",
                expected=f"rows that tell {self.metric} ({self.grouping}, at least {self.minimum} of a class)",
                found=f"{len(val)} row(s), {int(val.target.sum())} malignant",
                fix="choose select.grouping=overall, a smaller select.minimum, or a larger val split",
            )
        return worst
