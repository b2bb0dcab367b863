"""HEIC, what phones write (ISO/IEC 23008-12): told from its relatives, and whether its boxes fill the file."""

from __future__ import annotations

import struct
from typing import Final

_HEVC: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_AV1: Final = (b"avif", b"avis")


def kind_of(data: bytes) -> str | None:
    """`HEIC`, `AVIF`, or `video` for what else is of the family; None for any other file."""
    if data[4:8] != b"ftyp":
        return None
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, end, 4))]
    if any(brand in _HEVC for brand in brands):
        return "HEIC"
    return "AVIF" if any(brand in _AV1 for brand in brands) else "video"


def check(data: bytes) -> None:
    """Raise ValueError where a box reaches beyond the file, or there is no picture in it."""
    at, names = 0, []
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if length == 1 and at + 16 <= len(data):
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length == 0:  # to the end
            length = len(data) - at
        if length < 8 or at + length > len(data):
            raise ValueError(f"truncated, or damaged in the length of {name!r}")
        names.append(name)
        at += length
    if b"meta" not in names:
        raise ValueError("truncated: the part that describes the picture is missing")
