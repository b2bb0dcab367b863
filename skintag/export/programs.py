"""The model for other runtimes than onnxruntime: torch.export, ExecuTorch, Core ML and LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from skintag.export.deployed import DeployedModel
from skintag.export.onnx_file import quiet

_TARGET: Final = "iOS16"


def write_torch_export(model: DeployedModel, path: Path) -> None:
    """Write a `.pt2` that takes any batch; needs torch alone, and no code of SkinTag, to run."""
    with quiet():
        torch.export.save(model.exported(), path)


def write_executorch(model: DeployedModel, path: Path) -> None:
    """Write a `.pte` for ExecuTorch's XNNPACK backend; one picture at a time, as on a phone."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    with quiet():
        edge = to_edge_transform_and_lower(model.exported(batch=1), partitioner=[XnnpackPartitioner()])
        path.write_bytes(edge.to_executorch().buffer)


def write_coreml(model: DeployedModel, path: Path) -> None:
    """Write an `.mlpackage` that takes an image of Core ML's own, RGB, S x S; one picture at a time."""
    import coremltools

    side = model.image_size
    with quiet():
        traced = torch.jit.trace(_FromPixels(model), torch.zeros(1, 3, side, side))
        image = coremltools.ImageType(
            name="image", shape=(1, 3, side, side), color_layout=coremltools.colorlayout.RGB
        )
        converted: Any = coremltools.convert(
            traced,
            inputs=[image],
            outputs=[coremltools.TensorType(name=name) for name in model.output_names],
            convert_to="mlprogram",
            minimum_deployment_target=getattr(coremltools.target, _TARGET),
        )
        converted.save(str(path))


def write_litert(model: DeployedModel, path: Path) -> None:
    """Write a `.tflite` that takes one picture at a time."""
    import litert_torch

    with quiet():
        litert_torch.convert(model, (model.example(1),)).export(str(path))


class _FromPixels(nn.Module):
    """The model on pixels as Core ML gives them: float [1, 3, S, S] in 0..255."""

    def __init__(self, model: DeployedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        return self.model.from_pixels(pixels)
