"""The decision threshold, fitted on validation rows; malignant is what scores `>= threshold`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skintag.core.errors import ConfigError, DataError, first_few, near_matches
from skintag.core.io import read_json, write_json

if TYPE_CHECKING:  # what serves a bundle needs numpy alone
    from skintag.evaluation.predictions.predictions import Predictions, ValPredictions

OBJECTIVES: Final = ("youden", "f1", "target_sensitivity", "target_specificity")
GIVEN: Final = "given"  # in place of an objective: the threshold was fixed before, and not fitted


@dataclass(frozen=True)
class Objective:
    """What a threshold is chosen for."""

    name: str = "youden"
    """`youden`: the largest sensitivity + specificity - 1 (Youden, 1950). `f1`: the largest F1 of the
    malignant class. `target_sensitivity`: the largest specificity among thresholds whose sensitivity reaches
    `target`. `target_specificity`: the reverse."""
    target: float = 0.95
    """The sensitivity or specificity to reach, (0, 1]; the other two objectives make no use of it."""

    def __post_init__(self) -> None:
        if self.name not in OBJECTIVES:
            raise ConfigError(f"threshold objective {self.name!r}: {near_matches(self.name, OBJECTIVES)}")
        if not 0 < self.target <= 1:
            raise ConfigError(f"threshold target {self.target}: expected a number in (0, 1]")

    def __str__(self) -> str:
        return f"{self.name} {self.target:g}" if self.name.startswith("target_") else self.name

    @classmethod
    def parse(cls, text: str) -> Self:
        """The objective that `str` wrote, e.g. `target_sensitivity 0.95`. Raises ConfigError for other text."""
        name, _, target = text.partition(" ")
        try:
            return cls(name, float(target)) if target else cls(name)
        except ValueError as error:
            raise ConfigError(f"threshold objective {text!r}: expected a number after {name}") from error


@dataclass(frozen=True)
class Threshold:
    """A fitted threshold and what it does on the validation rows it was fitted on."""

    value: float
    """A score is called malignant where `score >= value`."""
    objective: str
    """What it was chosen for, e.g. `youden` or `target_sensitivity 0.95`; `given`: not fitted, n is 0 and what
    follows is nan."""
    n: int
    """Validation rows."""
    n_positive: int
    """Malignant ones among them."""
    achieved: float
    """The objective's value on them: Youden's J, F1, sensitivity or specificity."""
    sensitivity: float
    """Sensitivity on them."""
    specificity: float
    """Specificity on them."""

    def apply(self, score: ArrayLike) -> NDArray[np.bool_]:
        """Decisions for [n] scores, bool [n]: True is malignant."""
        return np.asarray(score, dtype=np.float64) >= self.value


DEFAULT_OBJECTIVE: Final = Objective()


def fit_threshold(val: ValPredictions, objective: Objective = DEFAULT_OBJECTIVE) -> Threshold:
    """The best threshold among all that tell the validation scores apart.

    Candidates are the distinct scores, so that equal scores are always decided alike, and one just above the
    highest score, which calls nothing malignant. Among equally good thresholds the one with the higher
    sensitivity is taken, for a missed cancer costs more than a false alarm; for `target_specificity`, where
    sensitivity is what is maximised, the one with the higher specificity.

    Raises:
        TypeError: the rows are not `ValPredictions`.
        DataError: there are no malignant or no benign rows.
    """
    from skintag.evaluation.predictions.predictions import require_val

    require_val(val, "fit_threshold")
    target, score = val.target, val.score
    n_positive = int(target.sum())
    n_negative = len(target) - n_positive
    if not n_positive or not n_negative:
        raise DataError(
            f"validation rows of model {val.model!r}",
            expected="malignant and benign rows, to fit a threshold on",
            found=f"{n_positive} malignant and {n_negative} benign",
            fix="choose a split whose val has both classes (more data, another seed, or split=grouped)",
        )
    candidates, true_positive, false_positive = _outcomes(target, score)
    sensitivity, specificity = true_positive / n_positive, (n_negative - false_positive) / n_negative
    achieved, best = _best(objective, true_positive, false_positive, n_positive, n_negative)
    return Threshold(
        float(candidates[best]), str(objective), len(target), n_positive, float(achieved[best]),
        float(sensitivity[best]), float(specificity[best]),
    )  # fmt: skip


def _best(
    objective: Objective,
    true_positive: NDArray[np.int64],
    false_positive: NDArray[np.int64],
    n_positive: int,
    n_negative: int,
) -> tuple[NDArray[np.float64], int]:
    """The objective [k] at each candidate, and the best candidate's position.

    Counts rather than rates are compared where that is possible: thresholds that are equally good are then equal.
    """
    true_negative = n_negative - false_positive
    sensitivity, specificity = true_positive / n_positive, true_negative / n_negative
    first: NDArray[np.generic]  # what is maximised; `second` decides between equals
    if objective.name == "youden":
        achieved = sensitivity + specificity - 1
        first, second = true_positive * n_negative - false_positive * n_positive, true_positive
    elif objective.name == "f1":
        achieved = 2 * true_positive / (true_positive + false_positive + n_positive)
        first, second = achieved, true_positive
    elif objective.name == "target_sensitivity":
        achieved = sensitivity
        first, second = np.where(sensitivity >= objective.target, true_negative, -1), true_positive
    else:
        achieved = specificity
        first, second = np.where(specificity >= objective.target, true_positive, -1), true_negative
    return achieved, int(np.lexsort((second, first))[-1])


def fit_thresholds(
    predictions: Predictions, objective: Objective = DEFAULT_OBJECTIVE
) -> dict[str, Threshold]:
    """A threshold per model, each fitted on the model's validation rows. Raises as `fit_threshold`."""
    return {model: fit_threshold(predictions.val(model), objective) for model in predictions.models}


def write_thresholds(path: str | os.PathLike[str], thresholds: Mapping[str, Threshold]) -> None:
    """Write thresholds by model as JSON, atomically, with what they were fitted on."""
    table = {model: asdict(threshold) for model, threshold in thresholds.items()}
    fitted = any(threshold.objective != GIVEN for threshold in thresholds.values())
    write_json(
        path, {"fitted_on": "val" if fitted else None, "decision": "score >= value", "thresholds": table}
    )


def read_thresholds(path: str | os.PathLike[str]) -> dict[str, Threshold]:
    """Read `thresholds.json`.

    Raises:
        DataError: there is no such file, or it does not hold thresholds as `write_thresholds` writes them.
    """
    names = [field.name for field in fields(Threshold)]
    try:
        return {model: _from_json(entry) for model, entry in read_json(path)["thresholds"].items()}
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(
            path,
            expected=f"thresholds, each with {', '.join(names)}",
            found=f"{type(error).__name__}: {error}",
            fix="write the file again by evaluating the run's predictions",
        ) from error


def _from_json(entry: Mapping[str, Any]) -> Threshold:
    """One threshold; a null, which is how JSON holds nan, only where nothing was fitted."""
    values = {field.name: entry[field.name] for field in fields(Threshold)}
    for name in ("value", "achieved", "sensitivity", "specificity"):
        if values[name] is None and (name == "value" or values["objective"] != GIVEN):
            raise ValueError(f"{name} is null")
        values[name] = float("nan") if values[name] is None else float(values[name])
    if not np.isfinite(values["value"]):
        raise ValueError(f"value is {values['value']}")
    return Threshold(**values)


def _outcomes(
    target: NDArray[np.int64], score: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Candidate thresholds in rising order, [k], and the true and false positives at each, int64 [k]."""
    distinct, code = np.unique(score, return_inverse=True)
    positives = np.bincount(code, weights=target, minlength=len(distinct)).astype(np.int64)
    total = np.bincount(code, minlength=len(distinct))
    candidates = np.append(distinct, np.nextafter(distinct[-1], np.inf))
    # rows at or above candidate i: a sum from the top; none above the last one
    at_least = np.append(np.cumsum(total[::-1])[::-1], 0)
    true_positive = np.append(np.cumsum(positives[::-1])[::-1], 0)
    return candidates, true_positive, at_least - true_positive


def thresholds_of(
    predictions: Predictions, objective: Objective = DEFAULT_OBJECTIVE, given: float | None = None
) -> dict[str, Threshold]:
    """A threshold per model: the given one for all of them, or each fitted on the model's val rows.

    Raises:
        DataError: none is given, and a model has no val rows to fit one on.
        ConfigError: the given one is no number in [0, 1].
    """
    if given is not None:
        if not 0 <= given <= 1:
            raise ConfigError(f"threshold={given}: expected a number in [0, 1], on the scale of the scores")
        nan = float("nan")
        return dict.fromkeys(predictions.models, Threshold(float(given), GIVEN, 0, 0, nan, nan, nan))
    without = [model for model in predictions.models if not len(predictions.val(model))]
    if without:
        raise DataError(
            f"predictions of {first_few(without)}",
            expected="validation rows, to fit a threshold on",
            found="test rows only, and a threshold fitted on them would flatter every figure",
            fix="give the threshold that was fixed before the test, threshold=0.5, or a table with validation rows "
            "and a column that says so, columns.split=<column>",
        )
    return {model: fit_threshold(predictions.val(model), objective) for model in predictions.models}


def threshold_of(model: str, thresholds: Mapping[str, Threshold]) -> Threshold:
    """A model's threshold. Raises DataError, with near matches, where there is none."""
    if model not in thresholds:
        raise DataError(
            f"model {model!r}",
            expected="a threshold fitted on its val rows",
            found="none",
            fix=near_matches(model, thresholds),
        )
    return thresholds[model]
