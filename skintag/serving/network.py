"""A bundle's two graphs: the resize, where it has one, and the network with its map, where that gives one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.bundle import Bundle
from skintag.bundle.manifest import AGAIN
from skintag.bundle.runtime import ONNX_FILES, check_outputs
from skintag.core.errors import DataError
from skintag.core.outputs import Outputs
from skintag.core.vocabulary import HEAD

RESIZE: Final = "model/resize.onnx"
Pixels = NDArray[np.uint8]
Resize = Callable[[Pixels], Pixels]
"""uint8 [H, W, 3] RGB -> uint8 [S, S, 3]."""
Network = Callable[[Pixels], tuple[Outputs, NDArray[np.float32] | None]]
"""uint8 [n, S, S, 3] RGB -> outputs, and a map of logits [n, h, w] or None."""


def for_devices(bundle: Bundle) -> bool:
    """Whether a phone can run the bundle: an ONNX network, and the resize."""
    return bundle.manifest.runtime in ONNX_FILES and (bundle.folder / RESIZE).is_file()


def resize_of(bundle: Bundle) -> Resize | None:
    """The bundle's own resize; None where it has none. Raises DataError where the file is no such graph."""
    path = bundle.folder / RESIZE
    if not path.is_file():
        return None
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = (
        1  # several pictures are resized side by side
    )
    options.enable_cpu_mem_arena = False  # every picture has another size: an arena would keep the largest
    options.enable_mem_pattern = False
    side, expected = bundle.preprocessing.image_size, "picture [H, W, 3] -> image"
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has errors of its own, by the dozen
        raise DataError(path, expected=expected, found=str(error)[:300], fix=AGAIN) from error
    names = [part.name for part in (*session.get_inputs(), *session.get_outputs())]
    if names != ["picture", "image"]:
        raise DataError(path, expected=expected, found=" -> ".join(names), fix=AGAIN)

    def resize(picture: Pixels) -> Pixels:
        (image,) = session.run(["image"], {"picture": np.ascontiguousarray(picture)})
        if image.dtype != np.uint8 or image.shape != (side, side, 3):
            found = f"{image.dtype} {list(image.shape)}"
            raise DataError(path, expected=f"uint8 [{side}, {side}, 3]", found=found, fix=AGAIN)
        return image

    return resize


def has_maps(bundle: Bundle) -> bool:
    """Whether the deployed network also says where it looked."""
    if bundle.manifest.runtime not in ONNX_FILES or bundle.manifest.model != HEAD:
        return False
    session = bundle.runtime.session  # type: ignore[attr-defined]
    return "map" in {output.name for output in session.get_outputs()}


def network_of(bundle: Bundle) -> Network:
    """The deployed model, loaded now. Raises DataError where its file is damaged."""
    runtime = bundle.runtime
    if not has_maps(bundle):
        return lambda pixels: (bundle.outputs(pixels), None)
    session = runtime.session  # type: ignore[attr-defined]
    there = {output.name for output in session.get_outputs()}
    names = [name for name in ("p_malignant", "p_condition", "embedding", "map") if name in there]

    def run(pixels: Pixels) -> tuple[Outputs, NDArray[np.float32] | None]:
        values = session.run(names, {"image": np.ascontiguousarray(pixels)})
        found = {name: np.asarray(value, np.float32) for name, value in zip(names, values, strict=True)}
        outputs = Outputs(found["p_malignant"].reshape(-1), found.get("p_condition"), found["embedding"])
        check_outputs(outputs, len(pixels), len(bundle.taxonomy.conditions), bundle.folder)
        return outputs, _checked_map(found["map"], len(pixels), bundle)

    return run


def _checked_map(values: NDArray[np.float32], n: int, bundle: Bundle) -> NDArray[np.float32]:
    if values.ndim != 3 or len(values) != n or not np.isfinite(values).all():
        found = f"map {list(values.shape)}"
        raise DataError(bundle.folder, expected=f"map [{n}, h, w] of numbers", found=found, fix=AGAIN)
    return values
