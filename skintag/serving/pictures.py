"""From the bytes of a photograph to the pixels that the model is given; the browser does the same, to the bit.

Decoded whole and upright, cropped, reduced by whole blocks where it is much larger than needed, and resized by the
bundle's own graph. A bundle without one is served by its own preprocessing. Nothing is written to disk.
"""

from __future__ import annotations

import math
import threading
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.bundle import Bundle
from skintag.bundle.preprocess import Preprocessor
from skintag.data.images.decoding import fitted_box
from skintag.data.images.files import decode_image, size_of
from skintag.serving.network import Resize, resize_of
from skintag.serving.quality import findings

NAME: Final = "the picture"
"""What messages call an upload: its own name may say who is on it."""
_LARGE: Final = 12_000_000
"""Pixels, above which pictures are decoded one at a time: that bounds memory."""


@dataclass(frozen=True)
class Crop:
    """A part of an upright picture, in fractions of its width and height."""

    x: float
    y: float
    width: float
    height: float

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Rows and columns (top, bottom, left, right) of a picture, at least one pixel."""
        left = min(math.floor(self.x * width), width - 1)
        top = min(math.floor(self.y * height), height - 1)
        right = min(math.ceil((self.x + self.width) * width), width)
        bottom = min(math.ceil((self.y + self.height) * height), height)
        return top, max(bottom, top + 1), left, max(right, left + 1)


@dataclass(frozen=True)
class Picture:
    """A photograph, ready for the model."""

    pixels: NDArray[np.uint8]
    """[S, S, 3] RGB."""
    width: int
    """Of the whole upright picture, pixels."""
    height: int
    """Likewise."""
    crop: Crop | None
    """The part that was taken."""
    quality: list[dict[str, str | float]]
    """What is wrong with it, see `skintag.serving.quality`."""

    def described(self) -> dict[str, Any]:
        """What an answer says of the picture, but for what the model says."""
        return {
            "quality": self.quality,
            "picture": {"width": self.width, "height": self.height},
            "crop": None if self.crop is None else asdict(self.crop),
        }


class Pictures:
    """Makes pictures of files for one bundle; for any number of threads.

    Args:
        bundle: whose preprocessing it is.
        max_pixels: of a picture; more are refused by the header, before anything is decoded.
    """

    def __init__(self, bundle: Bundle, max_pixels: int) -> None:
        self._settings, self._max_pixels = bundle.preprocessing, max_pixels
        self._resize: Resize | None = resize_of(bundle)
        self._large = threading.Lock()
        self._own = threading.local()

    def __call__(self, data: bytes, crop: Crop | None = None) -> Picture:
        """Raises ImageError where the file is no whole picture, or too large."""
        width, height = size_of(data, NAME, self._max_pixels)
        if width * height <= _LARGE:
            return self._made(data, crop)
        with self._large:
            return self._made(data, crop)

    def _made(self, data: bytes, crop: Crop | None) -> Picture:
        whole = decode_image(data, NAME, self._max_pixels)
        height, width = whole.shape[:2]
        part = whole
        if crop is not None:
            top, bottom, left, right = crop.box(height, width)
            part = whole[top:bottom, left:right]
        shorter = min(part.shape[:2])
        pixels = self._by_graph(part) if self._resize else self._by_bundle(data, part, crop)
        return Picture(pixels, width, height, crop, findings(pixels, shorter))

    def _by_graph(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert self._resize is not None
        height, width = part.shape[:2]
        y, x, h, w = fitted_box(height, width, self._settings.fit)
        return self._resize(reduced(part[y : y + h, x : x + w], self._settings.image_size))

    def _by_bundle(self, data: bytes, part: NDArray[np.uint8], crop: Crop | None) -> NDArray[np.uint8]:
        if not hasattr(self._own, "preprocessor"):  # it decodes into memory of its own
            self._own.preprocessor = Preprocessor(self._settings)
        image = data if crop is None else np.ascontiguousarray(part)
        return self._own.preprocessor([image], [NAME])[0]


def reduced(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Means over k x k blocks, rounded half up, where the shorter side is at least 4 sides; else as it is.

    k = floor(shorter / (2 sides)), so twice the side is left at least; what fills no block at the right and at the
    bottom is cut off.

    Args:
        picture: uint8 [H, W, 3].
        side: of the model's square, pixels.

    Returns:
        uint8 [H // k, W // k, 3].
    """
    shorter = min(picture.shape[:2])
    if shorter < 4 * side:
        return picture
    k = shorter // (2 * side)
    height, width = picture.shape[0] // k, picture.shape[1] // k
    rows = picture[: height * k, : width * k].reshape(height, k, width * k, 3)
    # row after row into one array: a sum over an axis would first take four times the picture's memory
    sums = np.zeros((height, width * k, 3), np.uint16 if k <= 257 else np.uint32)
    for i in range(k):
        sums += rows[:, i]
    total = np.zeros((height, width, 3), np.uint32)
    columns = sums.reshape(height, width, k, 3)
    for i in range(k):
        total += columns[:, :, i]
    total += (k * k) // 2
    total //= k * k
    return total.astype(np.uint8)
