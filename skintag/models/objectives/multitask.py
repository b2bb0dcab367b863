"""Malignancy and condition side by side."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from skintag.models.objective import Batch, ConditionObjective, binary_cross_entropy, condition_logits
from skintag.models.outputs import Logits, Probabilities


class Multitask(ConditionObjective):
    """Cross-entropy of malignancy plus `condition_weight` times the cross-entropy of the condition."""

    name = "multitask"

    def __init__(self, condition_weight: float = 0.5) -> None:
        super().__init__(condition_weight)

    def condition_width(self, n_conditions: int) -> int:
        """K: one logit for each condition."""
        return n_conditions

    def per_sample(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
        """`loss`, `binary` and `condition`, each [B]."""
        binary = binary_cross_entropy(output, batch)
        condition = F.cross_entropy(condition_logits(output), batch["condition"], reduction="none")
        return {
            "loss": binary + self.condition_weight * condition,
            "binary": binary,
            "condition": condition,
        }

    def probabilities(self, output: Logits) -> Probabilities:
        """The two heads side by side; nothing ties p_condition to p_malignant."""
        return Probabilities(
            output.malignant.sigmoid(), condition_logits(output).softmax(dim=1), output.embeddings
        )
