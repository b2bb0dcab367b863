"""Empirical risk minimisation: the weighted cross-entropy of malignancy alone."""

from __future__ import annotations

from torch import Tensor

from skintag.models.objective import Batch, Objective, binary_cross_entropy
from skintag.models.outputs import Logits


class Erm(Objective):
    """Weighted cross-entropy of malignancy: empirical risk minimisation."""

    name = "erm"

    def per_sample(self, output: Logits, batch: Batch) -> dict[str, Tensor]:
        """`loss` [B], the binary cross-entropy."""
        return {"loss": binary_cross_entropy(output, batch)}
