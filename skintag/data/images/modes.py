"""Any Pillow mode to 8-bit RGB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skintag.core.errors import ImageError


def to_rgb(image: Image.Image, where: object) -> NDArray[np.uint8]:
    """The pixels of a Pillow image, uint8 [H, W, 3]; transparency is flattened on white.

    Raises:
        ImageError: pixels of a kind that cannot become RGB; `where` is named in the message.
    """
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_16_bit(image, where)
    try:
        if image.mode == "F":
            raise ValueError("floating-point pixels have no fixed white")
        if not image.has_transparency_data:
            return np.array(image.convert("RGB"))
        image = image.convert("LA") if image.mode == "La" else image
        layer = image.convert("RGBA")
    except ValueError as error:
        raise _unsupported(where, f"mode {image.mode!r} ({error})") from error
    paper = Image.new("RGB", layer.size, (255, 255, 255))
    paper.paste(layer, mask=layer.getchannel("A"))
    return np.array(paper)


def _from_16_bit(image: Image.Image, where: object) -> NDArray[np.uint8]:
    """Grey of 16 bits to 8: 65,535 becomes 255. `I` is accepted where its values fit 16 bits."""
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > 65_535:
        raise _unsupported(where, f"whole numbers from {values.min():,} to {values.max():,}")
    see_through = image.info.get("transparency")
    if isinstance(see_through, int):
        values[values == see_through] = 65_535
    grey = ((values + 128) // 257).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _unsupported(where: object, found: str) -> ImageError:
    expected = "pixels that can become 8-bit RGB"
    return ImageError(
        where, reason="unsupported pixels", expected=expected, found=found, fix="convert it to 8-bit RGB"
    )
