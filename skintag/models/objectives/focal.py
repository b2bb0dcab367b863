"""Focal loss: samples that are right already count less."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from skintag.core.errors import ConfigError
from skintag.models.objective import Batch, Objective, Setting, binary_cross_entropy
from skintag.models.outputs import Logits


class Focal(Objective):
    """Focal loss without its class factor alpha: weights are the view's business.

    (1 - p_t)^gamma times the cross-entropy, p_t the probability of the true class. Equals `erm` at gamma 0.
    Its probabilities are not calibrated: it stops pushing samples that are already on the right side.
    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, equation 4.
    """

    name = "focal"

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0:
            raise ConfigError(f"objective.gamma={gamma} should be 0 or more")
        self.gamma = float(gamma)

    def settings(self) -> dict[str, Setting]:
        """`name` and `gamma`, as `build_objective` takes them."""
        return {"name": self.name, "gamma": self.gamma}

    def per_sample(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
        """`loss` [B], the focal loss of malignancy."""
        signed = output.malignant * (1 - 2 * batch["target"])  # logit of the wrong class
        # (1 - p_t)^gamma through its logarithm: a power of 0 has an infinite gradient for gamma below 1
        return {"loss": torch.exp(self.gamma * F.logsigmoid(signed)) * binary_cross_entropy(output, batch)}
