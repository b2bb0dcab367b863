"""Malignancy first, then the condition given malignancy."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from skintag.models.objective import Batch, ConditionObjective, binary_cross_entropy, condition_logits
from skintag.models.outputs import Logits, Probabilities


class Hierarchical(ConditionObjective):
    """Malignancy first, then the condition given malignancy, as one joint distribution.

    p(condition, malignant) = p(malignant) p(condition | malignant), with a softmax over the conditions for
    malignant and another one for benign lesions. So the joint probabilities with malignant = 1 sum to
    p_malignant exactly, whichever conditions they are spread over, and no condition is tied to one side:
    actinic keratosis and other/unknown are malignant in one source and benign in another.

    The loss -log p(malignant) - condition_weight log p(condition | malignant), at the true values, is the
    negative log-likelihood of the pair at the default weight of 1.
    """

    name = "hierarchical"

    def __init__(self, condition_weight: float = 1.0) -> None:
        super().__init__(condition_weight)

    def condition_width(self, n_conditions: int) -> int:
        """Two sets of logits: given benign, given malignant."""
        return 2 * n_conditions

    def per_sample(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
        """`loss`, `binary` and `condition` (given the true malignancy), each [B]."""
        binary = binary_cross_entropy(output, batch)
        given = condition_logits(output).unflatten(1, (2, -1))  # [B, 2, K]
        given_truth = given[torch.arange(len(given), device=given.device), batch["target"]]  # [B, K]
        condition = F.cross_entropy(given_truth, batch["condition"], reduction="none")
        return {
            "loss": binary + self.condition_weight * condition,
            "binary": binary,
            "condition": condition,
        }

    def joint(self, output: Logits) -> Tensor:
        """p(malignant, condition) [B, 2, K]: benign at index 0, malignant at 1; sums to 1 over both."""
        side = torch.stack([-output.malignant, output.malignant], dim=1).sigmoid()  # [B, 2]
        return side[:, :, None] * condition_logits(output).unflatten(1, (2, -1)).softmax(dim=2)

    def probabilities(self, output: Logits) -> Probabilities:
        """The margins of the joint distribution."""
        return Probabilities(output.malignant.sigmoid(), self.joint(output).sum(dim=1), output.embeddings)
