"""Calibration: maps of the score to a probability, fitted on validation rows.

A map never falls, so it turns no pair of scores round. Isotonic maps tie what was apart, and a temperature or slope can
where its result is nearer to 0 or 1 than float64 can tell; apart from that, ROC curves and, with the threshold mapped
along, decisions stay as they are. A map is saved as plain JSON numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skintag.core.errors import ConfigError, DataError, near_matches
from skintag.core.io import read_json, write_json
from skintag.core.settings import settings_of
from skintag.evaluation.decisions.logistic import expit, logit

if TYPE_CHECKING:  # what serves a bundle needs numpy alone
    from skintag.evaluation.predictions.predictions import ModelPredictions, Predictions, ValPredictions

Floats = NDArray[np.float64]
FORMAT_VERSION: Final = 1
CLIP: Final = 1e-6
"""How far from 0 and 1 a score that is exactly 0 or 1 counts in a fit, unless val has others that lie nearer."""
_LEAST, _MOST = np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg  # where the logit has values
_LARGEST: Final = (
    1000.0  # bound of the inverse temperature: val rows that are told apart perfectly have no best one
)


@dataclass(frozen=True)
class Temperature:
    """`expit(logit(p) / temperature)` (Guo et al., 2017, arXiv:1706.04599, for two classes)."""

    kind: ClassVar[str] = "temperature"
    temperature: float
    """Above 1 makes scores less sure, below 1 surer; 1 changes nothing."""

    def apply(self, score: ArrayLike) -> Floats:
        """Probabilities for [n] scores, float64 [n]."""
        return expit(clipped_logit(score) / self.temperature)


@dataclass(frozen=True)
class Platt:
    """`expit(slope * logit(p) + intercept)` (Platt, 1999, on the logit of the score)."""

    kind: ClassVar[str] = "platt"
    slope: float
    """1 changes nothing; 0, one probability for all, where val's order is the wrong way round."""
    intercept: float
    """0 changes nothing; it takes up a prevalence that training's weights had changed."""

    def apply(self, score: ArrayLike) -> Floats:
        """Probabilities for [n] scores, float64 [n]."""
        return expit(self.slope * clipped_logit(score) + self.intercept)


@dataclass(frozen=True)
class Isotonic:
    """A rising piecewise linear map (Zadrozny & Elkan, 2002); constant outside the scores it was fitted on."""

    kind: ClassVar[str] = "isotonic"
    score: tuple[float, ...]
    """Knots, rising."""
    probability: tuple[float, ...]
    """The map's values there, not falling, in [0, 1]."""

    def __post_init__(self) -> None:
        x, y = np.asarray(self.score, dtype=float), np.asarray(self.probability, dtype=float)
        rising = len(x) == len(y) > 0 and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()
        if not rising or y[0] < 0 or y[-1] > 1:
            raise ValueError(
                "isotonic calibration needs rising knots and as many values in [0, 1] that do not fall"
            )

    def apply(self, score: ArrayLike) -> Floats:
        """Probabilities for [n] scores, float64 [n]."""
        return np.interp(np.asarray(score, dtype=np.float64), self.score, self.probability)


Calibration = Temperature | Platt | Isotonic
KINDS: Final[dict[str, type[Temperature] | type[Platt] | type[Isotonic]]] = {
    c.kind: c for c in (Temperature, Platt, Isotonic)
}
Rows = TypeVar("Rows", bound="ModelPredictions")


def fit_temperature(val: ValPredictions) -> Temperature:
    """The temperature of the least log loss on val rows, within 0.001 to 1000.

    Raises:
        TypeError: the rows are not `ValPredictions`.
        DataError: there are no malignant or no benign rows.
    """
    from scipy import optimize

    _check(val, "fit_temperature")
    z, target = _fitted_logit(val.score), val.target

    def loss(log_inverse: float) -> float:
        return _log_loss(z * np.exp(log_inverse), target)

    # the loss is convex in 1 / temperature, so there is one minimum in its logarithm too
    bound = float(np.log(_LARGEST))
    found = optimize.minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-9})
    return Temperature(float(np.exp(-found.x)))


def fit_platt(val: ValPredictions) -> Platt:
    """Slope, not below 0, and intercept of the least log loss on val rows, with Platt's targets.

    Those are (N+ + 1) / (N+ + 2) for malignant and 1 / (N- + 2) for other rows instead of 1 and 0, which keeps the map
    finite where val rows are told apart perfectly. Raises as `fit_temperature`.
    """
    from scipy import optimize

    _check(val, "fit_platt")
    z, target = _fitted_logit(val.score), val.target
    positive = int(target.sum())
    wanted = np.where(target == 1, (positive + 1) / (positive + 2), 1 / (len(target) - positive + 2))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logit = parameters[0] * z + parameters[1]
        off = expit(logit) - wanted
        return _log_loss(logit, wanted), np.array([np.mean(off * z), np.mean(off)])

    found = optimize.minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9})
    slope, intercept = found.x
    if slope < 0:  # the loss is convex: the least without falling is that of a constant
        slope, intercept = 0.0, logit(wanted.mean())
    return Platt(float(slope), float(intercept))


def fit_isotonic(val: ValPredictions) -> Isotonic:
    """The least-squares rising map on val rows, by scikit-learn. Raises as `fit_temperature`."""
    from sklearn.isotonic import IsotonicRegression

    _check(val, "fit_isotonic")
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(val.score, val.target)
    return Isotonic(tuple(fitted.X_thresholds_.tolist()), tuple(fitted.y_thresholds_.tolist()))


_FITS: Final[dict[str, Callable[[ValPredictions], Calibration]]] = {
    "temperature": fit_temperature,
    "platt": fit_platt,
    "isotonic": fit_isotonic,
}


def fit_calibration(val: ValPredictions, kind: str = "temperature") -> Calibration:
    """A calibration of one of `KINDS`. Raises as `fit_temperature`, and ConfigError for an unknown kind."""
    if kind not in _FITS:
        raise ConfigError(f"calibration {kind!r}: {near_matches(kind, _FITS)}")
    return _FITS[kind](val)


def fit_calibrations(predictions: Predictions, kind: str = "temperature") -> dict[str, Calibration]:
    """A calibration per model, each fitted on the model's val rows. Raises as `fit_calibration`."""
    return {model: fit_calibration(predictions.val(model), kind) for model in predictions.models}


def calibrated(rows: Rows, calibration: Calibration) -> Rows:
    """The same rows with calibrated scores; conditions stay as they are."""
    scores = calibration.apply(rows.score)
    return type(rows)(rows.frame.assign(p_malignant=scores), rows.model)


def write_calibrations(path: str | os.PathLike[str], calibrations: Mapping[str, Calibration]) -> None:
    """Write calibrations by model as JSON, atomically."""
    entries = {model: {"kind": c.kind, **asdict(c)} for model, c in calibrations.items()}
    write_json(path, {"version": FORMAT_VERSION, "fitted_on": "val", "calibrations": entries})


def read_calibrations(path: str | os.PathLike[str]) -> dict[str, Calibration]:
    """What `write_calibrations` wrote. Raises DataError where the file is not that, or of another version."""
    try:
        content = read_json(path)
        if content["version"] != FORMAT_VERSION:
            raise ValueError(f"version {content['version']!r}")
        return {model: _from_json(entry) for model, entry in content["calibrations"].items()}
    except (OSError, KeyError, TypeError, ValueError, AttributeError, OverflowError, ConfigError) as error:
        raise DataError(
            path,
            expected=f"calibrations of version {FORMAT_VERSION}, each of a kind out of {', '.join(KINDS)}",
            found=f"{type(error).__name__}: {error}",
            fix="write the file again by evaluating the run's predictions",
        ) from error


def clipped_logit(score: ArrayLike) -> Floats:
    """log(p / (1 - p)) of [n] scores; 0 and 1 count as the numbers next to them, so the order stays."""
    return logit(np.clip(np.asarray(score, dtype=np.float64), _LEAST, _MOST))


def _fitted_logit(score: ArrayLike) -> Floats:
    """The logits to fit on: where a rounded 0 or 1 truly lies is not known; at the very end it would rule."""
    given = np.asarray(score, dtype=np.float64)
    inner = given[(given > 0) & (given < 1)]
    low, high = min(CLIP, inner.min(initial=CLIP)), max(1 - CLIP, inner.max(initial=1 - CLIP))
    return clipped_logit(np.clip(given, low, high))


def _from_json(entry: Mapping[str, Any]) -> Calibration:
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()}
    kind: Any = KINDS[values.pop("kind")]
    made: Calibration = settings_of(kind, values)
    if not np.isfinite(np.hstack(astuple(made))).all():
        raise ValueError(f"{kind.kind} with {values!r:.60}: expected numbers")
    return made


def _log_loss(logit: Floats, target: NDArray[np.int64] | Floats) -> float:
    """Mean of log(1 + e^z) - t z, the log loss of logits."""
    return float(np.mean(np.logaddexp(0, logit) - target * logit))


def _check(val: ValPredictions, what: str) -> None:
    from skintag.evaluation.predictions.predictions import require_val

    require_val(val, what)
    positive, n = int(val.target.sum()), len(val)
    if not 0 < positive < n:
        raise DataError(
            f"validation rows of model {val.model!r}",
            expected="malignant and benign rows, to calibrate on",
            found=f"{positive} malignant and {n - positive} benign",
            fix="choose a split whose val has both classes (more data, another seed, or split=grouped)",
        )
