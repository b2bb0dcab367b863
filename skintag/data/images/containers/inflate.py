"""A zlib stream read through for its checksum and its length, in bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

_PIECE: Final = 1 << 20  # bytes inflated at a time


def inflated_size(parts: Iterable[bytes | memoryview], most: int) -> int:
    """How many bytes the stream in `parts` holds; its Adler-32 is compared at its end.

    Raises:
        ValueError: it holds more than `most` bytes, or is truncated.
        zlib.error: it is damaged.
    """
    engine = zlib.decompressobj()
    total = 0
    for part in (*parts, b""):
        rest: bytes | memoryview = part
        while not engine.eof:
            piece = engine.decompress(rest, _PIECE)
            total += len(piece)
            if total > most:
                raise ValueError("more pixel data than its header says")
            rest = engine.unconsumed_tail
            if not rest and len(piece) < _PIECE:
                break
    if not engine.eof:
        raise ValueError("truncated: its pixel data end early")
    return total
