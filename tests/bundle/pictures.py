"""Image files of odd kinds, made from pixels."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def photo(width: int = 90, height: int = 60, seed: int = 0) -> NDArray[np.uint8]:
    """A dark spot on skin, off the middle so that a rotation shows; uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    spot = np.exp(-(((x - width * 0.3) / 14) ** 2 + ((y - height * 0.4) / 9) ** 2))[..., None]
    skin = np.array([205, 165, 140]) * (1 - spot) + np.array([70, 45, 40]) * spot
    return np.clip(skin + rng.normal(0, 4, skin.shape), 0, 255).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def variants(pixels: NDArray[np.uint8]) -> dict[str, bytes]:
    """The picture as files: PNG with alpha, EXIF-rotated JPEG, CMYK JPEG, and plainer ones."""
    image = Image.fromarray(pixels)
    alpha = image.copy()
    ramp = np.linspace(60, 255, pixels.shape[1]).astype(np.uint8)
    alpha.putalpha(Image.fromarray(np.tile(ramp, (pixels.shape[0], 1))))
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "jpeg": encoded(image, "JPEG", quality=95),
        "png": encoded(image, "PNG"),
        "alpha.png": encoded(alpha, "PNG"),
        "rotated.jpg": encoded(image, "JPEG", quality=95, exif=exif),
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "palette.png": encoded(image.quantize(32), "PNG"),
        "grey.tif": encoded(image.convert("L"), "TIFF"),
    }
