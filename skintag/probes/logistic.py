"""Logistic regression on standardised embeddings, with L2 as strong as val likes it.

scikit-learn fits it; what is fitted predicts with numpy alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.core.io import atomic_path
from skintag.probes.arrays import arrays_of
from skintag.probes.base import FitRecord, Probe
from skintag.probes.data import ProbeData, log_loss, standardisation


@dataclass(eq=False)
class LogisticProbe(Probe):
    """Binary logistic regression for malignancy, multinomial for the conditions.

    Classes are not balanced beyond the rows' weights: probabilities are those of train as weighted.
    """

    name: ClassVar[str] = "logistic"

    c: Sequence[float] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    """Inverse L2 strengths to try (loss = c * sum of weighted log losses + |w|^2 / 2), rising. Each starts
    from the solution before it; the search ends at the first that is worse on val."""
    max_iter: int = 200
    """L-BFGS iterations for each."""

    def __post_init__(self) -> None:
        self.c = [float(c) for c in self.c]
        if not self.c or self.c[0] <= 0 or any(a >= b for a, b in zip(self.c, self.c[1:], strict=False)):
            raise ConfigError(f"probe.logistic.c is {self.c}: expected positive numbers, rising")
        if self.max_iter < 1:
            raise ConfigError(f"probe.logistic.max_iter is {self.max_iter}: expected 1 or more")

    def _fit(self, train: ProbeData, val: ProbeData, record: FitRecord) -> dict[str, float]:
        self._mean, self._scale = standardisation(train.embeddings)
        x, x_val = self._standardised(train.embeddings), self._standardised(val.embeddings)
        codes = {
            "binary": (train.target, val.target),
            "condition": tuple(record.codes(data.condition) for data in (train, val)),
        }
        self._weights: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        chosen: dict[str, float] = {}
        for task, (y, y_val) in codes.items():
            self._weights[task], found = self._search(x, y, train.weight, x_val, y_val, val.weight)
            chosen |= {f"{task}_{key}": value for key, value in found.items()}
        return chosen

    def _search(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.int64],
        weight: NDArray[np.float32],
        x_val: NDArray[np.float32],
        y_val: NDArray[np.int64],
        weight_val: NDArray[np.float32],
    ) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], dict[str, float]]:
        """Coefficients [c, d] and intercepts [c] of the best strength, and what is known of it."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=self.max_iter, warm_start=True)
        best, found = None, {"c": float("nan"), "val_log_loss": float("inf"), "unconverged": 0.0}
        for c in self.c:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # said by the record instead
                model.set_params(C=c).fit(x, y, sample_weight=weight)
            weights = _both_rows(model.coef_), _both_rows(model.intercept_)
            loss = log_loss(y_val, _probabilities(x_val, weights), weight_val)
            if best is not None and not loss < found["val_log_loss"]:
                break
            unconverged = float(np.max(model.n_iter_) >= self.max_iter)
            best, found = weights, {"c": c, "val_log_loss": loss, "unconverged": unconverged}
        assert best is not None
        return best, found

    def _standardised(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return (x - self._mean) / self._scale

    def _predict(self, x: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        x = self._standardised(x)
        return _probabilities(x, self._weights["binary"])[:, 1], _probabilities(x, self._weights["condition"])

    def _save(self, folder: Path) -> None:
        arrays = {"mean": self._mean, "scale": self._scale}
        for task, (coefficients, intercepts) in self._weights.items():
            arrays |= {f"{task}_coefficients": coefficients, f"{task}_intercepts": intercepts}
        with atomic_path(folder / "logistic.npz") as part, part.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)

    def _load(self, folder: Path, record: FitRecord) -> None:
        classes = {"binary": 2, "condition": len(record.conditions)}
        shapes: dict[str, tuple[int, ...]] = {"mean": (record.width,), "scale": (record.width,)}
        for task, n in classes.items():
            shapes |= {f"{task}_coefficients": (n, record.width), f"{task}_intercepts": (n,)}
        arrays = arrays_of(folder / "logistic.npz", shapes)
        self._mean, self._scale = arrays["mean"], arrays["scale"]
        self._weights = {
            task: (arrays[f"{task}_coefficients"], arrays[f"{task}_intercepts"]) for task in classes
        }


def _both_rows(array: NDArray[np.floating]) -> NDArray[np.float32]:
    """Coefficients or intercepts with a row per class: scikit-learn gives one row for two classes."""
    rows = array if len(array) > 1 else np.concatenate([np.zeros_like(array), array])
    return rows.astype(np.float32)


def _probabilities(
    x: NDArray[np.float32], weights: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> NDArray[np.float64]:
    """Softmax of [n, d] standardised embeddings, float64 [n, c]."""
    coefficients, intercepts = weights
    logits = (x @ coefficients.T + intercepts).astype(np.float64)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
