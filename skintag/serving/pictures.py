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
from skintag.core.errors import ImageError
from skintag.data.images.files import decode_image, size_of
from skintag.serving.quality import findings

NAME: Final = "the picture"
"""What messages call an upload: its own name may say who is on it."""
_LARGE: Final = 12_000_000
"""Pixels, above which pictures are decoded one at a time: that bounds memory."""
_STRIP: Final = 10


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
        self._bundle, self._max_pixels = bundle, max_pixels
        self._graph = bundle.resizer is not None  # opened now, not by several threads at once
        self._large = threading.Lock()

    def __call__(self, data: bytes, crop: Crop | None = None) -> Picture:
        """Raises ImageError where the file is no whole picture, too large, or no more than a strip."""
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
        _refuse_strip(part.shape[0], part.shape[1])
        if self._graph or crop is not None:
            pixels = self._bundle.square(part)
        else:  # as `Bundle.predict` sees a file: an upright small JPEG is not encoded anew
            pixels = Preprocessor(self._bundle.preprocessing)([data], [NAME])[0]
        return Picture(pixels, width, height, crop, findings(pixels, min(part.shape[:2])))


def _refuse_strip(height: int, width: int) -> None:
    """A strip is no photograph, and it alone would take much memory: it is resized without being reduced first."""
    if max(height, width) > _STRIP * min(height, width):
        raise ImageError(
            NAME,
            reason="unsupported pixels",
            expected=f"a picture, or a part of one, at most {_STRIP} times as long as wide",
            found=f"{width:,} x {height:,} pixels",
            fix="take the spot and some skin around it",
        )
