"""ONNX in float32, which onnxruntime runs, here and in a bundle."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from skintag.export.formats.base import Format, Material

if TYPE_CHECKING:
    from skintag.bundle.runtime import Runtime


class Onnx(Format):
    """One file that takes any number of pictures."""

    name = "onnx"
    file = "model.onnx"
    libraries = ("onnx", "onnxscript", "onnxruntime")
    runtime = ("onnxruntime",)

    @staticmethod
    def write(material: Material, path: Path) -> None:
        """Copy the file that INT8 begins from too."""
        shutil.copyfile(material.float_onnx, path)

    @staticmethod
    def open(path: Path, threads: int | None) -> Runtime:
        """It in the bundle's own runtime, so that what is measured is what ships."""
        from skintag.bundle.runtime import OnnxRuntime

        return OnnxRuntime(path, threads)
