"""Bytes of an image file to upright RGB pixels, and back to JPEG.

Raw folders hold what people found on the web: the header is believed first (format, size), then the file has to be
sound as far as its format lets one say, and pixels are decoded after that. Whatever is wrong with a file, and
whatever its decoder raises, becomes one `ImageError` with a short reason that reports count:

`no such file`, `cannot be read`, `not a file`, `empty`, `not an image`, `unsupported format`, `too large`,
`truncated`, `damaged`, `several frames`, `unsupported pixels`, `out of memory`.

Colour profiles are not applied. What cannot be noticed of each format is in docs/pictures.md.
"""

from __future__ import annotations

import errno
import os
from importlib import import_module
from io import BytesIO
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from skintag.core.errors import ImageError
from skintag.core.io import read_regular
from skintag.data.images.containers import bmp, heif, jpeg, png, tiff, webp
from skintag.data.images.kinds import AGAIN, FORMATS, broken, format_of, problem
from skintag.data.images.modes import to_rgb
from skintag.data.images.resize import area

MAX_PIXELS: Final = 100_000_000
MAX_SIDE: Final = 65_535
"""Pixels; what a JPEG may have, and longer strips are no photographs."""
MAX_BYTES: Final = 1 << 30
"""Of an image file."""
ORIENTATION: Final = 0x0112  # EXIF tag

_PLUGINS: Final = {"JPEG": "Jpeg", "PNG": "Png", "WEBP": "WebP", "TIFF": "Tiff", "BMP": "Bmp"}
_PILLOWS_LIMIT: Final = 1024**3 // 4 // 3  # that Pillow begins with


def read_image(path: str | os.PathLike[str], where: object) -> bytes:
    """The bytes of an image file.

    Raises:
        ImageError: there is none, it cannot be read, is no regular file, or has more than `MAX_BYTES`.
    """
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        reason = {
            errno.ENOENT: "no such file",
            errno.EINVAL: "not a file",
            errno.ENXIO: "not a file",  # what a socket gives
            errno.EISDIR: "not a file",
            errno.EFBIG: "too large",
        }.get(error.errno or 0, "cannot be read")
        raise ImageError(
            where,
            reason=reason,
            expected="an image file",
            found=error.strerror or type(error).__name__,
            fix="check the path and its permissions",
        ) from error


def decode_image(data: bytes, where: object, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode the bytes of an image file.

    EXIF orientation is applied, transparency is flattened on white, CMYK, palette, grey, 1-bit and 16-bit
    images become 8-bit RGB. The first picture of a phone's multi-picture JPEG is taken. A larger JPEG than
    `max_pixels`, up to `jpeg.REDUCED` times as large, is decoded at a fraction of its size (`jpeg.decode`).

    Args:
        data: the whole file.
        where: the file's name, for messages.
        max_pixels: refuse other larger images before decoding them. Pillow's own limit holds as well.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        ImageError: the image cannot be had whole; `reason` is one of the words above.
    """
    kind = format_of(data, where)
    try:
        return _decode(data, kind, where, max_pixels)
    except ImageError:
        raise
    except MemoryError as error:
        found = f"{kind} of {len(data):,} bytes: {error or 'more memory than there is'}"
        raise problem(where, "out of memory", found, "shrink it, or free memory") from error
    except Exception as error:  # on hostile bytes decoders raise nearly anything
        raise broken(data, kind, where, error) from error


def size_of(data: bytes, where: object, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height that the header of an image file gives, as it is stored; nothing is decoded.

    Raises:
        ImageError: no image, a header that cannot be read, no pixel, or more pixels than `max_pixels`.
    """
    kind = format_of(data, where)
    try:
        if kind == "WEBP":  # opening one takes memory for its pixels
            size = webp.size(data)
        else:
            with _open(data, kind, where) as image:
                size = image.size
    except ImageError:
        raise
    except Exception as error:  # on hostile bytes parsers raise nearly anything
        raise broken(data, kind, where, error) from error
    check_size(*size, where, max_pixels)
    return size


def upright_rgb(image: Image.Image, where: object) -> NDArray[np.uint8]:
    """The pixels of an opened Pillow image as `decode_image` gives those of a file, uint8 [H, W, 3].

    Raises:
        ImageError: pixels of a kind that cannot become RGB; `where` is named in the message.
    """
    return _upright(to_rgb(image, where), _orientation(image))


def check_size(width: int, height: int, where: object, max_pixels: int = MAX_PIXELS) -> None:
    """Raise ImageError where a picture has no pixel, too many, or too long a side."""
    if width < 1 or height < 1:
        raise problem(where, "damaged", f"{width} x {height} pixels", AGAIN)
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        found = f"{width:,} x {height:,} pixels, limit {max_pixels:,}, and {MAX_SIDE:,} on a side"
        raise problem(where, "too large", found, "shrink it, or leave it out")


def shrink(image: NDArray[np.uint8], longest_side: int) -> NDArray[np.uint8]:
    """The image with its longest side at most `longest_side` pixels, averaged by area; never enlarged."""
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return image
    return area(image, max(1, round(height * scale)), max(1, round(width * scale)))


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> bytes:
    """JPEG bytes of RGB uint8 [H, W, 3], colour at full resolution; equal pixels give equal bytes."""
    # it is among the few things that tell lesions apart
    return simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "RGB", "444")


def _decode(data: bytes, kind: str, where: object, max_pixels: int) -> NDArray[np.uint8]:
    if kind == "WEBP":  # opening one takes memory for its pixels
        check_size(*webp.size(data), where, max_pixels)
    with _open(data, kind, where) as image:
        limit = max_pixels
        if kind == "JPEG" and image.mode != "CMYK" and image.width * image.height > max_pixels:
            limit = int(jpeg.REDUCED * max_pixels) if jpeg.may_be_reduced(data) else max_pixels
        if Image.MAX_IMAGE_PIXELS not in (None, _PILLOWS_LIMIT):  # what a program has set has to hold
            limit = min(limit, 2 * Image.MAX_IMAGE_PIXELS)
        check_size(image.width, image.height, where, limit)
        if kind == "JPEG" and image.mode in ("RGB", "L"):
            return _upright(jpeg.decode(data, *image.size, max_pixels), _orientation(image))
        _check(data, kind, image)
        frames = getattr(image, "n_frames", 1) if kind not in ("JPEG", "HEIC") else 1
        if frames != 1:
            fix = "save the one to use as a file of its own"
            raise problem(where, "several frames", f"{frames} of them", fix)
        image.load()
        return upright_rgb(image, where)


def _open(data: bytes, kind: str, where: object) -> Image.Image:
    """Parse the header alone. Not by `Image.open`, which warns of sizes that are looked at here, or refuses them."""
    if kind == "HEIC":
        try:
            from pillow_heif import HeifImageFile
        except ImportError as error:
            fix = f"pip install pillow-heif, or convert it to {FORMATS.replace(' or HEIC', '')}"
            raise problem(where, "unsupported format", "HEIC, and no pillow-heif to read it", fix) from error
        heif.check(data)
        return HeifImageFile(BytesIO(data))
    import_module(f"PIL.{_PLUGINS[kind]}ImagePlugin")
    factory, _ = Image.OPEN[kind]
    return factory(BytesIO(data), "")


def _check(data: bytes, kind: str, image: Image.Image) -> None:
    """Raise ValueError or another error where a file is not sound."""
    if kind == "JPEG":
        jpeg.check(data)
    elif kind == "PNG":
        png.check(data)
    elif kind == "WEBP":
        webp.check(data)
    elif kind == "BMP":
        bmp.check(data)
    elif kind == "TIFF":
        tiff.check(data, image.tag_v2)  # type: ignore[attr-defined]


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # EXIF that cannot be parsed says nothing about the pixels
        return 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation, 1..8; any other number counts as 1 (Exif 2.32, 4.6.4, tag 274)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
