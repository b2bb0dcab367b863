"""Core ML, for Apple's systems: converted here, run there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from skintag.export.formats.base import Format, Material

_TARGET: Final = "iOS16"


class CoreML(Format):
    """An `.mlpackage` that takes an image of Core ML's own, RGB, S x S, one at a time."""

    name = "coreml"
    file = "model.mlpackage"
    libraries = ("coremltools",)
    install = "skintag[mobile]"
    runs_here = False
    note = "converted only: Core ML runs on Apple's systems alone"

    @staticmethod
    def write(material: Material, path: Path) -> None:
        """Trace the model on float pixels, and convert that."""
        import coremltools
        import torch

        from skintag.export.deployed_model import FromPixels
        from skintag.export.onnx_file import quiet

        model, side = material.model, material.model.image_size
        with quiet():
            traced = torch.jit.trace(FromPixels(model), torch.zeros(1, 3, side, side))
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
