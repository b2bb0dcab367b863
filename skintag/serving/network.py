"""A bundle's two graphs: the resize, where it has one, and the network with its map, on several processors at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
Maps = NDArray[np.float32] | None
Resize = Callable[[Pixels], Pixels]
"""uint8 [H, W, 3] RGB -> uint8 [S, S, 3]."""
_PIECE: Final = 4
"""Pictures at a time on one processor: more fall out of its cache. MobileNetV3: 3.0 ms each by 1 to 4, 4.2 by 16."""
SLOW: Final = 0.15
"""Seconds of a picture on one processor, from which all of them work on one rather than each on its own."""


@dataclass(frozen=True)
class Network:
    """The deployed model of a bundle; for one thread, which it gives company."""

    bundle: Bundle
    """Loaded with one thread for each run where `threads` is above 1."""
    threads: int = 1
    """Runs side by side."""
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(thread_name_prefix="network")
    )

    def __call__(self, pixels: Pixels) -> tuple[Outputs, Maps]:
        """What it says of pictures uint8 [n, S, S, 3] RGB: outputs, and maps of logits [n, h, w] or None.

        Raises:
            DataError: its file is damaged.
        """
        if self.threads == 1:
            return _outputs(self.bundle, pixels)
        share = -(-len(pixels) // self.threads)
        pieces = [pixels[i : i + share] for i in range(0, len(pixels), share)]
        others = [self._pool.submit(_in_pieces, self.bundle, piece) for piece in pieces[1:]]
        parts = [*_in_pieces(self.bundle, pieces[0]), *(part for other in others for part in other.result())]
        if len(parts) == 1:
            return parts[0]
        maps = [found for _, found in parts if found is not None]
        return Outputs.joined(outputs for outputs, _ in parts), np.concatenate(maps) if maps else None

    @property
    def maps(self) -> bool:
        """Whether it also says where it looked."""
        return has_maps(self.bundle)

    def close(self) -> None:
        """Let its threads end."""
        self._pool.shutdown(wait=False)


def network_of(load: Callable[[int], Bundle], threads: int) -> Network:
    """The network of a bundle, in the way that is quickest here.

    A small one runs once on each processor, on pictures of its own, which loses nothing to waiting for each other; one
    that takes long for a picture runs on all of them.

    Args:
        load: makes the bundle, for so many threads in a run.
        threads: processors to use.
    """
    bundle = load(1)
    if bundle.manifest.runtime not in ONNX_FILES:
        return Network(bundle)
    side = bundle.preprocessing.image_size
    drawn, seconds = np.zeros((1, side, side, 3), np.uint8), 0.0
    for _ in range(2):  # the first time it also gets its memory
        begun = time.perf_counter()
        bundle.outputs(drawn)
        seconds = time.perf_counter() - begun
    if threads == 1 or seconds < SLOW:
        return Network(bundle, threads)
    return Network(load(threads))


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


def _in_pieces(bundle: Bundle, pixels: Pixels) -> list[tuple[Outputs, Maps]]:
    return [_outputs(bundle, pixels[i : i + _PIECE]) for i in range(0, len(pixels), _PIECE)]


def _outputs(bundle: Bundle, pixels: Pixels) -> tuple[Outputs, Maps]:
    if not has_maps(bundle):
        return bundle.outputs(pixels), None
    session = bundle.runtime.session  # type: ignore[attr-defined]
    there = {output.name for output in session.get_outputs()}
    names = [name for name in ("p_malignant", "p_condition", "embedding", "map") if name in there]
    values = session.run(names, {"image": np.ascontiguousarray(pixels)})
    found = {name: np.asarray(value, np.float32) for name, value in zip(names, values, strict=True)}
    outputs = Outputs(found["p_malignant"].reshape(-1), found.get("p_condition"), found["embedding"])
    check_outputs(outputs, len(pixels), len(bundle.taxonomy.conditions), bundle.folder)
    maps = found["map"]
    if maps.ndim != 3 or len(maps) != len(pixels) or not np.isfinite(maps).all():
        said = f"map {list(maps.shape)}"
        raise DataError(
            bundle.folder, expected=f"map [{len(pixels)}, h, w] of numbers", found=said, fix=AGAIN
        )
    return outputs, maps
