"""Who a student learns from: a trained network, a probe on its embeddings, or the average of both."""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from skintag.core.errors import ConfigError
from skintag.core.outputs import Outputs
from skintag.core.vocabulary import HEAD
from skintag.models.network import LesionNetwork
from skintag.models.outputs import Probabilities

Kind = Literal["head", "xgboost", "ensemble"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class EmbeddingProbe(Protocol):
    """A fitted model of embeddings, see `skintag.probes`."""

    def predict(self, embeddings: NDArray[np.float32]) -> Outputs:
        """Probabilities for embeddings float32 [n, D]."""


class Teacher:
    """Soft targets for pictures. No nn.Module: a student's checkpoint, average and optimizer leave it out.

    Args:
        network: it is frozen and set to evaluation mode.
        kind: `head`, `xgboost` (the two-stage model: the probe on the fine-tuned embeddings) or `ensemble`
            (the average of the two's probabilities).
        probe: fitted on the network's embeddings; needed but for `head`.

    Raises:
        ConfigError: an unknown kind, or a kind that needs a probe without one.
    """

    def __init__(
        self, network: LesionNetwork, kind: Kind = HEAD, probe: EmbeddingProbe | None = None
    ) -> None:
        if kind not in KINDS:
            raise ConfigError(f"distillation.teacher={kind!r}: expected one of {', '.join(KINDS)}")
        if kind != HEAD and probe is None:
            raise ConfigError(
                f"distillation.teacher={kind} needs an XGBoost probe on the teacher's fine-tuned embeddings"
            )
        self.network, self.kind, self.probe = network.eval().requires_grad_(False), kind, probe

    def __deepcopy__(self, memo: dict[int, Any]) -> Teacher:
        # whoever copies a student (an average of its weights) means the student
        return self

    @property
    def image_size(self) -> int:
        """Side of the pictures that it takes, pixels."""
        return self.network.backbone.settings.image_size

    @property
    def knows_conditions(self) -> bool:
        """Whether there will be soft targets for conditions."""
        return self.kind != HEAD or self.network.head.condition is not None

    @property
    def embedding_size(self) -> int:
        """D, the number of features of its embeddings."""
        return self.network.backbone.embedding_size

    def to(self, device: torch.device) -> None:
        """Move the weights to a device."""
        self.network.to(device)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Probabilities:
        """Targets for pictures uint8 [B, 3, S, S] of any size; they are resized to the teacher's own."""
        malignant, conditions, embeddings = self.network.probabilities(
            {"image": resized(images, self.image_size)}
        )
        if self.probe is not None and self.kind != HEAD:
            said = self.probe.predict(embeddings.float().cpu().numpy())
            share = 1.0 if self.kind == "xgboost" else 0.5
            malignant = torch.lerp(malignant, torch.from_numpy(said.malignant).to(malignant), share)
            if said.conditions is not None:
                probed = torch.from_numpy(said.conditions).to(malignant)
                conditions = probed if conditions is None else torch.lerp(conditions, probed, share)
        return Probabilities(
            malignant.float(), None if conditions is None else conditions.float(), embeddings
        )


def resized(images: Tensor, side: int) -> Tensor:
    """Pictures uint8 [B, 3, S, S] at another size, with a triangle filter as wide as the reduction."""
    if images.shape[-1] == side:
        return images
    small = F.interpolate(images.float(), (side, side), mode="bilinear", antialias=True)
    return small.round_().clamp_(0, 255).to(torch.uint8)
