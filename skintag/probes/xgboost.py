"""Gradient-boosted trees on embeddings: one model for malignancy, one for the conditions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from skintag.core.console import say
from skintag.core.errors import ConfigError
from skintag.core.io import write_bytes
from skintag.probes.base import FitRecord, Probe
from skintag.probes.data import ProbeData
from skintag.probes.trees import checked_model


class Rounds(xgb.callback.TrainingCallback):
    """Says on stderr how far the trees are, where they take longer than it is silent: in a log file too.

    Args:
        task: what they are fitted for.
        most: rounds, unless val stops them before.
        silent: seconds between two lines.
    """

    def __init__(self, task: str, most: int, silent: float = 10.0) -> None:
        self.task, self.most, self.silent = task, most, silent
        self._started = self._said = time.monotonic()

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Called by xgboost after each round; False: go on."""
        now = time.monotonic()
        if now - self._said >= self.silent:
            losses = next(iter(evals_log["val"].values()))
            best = int(np.argmin(losses))
            say(
                f"xgboost, {self.task}: round {epoch + 1:,} of at most {self.most:,}, log loss on val {losses[-1]:.4f} "
                f"(best {losses[best]:.4f} after {best + 1:,}), {now - self._started:.0f} s"
            )
            self._said = now
        return False


@dataclass(eq=False)
class XGBoostProbe(Probe):
    """`binary:logistic` for malignancy and `multi:softprob` for the conditions, stopped by val's log loss.

    Rows count by their weights. In the malignancy model malignant rows count `scale_pos_weight` times more. In the
    val loss that stops it they count so much that both classes have there the shares that they have in train: else
    that loss would ask how well the scores fit a class ratio other than the one the model is told of. The scores rank,
    but are not calibrated probabilities.
    """

    name: ClassVar[str] = "xgboost"

    trees: int = 500
    """Boosting rounds at most, of either model."""
    depth: int = 6
    """Of a tree."""
    learning_rate: float = 0.1
    """Of the malignancy model."""
    condition_learning_rate: float = 0.3
    """Of the condition model, whose rounds grow a tree per class and take that much longer."""
    patience: int = 20
    """Rounds without a better val log loss before either model stops; the best round's model is kept."""
    max_bin: int = 64
    """Histogram bins per feature."""
    colsample: float = 1.0
    """Share of the features that a tree of the malignancy model sees, (0, 1]."""
    condition_colsample: float = 0.25
    """Share that a tree of the condition model sees."""
    scale_pos_weight: float | None = None
    """How much more a malignant row counts; 1 switches it off. None: the sum of the benign rows' weights over
    that of the malignant ones', so that in train both classes weigh the same."""
    threads: int | None = None
    """Threads; None: all that there are."""
    seed: int = 0
    """For the sampling of features."""

    def __post_init__(self) -> None:
        for name, low in {"trees": 1, "depth": 1, "patience": 1, "max_bin": 2}.items():
            if getattr(self, name) < low:
                raise ConfigError(f"probe.xgboost.{name} is {getattr(self, name)}: expected {low} or more")
        if self.threads is not None and (self.threads is True or not 0 <= self.threads <= 4096):
            raise ConfigError(
                f"probe.xgboost.threads is {self.threads}: expected 1 to 4096, or 0 or null for all"
            )
        for name in ("learning_rate", "condition_learning_rate", "colsample", "condition_colsample"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(
                    f"probe.xgboost.{name} is {getattr(self, name)}: expected a number in (0, 1]"
                )

    def _fit(self, train: ProbeData, val: ProbeData, record: FitRecord) -> dict[str, float]:
        # one table of binned features serves both models: binning takes as long as many trees
        data = self._binned(train)
        scale = self._scale_of(train)
        data.set_info(label=train.target, weight=train.weight)
        val_data = self._binned(val, reference=data)
        val_data.set_info(label=val.target, weight=_as_in_train(train, val, scale))
        binary = {"objective": "binary:logistic", "eval_metric": "logloss", "scale_pos_weight": scale}
        rates = {"learning_rate": self.learning_rate, "colsample_bytree": self.colsample}
        self._binary, chosen = self._boost("binary", {**binary, **rates}, data, val_data)

        data.set_info(label=record.codes(train.condition))
        codes = record.codes(val.condition)
        known = codes >= 0  # the model cannot be judged on conditions that it has never seen
        val_data.set_info(label=np.where(known, codes, 0), weight=np.where(known, val.weight, 0.0))
        condition = {
            "objective": "multi:softprob",
            "eval_metric": "mlogloss",
            "num_class": len(record.conditions),
        }
        rates = {"learning_rate": self.condition_learning_rate, "colsample_bytree": self.condition_colsample}
        self._condition, also = self._boost("condition", {**condition, **rates}, data, val_data)
        return {"scale_pos_weight": scale, **chosen, **also}

    def _boost(
        self, task: str, parameters: dict[str, Any], train: xgb.DMatrix, val: xgb.DMatrix
    ) -> tuple[xgb.Booster, dict[str, float]]:
        """The trees up to the best round, and which round that was."""
        booster = xgb.train(
            {**self._common(), **parameters, "max_depth": self.depth, "seed": self.seed},
            train,
            num_boost_round=self.trees,
            evals=[(val, "val")],
            early_stopping_rounds=self.patience,
            verbose_eval=False,
            callbacks=[Rounds(task, self.trees)],
        )
        best = booster.best_iteration
        chosen = {f"{task}_trees": best + 1, f"{task}_val_log_loss": float(booster.best_score)}
        return booster[: best + 1], chosen

    def _common(self) -> dict[str, Any]:
        common: dict[str, Any] = {"tree_method": "hist", "max_bin": self.max_bin}
        return common if self.threads is None else {**common, "nthread": self.threads}

    def _binned(self, data: ProbeData, reference: xgb.DMatrix | None = None) -> xgb.QuantileDMatrix:
        return xgb.QuantileDMatrix(
            data.embeddings, max_bin=self.max_bin, ref=reference, nthread=self.threads or None
        )

    def _scale_of(self, train: ProbeData) -> float:
        if self.scale_pos_weight is not None:
            return self.scale_pos_weight
        benign, malignant = _class_weights(train)
        return benign / malignant if malignant > 0 < benign else 1.0

    def _predict(self, x: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        return self._binary.inplace_predict(x), self._condition.inplace_predict(x)

    def _save(self, folder: Path) -> None:
        for task, booster in {"binary": self._binary, "condition": self._condition}.items():
            write_bytes(folder / f"xgboost_{task}.ubj", bytes(booster.save_raw("ubj")))

    def _load(self, folder: Path, record: FitRecord) -> None:
        boosters = []
        for task in ("binary", "condition"):
            booster = xgb.Booster(None if self.threads is None else {"nthread": self.threads})
            data = (folder / f"xgboost_{task}.ubj").read_bytes()
            classes = 1 if task == "binary" else len(record.conditions)
            booster.load_model(checked_model(data, features=record.width, classes=classes))
            boosters.append(booster)
        self._binary, self._condition = boosters


def _class_weights(data: ProbeData) -> tuple[float, float]:
    """Weight of the benign and of the malignant rows."""
    benign, malignant = (float(data.weight[data.target == k].sum(dtype=np.float64)) for k in (0, 1))
    return benign, malignant


def _as_in_train(train: ProbeData, val: ProbeData, scale: float) -> NDArray[np.floating]:
    """Weights of val's rows [n] under which its classes have the shares that they have in train.

    There malignant rows count `scale` times more. Where val lacks a class its own weights stay.
    """
    (benign, malignant), (val_benign, val_malignant) = _class_weights(train), _class_weights(val)
    if not min(benign, malignant, val_benign, val_malignant) > 0:
        return val.weight
    factor = scale * malignant / benign * val_benign / val_malignant
    return val.weight * np.where(val.target == 1, factor, 1.0)
