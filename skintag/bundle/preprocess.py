"""From whatever holds an image to the pixels that the model saw of it in training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from skintag.bundle.parts import Preprocessing
from skintag.core.errors import ImageError
from skintag.data.images.decoding import Box, Decoder, fitted_box
from skintag.data.images.encoding import ShardSettings, encode_bytes
from skintag.data.images.files import check_size, encode_jpeg, read_image, shrink, upright_rgb
from skintag.data.images.resize import bicubic, padded, triangle

Image = str | os.PathLike[str] | bytes | Pillow.Image | NDArray[np.uint8]
"""A path, the bytes of a file, a Pillow image, or RGB pixels uint8 [H, W, 3]."""
_ACCEPTED: Final = "a path, the bytes of an image file, a Pillow image, or RGB pixels uint8 [H, W, 3]"


class Preprocessor:
    """Does to an image what the shard writer and the loader did to those of training; not for several threads.

    So a raw file comes to the very pixels that it has in the run: the shard's JPEG is made again in memory.
    Pixels and Pillow images have lost what file they came from, so they always take the way of a file that is
    encoded anew.
    """

    def __init__(self, settings: Preprocessing) -> None:
        self.settings = settings
        self._shards = ShardSettings(settings.longest_side, settings.jpeg_quality)
        self._decoder = Decoder()

    def __call__(self, images: Sequence[Image], names: Sequence[str]) -> NDArray[np.uint8]:
        """Pixels of the images, uint8 [n, S, S, 3] RGB.

        Raises:
            ImageError: one cannot be read.
        """
        side = self.settings.image_size
        out = np.empty((len(images), side, side, 3), dtype=np.uint8)
        for pixels, image, name in zip(out, images, names, strict=True):
            part = self._decoder(self.encoded(image, name), name, side, self._box)
            part = padded(part) if self.settings.fit == "pad" else part
            smooth = self.settings.interpolation == "bicubic"
            pixels[...] = bicubic(part, side) if smooth else triangle(part, side, side)
        return out

    def _box(self, height: int, width: int) -> Box:
        return fitted_box(height, width, self.settings.fit)

    def encoded(self, image: Image, name: str) -> bytes:
        """The image as a shard would hold it. Raises ImageError where it cannot be read."""
        if isinstance(image, str | os.PathLike):
            image = read_image(image, name)
        if isinstance(image, bytes | bytearray | memoryview):
            return encode_bytes(bytes(image), self._shards, name).data
        if isinstance(image, Pillow.Image):
            pixels = _from_pillow(image, name)
        elif isinstance(image, np.ndarray):
            pixels = checked(image, name)
        else:
            raise _unsupported(name, f"a {type(image).__name__}")
        return encode_jpeg(shrink(pixels, self._shards.longest_side), self._shards.quality)


def name_of(image: Image, position: int) -> str:
    """What an image is called: its path, or its position, counted from 1."""
    return os.fspath(image) if isinstance(image, str | os.PathLike) else f"image {position + 1}"


def _from_pillow(image: Pillow.Image, name: str) -> NDArray[np.uint8]:
    if not image.width * image.height:
        raise _unsupported(name, f"{image.width} x {image.height} pixels")
    check_size(image.width, image.height, name)
    try:
        return upright_rgb(image, name)
    except ImageError:
        raise
    except Exception as error:  # Pillow decodes an opened file only now, and raises nearly anything
        raise _unsupported(name, f"{type(error).__name__}: {error}") from error


def checked(pixels: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """The pixels, where they are uint8 [H, W, 3] of a size that is taken. Raises ImageError."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise _unsupported(name, f"{pixels.dtype} {list(pixels.shape)}")
    check_size(pixels.shape[1], pixels.shape[0], name)
    return pixels


def _unsupported(name: str, found: str) -> ImageError:
    fix = "convert it to one of these"
    return ImageError(name, reason="unsupported pixels", expected=_ACCEPTED, found=found, fix=fix)
