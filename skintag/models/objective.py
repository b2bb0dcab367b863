"""The interface of what training minimises, and of the probabilities that follow from the head's logits.

Every objective weighs a sample's loss by `batch["weight"]` and divides by the number of samples, not by the
sum of the weights. The view gives weights of mean 1 over the training set, so the mean over a batch is an
unbiased estimate of the weighted mean over the set. Divided by the batch's own sum, a sample would count the
less the heavier its neighbours are (and in a batch of its own not be weighted at all), and the result would
change with batch size, accumulation and number of ranks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from skintag.models.head import HeadOutput

Batch = Mapping[str, Tensor]
Setting = int | float | str


class Objective(nn.Module):
    """Interface and what all share. Losses are natural logarithms (nats), float32."""

    name: ClassVar[str]

    def settings(self) -> dict[str, Setting]:
        """Plain values from which `build_objective` makes an equal objective."""
        return {"name": self.name}

    def condition_width(self, n_conditions: int) -> int:
        """Number of condition logits that the head must give; 0: conditions are not learnt."""
        return 0

    def per_sample(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """Unweighted losses [B] by name; `loss` is what is minimised, others are parts of it."""
        raise NotImplementedError

    def loss(self, output: HeadOutput, batch: Batch) -> dict[str, Tensor]:
        """The losses of `per_sample`, weighted and averaged over the batch: scalars by the same names."""
        return {
            name: (batch["weight"] * values).mean() for name, values in self.per_sample(output, batch).items()
        }

    def probabilities(self, output: HeadOutput) -> tuple[Tensor, Tensor | None]:
        """p_malignant [B] and p_condition [B, K] (None where conditions are not learnt)."""
        return output.malignant.sigmoid(), None


def binary_cross_entropy(output: HeadOutput, batch: Batch) -> Tensor:
    """-log p(true malignancy) [B], from the logit: finite wherever the logit is."""
    target = batch["target"].to(output.malignant.dtype)
    return F.binary_cross_entropy_with_logits(output.malignant, target, reduction="none")
