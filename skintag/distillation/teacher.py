"""Who a student learns from: a trained module, a probe on its embeddings, or the average of both."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from skintag.core.errors import ConfigError
from skintag.models.lesion_module import LesionModule

Kind = Literal["head", "xgboost", "ensemble"]
KINDS: Final = ("head", "xgboost", "ensemble")


class ProbeOutput(Protocol):
    """What a probe gives."""

    @property
    def malignant(self) -> NDArray[np.float32]:
        """p_malignant [n]."""

    @property
    def conditions(self) -> NDArray[np.float32] | None:
        """p_condition [n, K], None where it knows no conditions."""


class EmbeddingProbe(Protocol):
    """A fitted model of embeddings, see `skintag.probes`."""

    def predict(self, embeddings: NDArray[np.float32]) -> ProbeOutput:
        """Probabilities for embeddings float32 [n, D]."""


class SoftTargets(NamedTuple):
    """What a teacher says of a batch; float32, without gradient."""

    malignant: Tensor
    """p_malignant [B]."""
    condition: Tensor | None
    """p_condition [B, K], rows sum to 1; None where the teacher knows no conditions."""
    embedding: Tensor
    """[B, D] of the teacher's backbone."""


class Teacher:
    """Soft targets for pictures. No nn.Module: a student's checkpoint, average and optimizer leave it out.

    Args:
        module: the trained network; it is frozen and set to evaluation mode.
        kind: `head`, `xgboost` (the two-stage model: the probe on the fine-tuned embeddings) or `ensemble`
            (the average of the two's probabilities).
        probe: fitted on the module's embeddings; needed but for `head`.

    Raises:
        ConfigError: an unknown kind, or a kind that needs a probe without one.
    """

    def __init__(
        self, module: LesionModule, kind: Kind = "head", probe: EmbeddingProbe | None = None
    ) -> None:
        if kind not in KINDS:
            raise ConfigError(f"distillation.teacher={kind!r}: expected one of {', '.join(KINDS)}")
        if kind != "head" and probe is None:
            raise ConfigError(
                f"distillation.teacher={kind} needs an XGBoost probe on the teacher's fine-tuned embeddings"
            )
        self.module, self.kind, self.probe = module.eval().requires_grad_(False), kind, probe

    def __deepcopy__(self, memo: dict[int, Any]) -> Teacher:
        # whoever copies a student (an average of its weights) means the student
        return self

    @property
    def image_size(self) -> int:
        """Side of the pictures that it takes, pixels."""
        return self.module.backbone.settings.image_size

    @property
    def knows_conditions(self) -> bool:
        """Whether there will be soft targets for conditions."""
        return self.kind != "head" or self.module.head.condition is not None

    @property
    def embedding_size(self) -> int:
        """D."""
        return self.module.backbone.embedding_size

    def to(self, device: torch.device) -> None:
        """Move the weights."""
        self.module.to(device)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> SoftTargets:
        """Targets for pictures uint8 [B, 3, S, S] of any size; they are resized to the teacher's own."""
        row = torch.arange(len(images), device=images.device)
        output = self.module({"image": resized(images, self.image_size), "row": row})
        malignant, condition = self.module.objective.probabilities(output)
        if self.probe is not None and self.kind != "head":
            said = self.probe.predict(output.embedding.float().cpu().numpy())
            share = 1.0 if self.kind == "xgboost" else 0.5
            malignant = torch.lerp(malignant, torch.from_numpy(said.malignant).to(malignant), share)
            if said.conditions is not None:
                probed = torch.from_numpy(said.conditions).to(malignant)
                condition = probed if condition is None else torch.lerp(condition, probed, share)
        return SoftTargets(
            malignant.float(), None if condition is None else condition.float(), output.embedding
        )


def resized(images: Tensor, side: int) -> Tensor:
    """Pictures uint8 [B, 3, S, S] at another size, with a triangle filter as wide as the reduction."""
    if images.shape[-1] == side:
        return images
    small = F.interpolate(images.float(), (side, side), mode="bilinear", antialias=True)
    return small.round_().clamp_(0, 255).to(torch.uint8)
