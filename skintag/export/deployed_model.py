"""The model as it is deployed: pictures as they are decoded go in, probabilities come out."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from skintag.models.network import LesionNetwork

INPUT = "image"


class DeployedModel(nn.Module):
    """Normalisation, backbone, head and the objective's probabilities in one module.

    A copy of the network's layers, in evaluation mode and with plainly laid out weights (some exporters take no
    others); the network given stays as it is.
    """

    def __init__(self, network: LesionNetwork) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(network.backbone)
        self.head = copy.deepcopy(network.head)
        self.objective = copy.deepcopy(network.objective)
        self.backbone.memory_format = torch.contiguous_format
        self.backbone.lock("all")  # so that `forward_tail` is the whole tower, see `from_pixels`
        self.cpu().to(memory_format=torch.contiguous_format)
        self.requires_grad_(False).eval()
        self.image_size: int = network.backbone.settings.image_size
        self.has_conditions = self.head.condition is not None

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in their order."""
        return (
            ("p_malignant", "p_condition", "embedding")
            if self.has_conditions
            else ("p_malignant", "embedding")
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """p_malignant [B], p_condition [B, K] (not where no conditions are learnt) and embedding [B, D].

        Args:
            image: uint8 [B, S, S, 3] RGB.

        Raises:
            ConfigError: pictures of another size or type.
        """
        return self._answer(self.backbone(image.permute(0, 3, 1, 2)))

    def from_pixels(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """The same of pixels float [B, 3, S, S] in 0..255, for runtimes that have pictures of their own."""
        # not addcmul, which coremltools does not know
        scaled = pixels * self.backbone.scale + self.backbone.offset
        return self._answer(self.backbone.forward_tail(scaled))

    def _answer(self, embedding: Tensor) -> tuple[Tensor, ...]:
        said = self.objective.probabilities(self.head(embedding))
        return tuple(tensor for tensor in said if tensor is not None)

    def example(self, batch: int = 2) -> Tensor:
        """Pictures of the right shape, uint8 [batch, S, S, 3]; two, for one is a special case to a tracer."""
        generator = torch.Generator().manual_seed(0)
        side = self.image_size
        return torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8, generator=generator)

    def exported(self, batch: int | None = None) -> torch.export.ExportedProgram:
        """The model as torch.export has it: any batch up to 1024, or a fixed one."""
        shapes = None if batch else {INPUT: {0: torch.export.Dim("batch", min=1, max=1024)}}
        with torch.no_grad():
            return torch.export.export(self, (self.example(batch or 2),), dynamic_shapes=shapes)


class FromPixels(nn.Module):
    """The model on pixels as Core ML gives them: float [1, 3, S, S] in 0..255."""

    def __init__(self, model: DeployedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """The outputs of `DeployedModel` for one picture [1, 3, S, S]."""
        return self.model.from_pixels(pixels)
