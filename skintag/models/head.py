"""What stands on an embedding: a logit of malignancy and, where the objective learns them, of conditions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skintag.core.errors import ConfigError
from skintag.models.outputs import Logits


@dataclass(frozen=True)
class HeadSettings:
    """Width and dropout of the layer between an embedding and the outputs."""

    hidden: int = 256
    """Width of the hidden layer."""
    dropout: float = 0.3
    """Probability that a hidden unit is dropped in training."""

    def __post_init__(self) -> None:
        if self.hidden < 1:
            raise ConfigError(f"head.hidden={self.hidden} should be at least 1")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"head.dropout={self.dropout} should be in [0, 1)")


class LesionHead(nn.Module):
    """BatchNorm, Linear, ReLU, Dropout, and a Linear for each output.

    Malignancy is one logit: two would be equivalent under softmax, with parameters that change nothing.
    Where the objective learns no conditions (`condition_width` 0) their layer does not exist, so that no
    parameter waits for a gradient that never comes (DDP would stop there).
    Always computed in the precision of its weights, even under autocast: it costs next to nothing.
    """

    def __init__(self, embedding_size: int, condition_width: int, settings: HeadSettings) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(embedding_size)
        self.hidden = nn.Linear(embedding_size, settings.hidden)
        self.dropout = nn.Dropout(settings.dropout)
        self.malignant = nn.Linear(settings.hidden, 1)
        self.condition = nn.Linear(settings.hidden, condition_width) if condition_width else None

    def forward(self, embedding: Tensor) -> Logits:
        """Logits of embeddings [B, D]."""
        with torch.autocast(embedding.device.type, enabled=False):
            x = self._normalise(embedding.to(self.hidden.weight.dtype))
            x = self.dropout(F.relu(self.hidden(x)))  # [B, hidden]
            conditions = None if self.condition is None else self.condition(x).float()
            return Logits(self.malignant(x).squeeze(1).float(), conditions, embedding.float())

    def _normalise(self, x: Tensor) -> Tensor:
        """Batch norm; a training batch of one sample has no variance and takes the running statistics."""
        norm = self.norm
        if self.training and len(x) == 1 and isinstance(norm, nn.BatchNorm1d):
            return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        return norm(x)
