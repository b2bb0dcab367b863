"""From a part of a photo to the model's square, by a graph that a server and a phone run alike."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.manifest import AGAIN
from skintag.bundle.runtime import open_session
from skintag.core.errors import DataError

RESIZE: Final = "model/resize.onnx"
"""Input `picture` uint8 [H, W, 3] RGB, output `image` uint8 [S, S, 3]."""
SQUARES: Final = 4
"""A part whose shorter side is at least so many times the square's is averaged over whole blocks first."""


class Resizer:
    """`model/resize.onnx`: antialiased, in whole levels; may be used by several threads at once.

    In a browser the same graph gives the same levels, so the two differ by how they decode a photo alone.

    Args:
        path: the file.
        side: S that its output has to have.

    Raises:
        DataError: not an ONNX model, or another one.
    """

    def __init__(self, path: Path, side: int) -> None:
        self.path, self.side = path, side
        self._session = open_session(path, threads=1)
        try:
            given = [(i.name, i.type, list(i.shape)) for i in self._session.get_inputs()]
            out = [(o.name, o.type, list(o.shape)) for o in self._session.get_outputs()]
        except Exception as error:  # onnxruntime has errors of its own, by the dozen
            raise self._wrong(f"{type(error).__name__}: {str(error)[:300]}") from error
        ends = [(name, kind) for name, kind, _ in (*given, *out)]
        if ends != [("picture", "tensor(uint8)"), ("image", "tensor(uint8)")] or out[0][2] != [side, side, 3]:
            raise self._wrong(f"{given} -> {out}")

    def __call__(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 [S, S, 3] of a part uint8 [H, W, 3] RGB."""
        try:
            [image] = self._session.run(
                ["image"], {"picture": np.ascontiguousarray(block_means(part, self.side))}
            )
        except Exception as error:  # as above
            raise self._wrong(str(error)[:300]) from error
        if not isinstance(image, np.ndarray) or image.shape != (self.side, self.side, 3):
            raise self._wrong(f"an image of shape {np.shape(image)}")
        return image

    def _wrong(self, found: str) -> DataError:
        expected = f"picture uint8 [H, W, 3] -> image uint8 [{self.side}, {self.side}, 3]"
        return DataError(self.path, expected=expected, found=found, fix=AGAIN)


def block_means(part: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Means of k x k pixels, halves rounded up, where a part [H, W, 3] is much larger than the square; else the part.

    k is the largest number that leaves the shorter side twice the square's, or one more. What fills no block at the
    right and at the bottom is left out. Whole numbers throughout, so that any language gives the same.
    """
    height, width = part.shape[:2]
    if min(height, width) < SQUARES * side:
        return part
    k = min(height, width) // (2 * side)
    rows, columns = height // k, width // k
    lines = np.zeros((rows, columns * k, 3), np.uint32)
    for i in range(k):
        lines += part[i : rows * k : k, : columns * k]
    sums = np.zeros((rows, columns, 3), np.uint32)
    for i in range(k):
        sums += lines[:, i::k]
    return ((sums + k * k // 2) // (k * k)).astype(np.uint8)
