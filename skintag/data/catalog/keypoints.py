"""Keypoints of a picture, in 20 bytes each: what crops, close-ups and second photographs still share."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.catalog.likeness import field_of_view, thumbnail

KEYPOINTS: Final = 200
"""At most so many of a picture, spread over it."""
LONGEST: Final = 160
"""Pixels of the longest side of the picture that they are looked for in."""
BITS: Final = 128
"""Of a descriptor."""
SIZES: Final = 16
"""Steps of `size` that a doubling makes."""

_CELLS: Final = 4  # along a side
_NARROW: Final = 16  # pixels of a side from which there is anything to find
_CONTRAST: Final = (
    0.0025  # a sixteenth of SIFT's own: smooth skin has few stronger ones, and the best are kept
)

RECORD: Final = np.dtype(
    [
        ("x", "u1"),  # pixels of a picture of LONGEST
        ("y", "u1"),
        ("angle", "u1"),  # of 256 in a full turn
        ("size", "u1"),  # SIZES * log2 of the diameter in pixels
        ("code", "u1", (BITS // 8,)),
    ]
)

Records = NDArray[np.void]
Signs = NDArray[np.float32]


def keypoints(image: NDArray[np.uint8]) -> Records:
    """SIFT keypoints (Lowe 2004) of RGB uint8 [H, W, 3]: `RECORD` [k], k <= KEYPOINTS.

    A descriptor's bit is set where its value is above the median of the 128 (binary SIFT, Zhou et al. 2012): two
    descriptors are compared by the number of bits that differ. Keypoints on a frame or a page are left out.
    """
    grey = scaled(image)
    if min(grey.shape) < _NARROW:
        return np.zeros(0, RECORD)
    sift = cv2.SIFT.create(contrastThreshold=_CONTRAST, edgeThreshold=15)
    found = sift.detect(grey, None)
    chosen = _spread(
        np.array([(*p.pt, p.size, p.response) for p in found]), field_of_view(thumbnail(image)), grey.shape
    )
    if not len(chosen):
        return np.zeros(0, RECORD)
    kept, computed = sift.compute(grey, [found[k] for k in chosen])
    descriptors = np.asarray(computed)
    values = np.array([(*point.pt, point.angle, point.size) for point in kept])
    records = np.zeros(len(kept), RECORD)
    records["x"], records["y"] = np.clip(np.rint(values[:, :2]), 0, 255).T
    records["angle"] = np.rint(values[:, 2] / 360 * 256) % 256
    records["size"] = np.clip(np.rint(SIZES * np.log2(np.maximum(values[:, 3], 1))), 0, 255)
    records["code"] = np.packbits(descriptors > np.median(descriptors, axis=1, keepdims=True), axis=1)
    return records


def _spread(
    points: NDArray[np.float64], field: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Which of the points (x, y, size, response) to keep: the best of each cell, then the second of each, and so on.

    The strongest of all lie on a watermark, a ruler or hairs, and are small: a crop, enlarged, has others.
    """
    if not len(points):
        return np.zeros(0, np.int64)
    x, y, size, response = points.T
    across, down = x / shape[1], y / shape[0]
    seen = field[(down * len(field)).astype(int), (across * len(field)).astype(int)] > 0
    cell = (down * _CELLS).astype(int) * _CELLS + (across * _CELLS).astype(int)
    order = np.lexsort((y, x, -response * size))
    order = order[seen[order]]
    place = pd.Series(cell[order]).groupby(cell[order]).cumcount().to_numpy()
    return order[np.argsort(place, kind="stable")][:KEYPOINTS]


def scaled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 [H, W, 3] to grey uint8 [h, w] whose longest side has `LONGEST` pixels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    scale = LONGEST / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=how), np.uint8)


def signs_of(codes: NDArray[np.uint8]) -> Signs:
    """Descriptors uint8 [n, 16] as -1 and 1, float32 [n, 128]."""
    return np.where(np.unpackbits(np.ascontiguousarray(codes), axis=1), np.float32(1), np.float32(-1))
