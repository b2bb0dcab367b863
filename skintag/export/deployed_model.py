"""The model as it is deployed: pictures as they are decoded go in, probabilities come out."""

from __future__ import annotations

import copy
from typing import Any, Final

import torch
from torch import Tensor, nn

from skintag.models.network import LesionNetwork

INPUT: Final = "image"
MAP: Final = "map"


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
        self._convolutional = network.backbone.memory_format is torch.channels_last
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
        return self.answer(self.backbone(image.permute(0, 3, 1, 2)))

    def from_pixels(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """The same of pixels float [B, 3, S, S] in 0..255, for runtimes that have pictures of their own."""
        # not addcmul, which coremltools does not know
        scaled = pixels * self.backbone.scale + self.backbone.offset
        return self.answer(self.backbone.forward_tail(scaled))

    def answer(self, embedding: Tensor) -> tuple[Tensor, ...]:
        """The outputs for embeddings [B, D]."""
        said = self.objective.probabilities(self.head(embedding))
        return tuple(tensor for tensor in said if tensor is not None)

    @property
    def has_map(self) -> bool:
        """Whether the network has features [B, C, h, w] that are pooled, as convolutional ones do."""
        if not self._convolutional or not hasattr(self._tower, "forward_head"):
            return False
        picture = self.example(1)
        features = self.features(picture)
        if features.ndim != 4 or features.shape[2] != features.shape[3]:
            return False
        whole = self.backbone(picture.permute(0, 3, 1, 2))
        return torch.allclose(self.pooled(features), whole, rtol=1e-3, atol=1e-4)

    @property
    def _tower(self) -> Any:
        return self.backbone.model

    def features(self, image: Tensor) -> Tensor:
        """The last features before they are pooled, [B, C, h, w] in a convolutional network."""
        pixels = image.permute(0, 3, 1, 2).float() * self.backbone.scale + self.backbone.offset
        return self._tower.forward_features(pixels)

    def pooled(self, features: Tensor) -> Tensor:
        """Embeddings float32 [B, D] of such features."""
        return self._tower.forward_head(features).float()

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


class WithMap(nn.Module):
    """The model with one output more: where in the picture it looked, a class-activation map (Zhou et al., 2016,
    arXiv:1512.04150).

    The map is what the head says of every position of the last features, before they are pooled: the logit of
    malignancy of a picture that looked like that position everywhere.

    Args:
        model: of a convolutional network, see `has_map`.
    """

    def __init__(self, model: DeployedModel) -> None:
        super().__init__()
        self.model = model

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in their order."""
        return (*self.model.output_names, MAP)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """The outputs of `DeployedModel`, and the map float32 [B, h, w]; image: uint8 [B, S, S, 3] RGB."""
        model = self.model
        features = model.features(image)  # [B, C, h, w]
        _, channels, height, width = features.shape
        one_by_one = features.permute(0, 2, 3, 1).reshape(-1, channels, 1, 1)
        said = model.head(model.pooled(one_by_one)).malignant.reshape(-1, height, width)
        return (*model.answer(model.pooled(features)), said)

    def example(self, batch: int = 2) -> Tensor:
        """As `DeployedModel.example`."""
        return self.model.example(batch)


class FromPixels(nn.Module):
    """The model on pixels as Core ML gives them: float [1, 3, S, S] in 0..255."""

    def __init__(self, model: DeployedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """The outputs of `DeployedModel` for one picture [1, 3, S, S]."""
        return self.model.from_pixels(pixels)
