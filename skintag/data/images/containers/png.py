"""PNG (ISO/IEC 15948): every chunk's CRC-32, the order of the chunks, and as many pixels as the header says.

Pillow compares the checksums of what stands before the pixels and not theirs, and stops to read once it has
enough rows, so that it never comes to the Adler-32 of the pixel data.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from skintag.data.images.containers.inflate import inflated_size

_FIRST: Final = 8  # the signature's bytes
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# first column and row, and their steps, of each pass of an interlaced picture (Adam7), and of a plain one
_PASSES: Final = (
    ((0, 0, 1, 1),),
    ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)


def check(data: bytes) -> None:
    """Raise ValueError or zlib.error where the file is not what was once written."""
    chunks = list(_chunks(data))
    names = [name for name, _ in chunks]
    if names[0] != b"IHDR" or len(chunks[0][1]) != 13 or names.count(b"IHDR") > 1:
        raise ValueError("its first chunk, and it alone, should be the header")
    pixels = [i for i, name in enumerate(names) if name == b"IDAT"]
    if not pixels or pixels[-1] - pixels[0] >= len(pixels):
        raise ValueError("its pixel data should be there, and in one piece")
    expected = _raw_size(chunks[0][1])
    found = inflated_size((chunks[i][1] for i in pixels), expected)
    if found < expected:
        raise ValueError(f"truncated: {found:,} bytes of pixels, {expected:,} expected by its header")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each chunk up to the end's, whose checksums are right."""
    view, at = memoryview(data), _FIRST
    name = b""
    while name != b"IEND":
        if at + 12 > len(data):
            raise ValueError("truncated: its end is missing")
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            raise ValueError(f"truncated, or damaged in the length of {name!r}")
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise ValueError(f"the checksum of {name!r} at byte {at:,} is wrong")
        yield name, view[at + 8 : end]
        at = end + 4


def _raw_size(header: memoryview) -> int:
    """Bytes of the unpacked pixel data, with one a row for its filter."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS.get(colour, 0)
    size = 0
    for x, y, dx, dy in _PASSES[interlaced == 1]:
        columns, rows = max(0, -(-(width - x) // dx)), max(0, -(-(height - y) // dy))
        size += rows * (1 + -(-columns * bits // 8)) if columns else 0
    return size
