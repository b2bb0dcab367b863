"""ONNX in INT8: quantised on val, with the layers that break left in float."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skintag.export.formats.base import Format, Material, Written

if TYPE_CHECKING:
    from skintag.bundle.runtime import Runtime


class OnnxInt8(Format):
    """A quarter of the bytes, as far as val lets it."""

    name = "onnx_int8"
    file = "model_int8.onnx"
    libraries = ("onnx", "onnxscript", "onnxruntime")
    runtime = ("onnxruntime",)

    @staticmethod
    def write(material: Material, path: Path) -> Written:
        """Quantise the float file on val; how, and what stayed in float, goes into the table."""
        from skintag.export.int8 import write_int8

        found = write_int8(
            material.float_onnx, path, material.every_val, material.settings, material.metadata
        )
        note = f"{found.calibration} ranges"
        return Written(note if found.within else f"{note}; outside the bounds on val", found.float_layers)

    @staticmethod
    def open(path: Path, threads: int | None) -> Runtime:
        """It in the bundle's own runtime, so that what is measured is what ships."""
        from skintag.bundle.runtime import OnnxRuntime

        return OnnxRuntime(path, threads)
