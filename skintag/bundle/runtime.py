"""What computes a bundle's outputs, and its ONNX network in onnxruntime: no torch is needed to read this file."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.manifest import AGAIN
from skintag.bundle.onnx_content import refuse_external
from skintag.core.errors import DataError
from skintag.core.outputs import Outputs

RUNTIMES: Final = ("torch", "onnx", "onnx_int8")
WEIGHTS: Final = "model/weights.safetensors"
SETTINGS: Final = "model/module.json"
ONNX_FILES: Final = {"onnx": "model/model.onnx", "onnx_int8": "model/model_int8.onnx"}


class Runtime(Protocol):
    """A network, whatever computes it: pictures in, outputs out."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> Outputs:
        """What it says of pictures uint8 [n, S, S, 3] RGB; their embeddings are always among it."""
        ...


class OnnxRuntime:
    """An export of the network; input `image`, outputs `p_malignant`, `p_condition`, `embedding`.

    What is measured of an export, calibrated on it and deployed is computed here and nowhere else.

    Args:
        path: the ONNX file.
        threads: to compute with; None: as onnxruntime chooses.

    Raises:
        DataError: not an ONNX model, one whose tensors lie in other files, or one with other inputs and outputs.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import onnxruntime as ort

        refuse_external(path)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = options.inter_op_num_threads = threads
        try:
            self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has errors of its own, by the dozen
            found = f"{type(error).__name__}: {str(error)[:300]}"
            raise DataError(path, expected="an ONNX model", found=found, fix=AGAIN) from error
        names = {output.name for output in self.session.get_outputs()}
        inputs = {given.name for given in self.session.get_inputs()}
        if inputs != {"image"} or not {"p_malignant", "embedding"} <= names:
            found = f"{', '.join(sorted(inputs))} -> {', '.join(sorted(names))}"
            expected = "image -> p_malignant, p_condition (optional), embedding"
            raise DataError(path, expected=expected, found=found, fix="export with skintag export")
        self._names = [n for n in ("p_malignant", "p_condition", "embedding") if n in names]

    def __call__(self, pixels: NDArray[np.uint8]) -> Outputs:
        """What it says of pictures uint8 [n, S, S, 3] RGB."""
        values = self.session.run(self._names, {"image": np.ascontiguousarray(pixels)})
        found = {n: np.asarray(v, np.float32) for n, v in zip(self._names, values, strict=True)}
        return Outputs(found["p_malignant"].reshape(-1), found.get("p_condition"), found["embedding"])
