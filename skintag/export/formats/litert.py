"""LiteRT, formerly TensorFlow Lite, for Android."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skintag.export.formats.base import Format, Material

if TYPE_CHECKING:
    from skintag.bundle.runtime import Runtime


class LiteRT(Format):
    """A `.tflite` that takes one picture at a time."""

    name = "litert"
    file = "model.tflite"
    libraries = ("litert_torch",)
    install = (
        "litert-torch, in an environment of its own: it pins another torch than SkinTag's constraints; "
        "python -m venv litert, then there pip install litert-torch and pip install --no-deps skintag with the "
        "libraries it asks for"
    )
    runtime = ("ai_edge_litert.interpreter",)
    note = "batch 1"

    @staticmethod
    def write(material: Material, path: Path) -> None:
        """Convert the model for one picture."""
        import litert_torch

        from skintag.export.onnx_file import quiet

        model = material.model
        with quiet():
            litert_torch.convert(model, (model.example(1),)).export(str(path))

    @staticmethod
    def open(path: Path, threads: int | None) -> Runtime:
        """The interpreter's signature, whose outputs are in the order of their names."""
        from ai_edge_litert.interpreter import Interpreter

        from skintag.export.runners import one_by_one

        signature = Interpreter(model_path=str(path), num_threads=threads).get_signature_runner()
        (name,) = signature.get_input_details()

        def run(picture: NDArray[np.uint8]) -> list[Any]:
            outputs = signature(**{name: picture})
            return [outputs[key] for key in sorted(outputs)]

        return one_by_one(run)
