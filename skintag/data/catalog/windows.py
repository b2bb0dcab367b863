"""Parts of thumbnails that a copy may have been cropped to: cut out, and described to be searched with."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from skintag.data.catalog.likeness import COARSE, SIDE, field_of_view, local_contrast

Window = tuple[float, float, float]
"""A square part of a thumbnail, as shares of its side: top, left, side."""

SCALES: Final = ((0.88, 3), (0.77, 4), (0.67, 4))
"""Sides of the windows, and how many lie along a side of the picture: each crop to about 60-95% is near to one."""
COARSE_FREQUENCIES: Final = 10
"""Windows are described by so many frequencies along a side; there are no finer ones in a part of a thumbnail."""


def windows_of(scale: int) -> list[Window]:
    """The windows of `SCALES[scale]`, row by row."""
    side, places = SCALES[scale]
    steps = np.linspace(0, 1 - side, places).tolist()
    return [(top, left, side) for top in steps for left in steps]


def cut_window(thumb: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    """The part of a thumbnail in `window`, enlarged to a thumbnail again, uint8 [SIDE, SIDE]."""
    top, left, side = window
    down, right = top * SIDE + side / 2 - 0.5, left * SIDE + side / 2 - 0.5
    warp = np.array([[side, 0, right], [0, side, down]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(thumb, warp, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def describe_windows(thumb: NDArray[np.uint8], scale: int) -> NDArray[np.float16]:
    """About what `likeness.describe` says of each window of a scale, of the coarse frequencies alone.

    The local contrast is computed once, and the cosine transform of a part of it is a matrix product.

    Returns:
        float16 [windows, COARSE_FREQUENCIES^2], each of norm 1, or zeros where it is blank.
    """
    side, places = SCALES[scale]
    contrast = local_contrast(thumb.astype(np.float32), field_of_view(thumb), COARSE * side)
    steps = np.linspace(0, 1 - side, places)
    cosines = np.concatenate([_cosines(start, side) for start in steps.tolist()])
    low = (cosines @ contrast @ cosines.T).reshape(places, COARSE_FREQUENCIES, places, COARSE_FREQUENCIES)
    flat = low.transpose(0, 2, 1, 3).reshape(places * places, -1)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    blank = norms <= 0.05 * SIDE
    return np.where(blank, 0, flat / np.where(blank, 1, norms)).astype(np.float16)


@lru_cache
def _cosines(start: float, side: float) -> NDArray[np.float32]:
    """Rows of the orthonormal DCT-II of a part of a line that is stretched to the whole, [COARSE_FREQUENCIES, SIDE]."""
    at = np.clip(side * (np.arange(SIDE) + 0.5) + start * SIDE - 0.5, 0, SIDE - 1)
    stretch = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(SIDE)))  # linear interpolation
    return np.asarray(dct(stretch, axis=0, norm="ortho")[:COARSE_FREQUENCIES], np.float32)
