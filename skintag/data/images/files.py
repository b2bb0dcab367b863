"""Bytes of an image file to upright RGB pixels, and back to JPEG.

Raw folders hold what people found on the web: the header is believed first (format, size), pixels are decoded
after that, and whatever is wrong with a file becomes one `ImageError` with a short reason that reports count:

`empty`, `not an image`, `unsupported format`, `too large`, `truncated`, `damaged`, `several frames`,
`unsupported pixels`.

Colour profiles are not applied.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from skintag.core.errors import ImageError
from skintag.data.images.resize import area

MAX_PIXELS: Final = 100_000_000
FORMATS: Final = "JPEG, PNG, WebP, BMP or TIFF"
ORIENTATION: Final = 0x0112  # EXIF tag

# What people mistake for a supported image, by its first bytes, so that the message can name it.
_OTHERS: Final = (
    (0, b"GIF8", "a GIF"),
    (4, b"ftyp", "a HEIC, AVIF or video file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"%PDF", "a PDF"),
)
_PAGES: Final = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<svg")

# Some cameras and editors pad the picture data: no pixel is lost. Many bytes too many are lost ones, though.
_STRAY: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MAX_STRAY: Final = 16


def decode_image(data: bytes, where: object, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode the bytes of an image file.

    EXIF orientation is applied, transparency is flattened on white, CMYK, palette, grey, 1-bit and 16-bit
    images become 8-bit RGB. The first picture of a phone's multi-picture JPEG is taken.

    Args:
        data: the whole file.
        where: the file's name, for messages.
        max_pixels: refuse larger images before decoding them. Pillow's own limit holds as well.

    Returns:
        uint8 [H, W, 3], RGB.

    Raises:
        ImageError: the image cannot be had whole; `reason` is one of the words above.
    """
    kind = _format_of(data, where)
    with _open(data, kind, where, max_pixels) as image:
        if kind == "JPEG" and image.mode in ("RGB", "L"):
            pixels = _decode_jpeg(data, where)
        else:
            pixels = _decode_with_pillow(image, data, kind, where)
        return _upright(pixels, _orientation(image))


def upright_rgb(image: Image.Image, where: object) -> NDArray[np.uint8]:
    """The pixels of an opened Pillow image as `decode_image` gives those of a file, uint8 [H, W, 3].

    Raises:
        ImageError: pixels of a kind that cannot become RGB; `where` is named in the message.
    """
    return _upright(_to_rgb(image, where), _orientation(image))


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


def _format_of(data: bytes, where: object) -> str:
    """Pillow's name of the format, from the first bytes."""
    if not data:
        raise _error(where, "empty", "a file of 0 bytes", "copy or download it again")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP"
    for offset, magic, name in _OTHERS:
        if data.startswith(magic, offset):
            raise _error(where, "unsupported format", name, f"convert it to {FORMATS}")
    page = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES)
    found = (
        "a web page (a dead link, probably)" if page else f"{len(data):,} bytes that begin with {data[:8]!r}"
    )
    raise _error(where, "not an image", found, "download it again, or leave it out")


def _open(data: bytes, kind: str, where: object, max_pixels: int) -> Image.Image:
    """Parse the header alone and refuse what is too large."""
    try:
        image = Image.open(BytesIO(data), formats=(kind,))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(where, str(error)) from error
    except MemoryError:
        raise
    except Exception as error:  # on hostile bytes Pillow's plugins raise nearly anything
        raise _broken(data, kind, where, error) from error
    if image.width * image.height > max_pixels:
        raise _too_large(where, f"{image.width:,} x {image.height:,} pixels, limit {max_pixels:,}")
    return image


def _decode_jpeg(data: bytes, where: object) -> NDArray[np.uint8]:
    """libjpeg-turbo directly: the pixels that Pillow gives, sooner, and any damage is an error."""
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=True)
    except ValueError as error:
        stray = _STRAY.search(str(error))
        if stray is None or int(stray[1]) > _MAX_STRAY:
            raise _broken(data, "JPEG", where, error) from error
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=False)
    except ValueError as error:
        raise _broken(data, "JPEG", where, error) from error


def _decode_with_pillow(image: Image.Image, data: bytes, kind: str, where: object) -> NDArray[np.uint8]:
    # asked here, because a program that sets ImageFile.LOAD_TRUNCATED_IMAGES gets grey areas and no error
    if not _is_whole(data, kind):
        raise _broken(data, kind, where, None)
    try:
        frames = getattr(image, "n_frames", 1) if kind != "JPEG" else 1
        if frames == 1:
            image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise _broken(data, kind, where, error) from error
    if frames != 1:
        raise _error(where, "several frames", f"{frames} of them", "save the one to use as a file of its own")
    return _to_rgb(image, where)


def _to_rgb(image: Image.Image, where: object) -> NDArray[np.uint8]:
    """Any Pillow mode to uint8 [H, W, 3]."""
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
        raise _error(
            where, "unsupported pixels", f"mode {image.mode!r} ({error})", "convert it to 8-bit RGB"
        ) from error
    paper = Image.new("RGB", layer.size, (255, 255, 255))
    paper.paste(layer, mask=layer.getchannel("A"))
    return np.array(paper)


def _from_16_bit(image: Image.Image, where: object) -> NDArray[np.uint8]:
    """Grey of 16 bits to 8: 65,535 becomes 255. `I` is accepted where its values fit 16 bits."""
    values = np.asarray(image).astype(np.int32)
    if values.min() < 0 or values.max() > 65_535:
        found = f"whole numbers from {values.min():,} to {values.max():,}"
        raise _error(where, "unsupported pixels", found, "convert it to 8-bit RGB")
    see_through = image.info.get("transparency")
    if isinstance(see_through, int):
        values[values == see_through] = 65_535
    grey = ((values + 128) // 257).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


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


def _is_whole(data: bytes, kind: str) -> bool:
    """Whether the file's end is there, as far as its format lets one say."""
    if kind == "JPEG":  # the last scan begins, and an end of image follows
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda") >= 0
    if kind == "PNG":
        end = data.rfind(b"IEND")  # its checksum of 4 bytes follows
        return len(data) - 8 >= end > data.rfind(b"IDAT") >= 0
    if kind == "WEBP":
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return True


def _broken(data: bytes, kind: str, where: object, error: Exception | None) -> ImageError:
    said = str(error) if error is not None else "the file stops before its end"
    cut = not _is_whole(data, kind) or any(word in said.lower() for word in ("truncated", "premature end"))
    found = f"{kind} of {len(data):,} bytes: {said}"
    return _error(where, "truncated" if cut else "damaged", found, "copy or download it again")


def _too_large(where: object, found: str) -> ImageError:
    return _error(where, "too large", found, "shrink it, or leave it out")


def _error(where: object, reason: str, found: str, fix: str) -> ImageError:
    return ImageError(where, reason=reason, expected=f"one whole image, {FORMATS}", found=found, fix=fix)
