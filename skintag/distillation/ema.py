"""An exponential moving average of the weights: what is validated, kept and scored in their place."""

from __future__ import annotations

import logging

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class EmaWeights(WeightAveraging):
    """Lightning's weight averaging with a decay that rises to its value: min(decay, (1 + n) / (10 + n)).

    n counts optimizer steps. Without the rise the average of a short run is mostly its random first weights
    (the schedule is that of TensorFlow's ExponentialMovingAverage). Batch norms' running statistics are averaged
    alike.

    Args:
        decay: in [0, 1).
    """

    def __init__(self, decay: float) -> None:
        super().__init__(avg_fn=self._average)
        self.decay = decay
        # it says at every start, resume and checkpoint what it does
        logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # it was made before Lightning moved the module; on a GPU every step would copy all weights otherwise
        if self._average_model is not None:
            self._average_model.to(pl_module.device)

    def _average(self, averaged: Tensor, current: Tensor, n: Tensor | int) -> Tensor:
        steps = float(n)
        return (
            averaged.lerp(current, 1 - min(self.decay, (1 + steps) / (10 + steps)))
            if (averaged.is_floating_point())
            else current
        )
