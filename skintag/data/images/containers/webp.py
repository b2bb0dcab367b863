"""WebP (RFC 9649): sizes of its chunks, and the picture's before libwebp takes memory for it; no checksums."""

from __future__ import annotations

import struct
from collections.abc import Iterator

Size = tuple[int, int]
"""Width and height, pixels."""


def size(data: bytes) -> Size:
    """Of the picture or, where it has one, of its canvas, by the first chunk alone. Raises ValueError."""
    if len(data) < 30:
        raise ValueError("truncated: its header is not whole")
    name = data[12:16]
    if name == b"VP8X":
        wide, high = int.from_bytes(data[24:27], "little"), int.from_bytes(data[27:30], "little")
        return wide + 1, high + 1
    return _frame_size(name, memoryview(data)[20:30])


def check(data: bytes) -> None:
    """Raise ValueError where its parts do not fit each other; animations are looked at by their chunks alone."""
    chunks = list(_chunks(data))
    frames = [(name, body) for name, body in chunks if name in (b"VP8 ", b"VP8L")]
    if any(name in (b"ANIM", b"ANMF") for name, _ in chunks):
        return
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} pictures in it, 1 expected")
    name, body = frames[0]
    if _frame_size(name, body) != size(data):
        raise ValueError("its picture is not of the size that its header says")
    if name == b"VP8 ":
        tag = int.from_bytes(body[:3], "little")
        if (tag >> 5) + 10 > len(body):
            raise ValueError("truncated, or damaged in the length of its first partition")


def _frame_size(name: bytes, body: memoryview) -> Size:
    """By the head of a lossy or a lossless picture."""
    if name == b"VP8 " and len(body) >= 10 and bytes(body[3:6]) == b"\x9d\x01\x2a":
        wide, high = struct.unpack_from("<HH", body, 6)
        return wide & 0x3FFF, high & 0x3FFF
    if name == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        if bits >> 29:
            raise ValueError("a lossless picture of a version that is not known")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    raise ValueError("the head of its picture is not one")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each chunk within the length that the file gives itself."""
    view = memoryview(data)
    end = 8 + int.from_bytes(view[4:8], "little")
    if end > len(data):
        raise ValueError("truncated: it is shorter than its header says")
    at = 12
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise ValueError(f"truncated, or damaged in the length of {name!r}")
        yield name, view[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
