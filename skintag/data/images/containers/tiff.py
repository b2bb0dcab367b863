"""TIFF 6.0: where its strips or tiles lie, how much they hold, and the checksums of those that have any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import simplejpeg
from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory

from skintag.data.images.containers.inflate import inflated_size

# numbers of the tags
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _CHANNELS, _PLANAR = 256, 257, 258, 259, 262, 277, 284
_STRIP_AT, _ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_AT, _TILE_BYTES = 322, 323, 324, 325
_TABLES: Final = 347
_RAW: Final = 1
_ZLIB: Final = (8, 32_946)
_JPEG: Final = 7
_YCBCR: Final = 6


@dataclass(frozen=True)
class _Piece:
    """A strip or tile."""

    at: int
    """Its first byte."""
    length: int
    """Bytes in the file."""
    least: int
    """Bytes of pixels that it has to hold."""
    most: int
    """Bytes of pixels that it may hold: some writers fill the last strip up."""


def check(data: bytes, tags: Directory) -> None:
    """Raise ValueError or zlib.error where a part of the picture is not there or not what was written.

    Args:
        data: the file.
        tags: of the picture in it, as Pillow reads them.
    """
    packing = int(tags.get(_COMPRESSION, _RAW))
    subsampled = int(tags.get(_PHOTOMETRIC, 0)) == _YCBCR
    view = memoryview(data)
    for piece in _pieces(tags):
        if piece.at < 8 or piece.at + piece.length > len(data):
            raise ValueError(f"truncated: a part of its pixels would end at byte {piece.at + piece.length:,}")
        body = view[piece.at : piece.at + piece.length]
        found = piece.least
        if packing == _RAW:
            found = piece.length
        elif packing in _ZLIB:
            found = inflated_size([body], piece.most)
        elif packing == _JPEG:
            _check_jpeg(bytes(body), bytes(tags.get(_TABLES, b"")))
        if found < piece.least and not subsampled:
            raise ValueError(f"truncated: {found:,} bytes of pixels where {piece.least:,} are expected")


def _check_jpeg(body: bytes, tables: bytes) -> None:
    """Raise ValueError where libjpeg has anything to say of a strip, whose tables may stand elsewhere."""
    whole = tables[:-2] + body[2:] if len(tables) > 4 else body
    simplejpeg.decode_jpeg(whole, "RGB")


def _pieces(tags: Directory) -> Iterator[_Piece]:
    """All strips or tiles, plane by plane. Raises ValueError where there are not as many as there should be."""
    width, height = int(tags[_WIDTH]), int(tags[_HEIGHT])
    bits = tags.get(_BITS, (1,))
    channels = int(tags.get(_CHANNELS, 1))
    apart = int(tags.get(_PLANAR, 1)) == 2
    depth = int(bits[0]) * (1 if apart else channels)
    if _TILE_AT in tags:
        wide, high = int(tags[_TILE_WIDTH]), int(tags[_TILE_HEIGHT])
        across, at, lengths = -(-width // wide), tags[_TILE_AT], tags[_TILE_BYTES]
    else:
        wide, high = width, min(int(tags.get(_ROWS, height)), height)
        across, at = 1, tags[_STRIP_AT]
        lengths = tags.get(_STRIP_BYTES)
    row = -(-wide * depth // 8)
    down = -(-height // high)
    if lengths is None:  # old writers left them out where nothing is packed
        lengths = [row * high] * (len(at) - 1) + [row * (height - high * (down - 1))]
    if len(at) != len(lengths) or len(at) != across * down * (channels if apart else 1):
        raise ValueError(f"{len(at):,} parts with {len(lengths):,} lengths for {across * down:,} places")
    tiled = _TILE_AT in tags
    for number, (begin, length) in enumerate(zip(at, lengths, strict=True)):
        last = (number // across) % down == down - 1
        rows = height - high * (down - 1) if last and not tiled else high
        yield _Piece(int(begin), int(length), row * rows, row * high)
