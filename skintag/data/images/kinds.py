"""What kind of file an image's bytes are, and the error that says what is wrong with it."""

from __future__ import annotations

from typing import Final

from skintag.core.errors import ImageError
from skintag.data.images.containers import heif

FORMATS: Final = "JPEG, PNG, WebP, BMP, TIFF or HEIC"
AGAIN: Final = "copy or download it again"

# What people mistake for a supported image, by its first bytes, so that the message can name it.
_OTHERS: Final = ((b"GIF8", "a GIF"), (b"8BPS", "a Photoshop file"), (b"%PDF", "a PDF"))
_RELATIVES: Final = {"AVIF": "an AVIF picture", "video": "a video, or a picture of a kind that is not known"}
_PAGES: Final = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<svg")


def format_of(data: bytes, where: object) -> str:
    """Pillow's name of the format (HEIC of that one), from the first bytes.

    Raises:
        ImageError: it is none that can be read; where the format is known it is named.
    """
    if not data:
        raise problem(where, "empty", "a file of 0 bytes", AGAIN)
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
    relative = heif.kind_of(data)
    if relative == "HEIC":
        return relative
    named = [name for magic, name in _OTHERS if data.startswith(magic)]
    if relative is not None:
        named.append(_RELATIVES[relative])
    if named:
        raise problem(where, "unsupported format", named[0], f"convert it to {FORMATS}")
    page = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES)
    found = (
        "a web page (a dead link, probably)" if page else f"{len(data):,} bytes that begin with {data[:8]!r}"
    )
    raise problem(where, "not an image", found, "download it again, or leave it out")


def broken(data: bytes, kind: str, where: object, error: Exception) -> ImageError:
    """The error for a file that its decoder, or a check before it, would not have."""
    said = str(error) or type(error).__name__
    cut = not _is_whole(data, kind) or any(word in said.lower() for word in ("truncated", "premature end"))
    found = f"{kind} of {len(data):,} bytes: {said}"
    return problem(where, "truncated" if cut else "damaged", found, AGAIN)


def problem(where: object, reason: str, found: str, fix: str) -> ImageError:
    """The error for an image that cannot be used; `reason` is one of the words in `skintag.data.images.files`."""
    return ImageError(where, reason=reason, expected=f"one whole image, {FORMATS}", found=found, fix=fix)


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
