"""ONNX whose weights are kept in float16: half the bytes for a phone to fetch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skintag.export.formats.base import Format, Material

if TYPE_CHECKING:
    from skintag.bundle.runtime import Runtime


class OnnxHalf(Format):
    """Half of the bytes; the arithmetic is that of float32."""

    name = "onnx_half"
    file = "model_half.onnx"
    libraries = ("onnx", "onnxscript", "onnxruntime")
    runtime = ("onnxruntime",)
    note = "weights in float16"

    @staticmethod
    def write(material: Material, path: Path) -> None:
        """Round the weights of the float file."""
        import onnx

        from skintag.export.stored_half import store_weights_as_half

        model = onnx.load(str(material.float_onnx))
        store_weights_as_half(model)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(path))

    @staticmethod
    def open(path: Path, threads: int | None) -> Runtime:
        """It in the bundle's own runtime, so that what is measured is what ships."""
        from skintag.bundle.runtime import OnnxRuntime

        return OnnxRuntime(path, threads)
