"""A stored JPEG to the pixels that a resize begins from: decoded at a fraction of its size, and cropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, ImageError

FITS: Final = ("squash", "center_crop", "pad")
FILTERS: Final = ("bilinear", "bicubic")
Box = tuple[int, int, int, int]
"""A part of a picture, `(y, x, h, w)` in pixels."""


def check_input(image_size: int, fit: str, interpolation: str = "bilinear") -> None:
    """Raise ConfigError where no model takes pictures of this side, or there is no such way to bring them to it."""
    if image_size < 8:
        raise ConfigError(f"image_size={image_size}: expected at least 8 pixels")
    if fit not in FITS:
        raise ConfigError(f"loader.fit={fit!r}: expected one of {', '.join(FITS)}")
    if interpolation not in FILTERS:
        raise ConfigError(f"interpolation={interpolation!r}: expected one of {', '.join(FILTERS)}")


def fitted_box(height: int, width: int, fit: str) -> Box:
    """The part that goes into the square: the middle for `center_crop`, everything for the others."""
    if fit != "center_crop":
        return 0, 0, height, width
    side = min(height, width)
    return (height - side) // 2, (width - side) // 2, side, side


class Decoder:
    """Decodes JPEGs into memory of its own, which the next call uses again; picklable, not for several threads."""

    def __init__(self) -> None:
        self._pixels = np.empty(0, dtype=np.uint8)  # fresh pages cost time

    def __call__(
        self, data: bytes, image_id: str, side: int, box_of: Callable[[int, int], Box]
    ) -> NDArray[np.uint8]:
        """The part of a picture, at least `side` pixels high and wide where the picture has as many.

        Where it is at least twice that, libjpeg decodes at a half, quarter or eighth, which averages whole blocks.

        Args:
            data: a JPEG.
            image_id: for messages.
            side: that the part is resized to.
            box_of: height and width of the picture -> the part.

        Returns:
            uint8 [h, w, 3] RGB, valid until the next call.

        Raises:
            ImageError: it cannot be decoded.
        """
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(data)
            y, x, h, w = box_of(height, width)
            scale = 1
            while scale < 8 and min(h, w) >= 2 * scale * side:
                scale *= 2
            pixels = self._decode(data, -(-height // scale), -(-width // scale))
        except (ValueError, MemoryError) as error:
            raise ImageError(
                image_id,
                reason="damaged",
                expected="a JPEG as it was written into the shard",
                found=f"{len(data)} bytes: {error}",
                fix="delete the dataset's folder under shards/ and run skintag prepare again",
            ) from error
        if (h, w) == (height, width):
            return pixels
        top, left = y // scale, x // scale
        return pixels[top : top + max(1, round(h / scale)), left : left + max(1, round(w / scale))]

    def _decode(self, data: bytes, height: int, width: int) -> NDArray[np.uint8]:
        if self._pixels.size < height * width * 3:
            self._pixels = np.empty(height * width * 3, dtype=np.uint8)
        return simplejpeg.decode_jpeg(data, min_height=height, min_width=width, buffer=self._pixels)

    def __getstate__(self) -> dict[str, Any]:
        return {"_pixels": np.empty(0, dtype=np.uint8)}
