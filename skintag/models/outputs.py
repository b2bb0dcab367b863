"""What a network says of a batch, as tensors: its head's logits, and the probabilities that follow from them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from skintag.core.outputs import Outputs


class Logits(NamedTuple):
    """What an objective sees of a batch; float32."""

    malignant: Tensor
    """Logit of malignancy, log p / (1 - p), [B]."""
    conditions: Tensor | None
    """Condition logits, [B, W], W as the objective asks for; None where it learns no conditions."""
    embeddings: Tensor
    """What the backbone made of the pictures, [B, D]."""


class Probabilities(NamedTuple):
    """What a network, or a teacher, says of a batch; float32."""

    malignant: Tensor
    """Probability of malignancy, [B]."""
    conditions: Tensor | None
    """Probabilities of the conditions, [B, K], rows sum to 1; None where they are not learnt."""
    embeddings: Tensor
    """What the backbone made of the pictures, [B, D]."""

    def arrays(self) -> Outputs:
        """The same as float32 arrays on the processor."""
        malignant, conditions, embeddings = (
            None if tensor is None else tensor.float().cpu().numpy() for tensor in self
        )
        assert malignant is not None
        return Outputs(malignant, conditions, embeddings)
