"""Ways in which one picture of a pair may have been changed: turned by quarters, mirrored, or cut to a part."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from skintag.data.catalog.likeness import COARSE, FREQUENCIES, SIDE, field_of_view, local_contrast

Window = tuple[float, float, float]
"""A square part of a thumbnail, as shares of its side: top, left, side."""

SCALES: Final = ((0.88, 3), (0.75, 4), (0.63, 5))
"""Sides of the windows, and how many lie along a side of the picture: each crop to about 60-95% is near to one."""
COARSE_FREQUENCIES: Final = 10
"""Windows are described by so many frequencies along a side; there are no finer ones in a part of a thumbnail."""

# mirrored along x, along y, transposed: the eight symmetries of a square
_TURNS: Final = tuple((x, y, t) for t in (False, True) for y in (False, True) for x in (False, True))


def _windows() -> tuple[Window, ...]:
    """Scale by scale, row by row."""
    return tuple(
        (top, left, side)
        for side, places in SCALES
        for top in np.linspace(0, 1 - side, places).tolist()
        for left in np.linspace(0, 1 - side, places).tolist()
    )


WINDOWS: Final = _windows()
WHOLE: Final = range(1)
"""The first way: unchanged."""
TURNED: Final = range(1, len(_TURNS))
"""Then the turned and mirrored ones."""
CROPPED: Final = range(len(_TURNS), len(_TURNS) + len(WINDOWS))
"""Then the windows."""


def change(square: NDArray[np.uint8], way: int) -> NDArray[np.uint8]:
    """A grey picture uint8 [s, s] turned or cut to a window (and enlarged again), uint8 [s, s]."""
    return _cut(square, WINDOWS[way - CROPPED.start]) if way in CROPPED else _turn(square, way)


def _turn(square: NDArray[np.uint8], way: int) -> NDArray[np.uint8]:
    along_x, along_y, transposed = _TURNS[way]
    turned = square[:: -1 if along_y else 1, :: -1 if along_x else 1]
    return np.ascontiguousarray(turned.T if transposed else turned)


def _cut(square: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    (top, left, side), pixels = window, len(square)
    down, right = top * pixels + side / 2 - 0.5, left * pixels + side / 2 - 0.5
    warp = np.array([[side, 0, right], [0, side, down]], np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(square, warp, (pixels, pixels), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def turn_descriptors(descriptors: NDArray[np.float32], way: int) -> NDArray[np.float32]:
    """What `likeness.describe` gives for turned thumbnails: a mirrored cosine changes sign if its frequency is odd."""
    along_x, along_y, transposed = _TURNS[way]
    sign = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.float32)
    turned = descriptors * (sign if along_x else 1) * (sign[:, None] if along_y else 1)
    return np.ascontiguousarray(turned.transpose(0, 2, 1) if transposed else turned)


def describe_windows(thumb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """About what `likeness.describe` says of each window, of the coarse frequencies alone.

    The local contrast is computed once a scale, and the cosine transform of a part of it is a matrix product.

    Returns:
        float32 [windows, COARSE_FREQUENCIES^2], each of norm 1, or zeros where it is blank.
    """
    grey, field = thumb.astype(np.float32), field_of_view(thumb)
    flat = np.concatenate(
        [_transformed(local_contrast(grey, field, COARSE * side), side, n) for side, n in SCALES]
    )
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    blank = norms <= 0.05 * SIDE
    return np.where(blank, 0, flat / np.where(blank, 1, norms)).astype(np.float32)


def _transformed(contrast: NDArray[np.float32], side: float, places: int) -> NDArray[np.float32]:
    cosines = np.concatenate([_cosines(start, side) for start in np.linspace(0, 1 - side, places).tolist()])
    low = (cosines @ contrast @ cosines.T).reshape(places, COARSE_FREQUENCIES, places, COARSE_FREQUENCIES)
    return low.transpose(0, 2, 1, 3).reshape(places * places, -1)


@lru_cache
def _cosines(start: float, side: float) -> NDArray[np.float32]:
    """Rows of the orthonormal DCT-II of a part of a line that is stretched to the whole, [COARSE_FREQUENCIES, SIDE]."""
    at = np.clip(side * (np.arange(SIDE) + 0.5) + start * SIDE - 0.5, 0, SIDE - 1)
    stretch = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(SIDE)))  # linear interpolation
    return np.asarray(dct(stretch, axis=0, norm="ortho")[:COARSE_FREQUENCIES], np.float32)
