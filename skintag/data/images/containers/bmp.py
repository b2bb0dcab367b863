"""BMP: its sizes against each other, for it has no checksum."""

from __future__ import annotations

import struct
from typing import Final

_CORE: Final = 12  # bytes of the oldest header
_HEADERS: Final = (_CORE, 40, 52, 56, 64, 108, 124)
_DEPTHS: Final = (1, 2, 4, 8, 16, 24, 32)
_PLAIN: Final = (0, 3, 6)  # uncompressed; with masks; with a mask of alpha
_RUN_LENGTHS: Final = (1, 2)
_SLACK: Final = 4  # bytes that editors pad a file with


def check(data: bytes) -> None:
    """Raise ValueError where the file has other bytes than its header says."""
    if len(data) < 30:
        raise ValueError("truncated: its header is not whole")
    stated, _, begin, header = struct.unpack_from("<IIII", data, 2)
    if header not in _HEADERS or len(data) < 14 + header:
        raise ValueError(f"a header of {header:,} bytes")
    if header == _CORE:
        width, height, planes, depth = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    else:
        width, height, planes, depth, packing = struct.unpack_from("<iiHHI", data, 18)
    if planes != 1 or depth not in _DEPTHS or packing not in (*_PLAIN, *_RUN_LENGTHS):
        raise ValueError(f"{planes} planes of {depth} bits, packed in way {packing}")
    if stated > len(data):
        raise ValueError(f"truncated: {len(data):,} bytes, and its header says {stated:,}")
    if begin < 14 + header:
        raise ValueError("its pixels would begin within its header")
    if packing in _RUN_LENGTHS:
        if b"\0\1" not in data[-2 - _SLACK :]:
            raise ValueError("truncated: the mark of the picture's end is missing")
        return
    row = (width * depth + 31) // 32 * 4
    end = begin + row * abs(height)
    if end > len(data):
        raise ValueError(f"truncated: {len(data):,} bytes, and its pixels need {end:,}")
    if header <= 64 and len(data) - end >= max(row, _SLACK + 1):  # younger headers may have a profile there
        raise ValueError("more pixel data than its header says")
