"""What computes a bundle's outputs, and its ONNX network in onnxruntime: no torch is needed to read this file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.manifest import AGAIN
from skintag.bundle.onnx_content import refuse_external
from skintag.core.errors import DataError
from skintag.core.outputs import Outputs

if TYPE_CHECKING:
    import onnxruntime as ort

RUNTIMES: Final = ("torch", "onnx", "onnx_half", "onnx_int8")
WEIGHTS: Final = "model/weights.safetensors"
SETTINGS: Final = "model/module.json"
ONNX_FILES: Final = {
    "onnx": "model/model.onnx",
    "onnx_half": "model/model_half.onnx",
    "onnx_int8": "model/model_int8.onnx",
}


MEMORY: Final = 8 * 10**9
"""Bytes that ONNX networks may take in a process, weights and all."""
_ROUNDING: Final = 1e-4
_EXPORT_AGAIN: Final = "build the bundle or export the run again"


class Runtime(Protocol):
    """A network, whatever computes it: pictures in, outputs out."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> Outputs:
        """What it says of pictures uint8 [n, S, S, 3] RGB; their embeddings are always among it."""
        ...


class OnnxRuntime:
    """An export of the network; input `image`, outputs `p_malignant`, `p_condition`, `embedding`, `map`.

    What is measured of an export, calibrated on it and deployed is computed here and nowhere else.

    Args:
        path: the ONNX file.
        threads: to compute with; None: as onnxruntime chooses.

    Raises:
        DataError: not an ONNX model, one whose tensors lie in other files, or one with other inputs and outputs.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import onnxruntime as ort

        self.path = path
        self.session = open_session(path, threads)
        self._check_input(self.session.get_inputs())
        names = {output.name for output in self.session.get_outputs()}
        inputs = {given.name for given in self.session.get_inputs()}
        if inputs != {"image"} or not {"p_malignant", "embedding"} <= names:
            found = f"{', '.join(sorted(inputs))} -> {', '.join(sorted(names))}"
            expected = "image -> p_malignant, p_condition (optional), embedding"
            raise DataError(path, expected=expected, found=found, fix="export with skintag export")
        self.has_maps = "map" in names
        self._names = [n for n in ("p_malignant", "p_condition", "embedding") if n in names]
        self._only_what_is_asked = ort.RunOptions()
        self._only_what_is_asked.only_execute_path_to_fetches = True

    def __call__(self, pixels: NDArray[np.uint8], *, maps: bool = False) -> Outputs:
        """What it says of pictures uint8 [n, S, S, 3] RGB; with `maps`, where it looked too, if it can tell."""
        names = [*self._names, "map"] if maps and self.has_maps else self._names
        try:
            values = self.session.run(
                names, {"image": np.ascontiguousarray(pixels)}, self._only_what_is_asked
            )
            found = {n: np.asarray(v, np.float32) for n, v in zip(names, values, strict=True)}
        except Exception as error:  # onnxruntime has errors of its own, by the dozen
            said = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            raise self._wrong(f"an answer within {MEMORY / 10**9:.0f} GB of memory", said) from error
        malignant = found["p_malignant"].reshape(-1)
        return Outputs(malignant, found.get("p_condition"), found["embedding"], found.get("map"))

    def _check_input(self, inputs: Sequence[Any]) -> None:
        """Pictures uint8 [n, S, S, 3], whatever the file says that it takes."""
        if len(inputs) != 1 or inputs[0].name != "image":
            return  # which is told by names
        kind, shape = inputs[0].type, list(inputs[0].shape)
        sides = [side for side in shape[1:3] if isinstance(side, int)]
        if kind != "tensor(uint8)" or len(shape) != 4 or shape[3] not in (3, None) or len(set(sides)) > 1:
            raise self._wrong("image: uint8 [batch, S, S, 3]", f"{kind} {shape}")

    def _wrong(self, expected: str, found: str) -> DataError:
        return DataError(self.path, expected=expected, found=found, fix=_EXPORT_AGAIN)


def open_session(path: Path, threads: int | None) -> ort.InferenceSession:
    """An ONNX file in onnxruntime, on the processor and within `MEMORY`.

    Raises:
        DataError: not an ONNX model, or one whose tensors lie in other files.
    """
    import onnxruntime as ort

    refuse_external(path)
    _bound_memory()
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is said by an error of ours
    options.add_session_config_entry("session.use_env_allocators", "1")
    if threads is not None:
        options.intra_op_num_threads = options.inter_op_num_threads = threads
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime has errors of its own, by the dozen
        found = f"{type(error).__name__}: {str(error)[:300]}"
        raise DataError(path, expected="an ONNX model", found=found, fix=AGAIN) from error


def check_outputs(outputs: Outputs, n: int, n_conditions: int, where: object) -> None:
    """Refuse what cannot be a network's answer to n pictures: a file that was damaged or crafted says anything.

    Raises:
        DataError: other shapes, nan or infinity, or probabilities outside [0, 1].
    """
    conditions = outputs.conditions
    found = {
        "p_malignant": outputs.malignant,
        "p_condition": conditions,
        "embedding": outputs.embeddings,
        "map": outputs.maps,
    }
    arrays = {name: array for name, array in found.items() if array is not None}
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    right = shapes["p_malignant"] == [n] and all(
        len(shape) == (3 if name == "map" else 2) and shape[0] == n
        for name, shape in shapes.items()
        if name != "p_malignant"
    )
    if conditions is not None and right:
        right = conditions.shape[1] == n_conditions
    if not right:
        expected = (
            f"p_malignant [{n}], p_condition [{n}, {n_conditions}], embedding [{n}, D], map [{n}, h, w]"
        )
        raise DataError(where, expected=expected, found=str(shapes), fix=_EXPORT_AGAIN)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DataError(where, expected=f"numbers in {name}", found="nan or infinity", fix=_EXPORT_AGAIN)
        low, high = array.min(initial=0), array.max(initial=1)
        if name.startswith("p_") and (low < -_ROUNDING or high > 1 + _ROUNDING):
            said = f"{low:.3g} to {high:.3g}"
            raise DataError(where, expected=f"probabilities in {name}", found=said, fix=_EXPORT_AGAIN)


@cache
def _bound_memory() -> None:
    """Let all networks of this process together take so much memory, and fail where they want more."""
    import onnxruntime as ort

    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(place, ort.OrtArenaCfg(MEMORY, -1, -1, -1))
