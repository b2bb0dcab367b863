"""JPEG (ITU-T T.81): decoded by libjpeg-turbo with every warning an error, and read by its markers where need be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

REDUCED: Final = 2.5
"""A JPEG may have this many times as many pixels as may be decoded: it is then decoded at a fraction of its size."""
_SCALES: Final = (1, 2, 4, 8)

# Some cameras and editors pad the picture data: no pixel is lost. Many bytes too many are lost ones, though.
_STRAY: Final = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MAX_STRAY: Final = 16
# Fewer than any segment has that a pixel depends on but DRI (6 bytes), without which restarts are an error.
_MAX_STRAY_IN_HEADER: Final = 12
_MAX_SCANS: Final = 100  # each costs as much as the whole picture; encoders write about ten
_SCAN: Final = b"\xff\xda"
_BEGIN: Final = 0xD8
_END: Final = 0xD9
_PROGRESSIVE: Final = (0xC2, 0xC6, 0xCA, 0xCE)
_NEXT: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # a marker that ends a scan: no restart, no stuffing


@dataclass(frozen=True)
class _Marks:
    """The markers of a JPEG up to its end."""

    scans: int
    """How often pixel data begin."""
    progressive: bool
    """Whether all coefficients have to be held until the last scan."""
    end: int | None
    """Where the mark of the picture's end stands; None: nowhere."""
    cleaned: bytes | None
    """The file without stray bytes between the segments of its header; None where there are none, or too many."""


def decode(data: bytes, width: int, height: int, max_pixels: int) -> NDArray[np.uint8]:
    """Pixels of a grey or colour JPEG, uint8 [H, W, 3] RGB, to the bit those that Pillow gives.

    With more than `max_pixels` it is decoded at the largest of 1/2, 1/4 and 1/8 (libjpeg's scaled inverse DCT, sides
    rounded up) at which it has no more.

    Args:
        data: the file.
        width: that its header gives, pixels.
        height: likewise.
        max_pixels: of the result.

    Raises:
        ValueError: libjpeg has anything to say of it, or it has too many scans.
    """
    scale = next((s for s in _SCALES if -(-height // s) * -(-width // s) <= max_pixels), _SCALES[-1])
    least = {"min_height": -(-height // scale), "min_width": -(-width // scale)} if scale > 1 else {}
    _check_scans(data)
    return _strict(data, "RGB", least)


def check(data: bytes) -> None:
    """Raise ValueError where libjpeg has anything to say of a JPEG of four colours."""
    _check_scans(data)
    _strict(data, "CMYK", {})


def may_be_reduced(data: bytes) -> bool:
    """Whether it can be decoded at a fraction of its size without holding all of it: not where it is progressive."""
    return not _marks(data).progressive


def _strict(data: bytes, colours: str, least: dict[str, int]) -> NDArray[np.uint8]:
    try:
        return simplejpeg.decode_jpeg(data, colours, strict=True, **least)
    except ValueError as error:
        stray = _STRAY.search(str(error))
        cleaned = _without(data, int(stray[1]), int(stray[2], 16)) if stray is not None else None
        if cleaned is None:
            raise
    return simplejpeg.decode_jpeg(cleaned, colours, strict=True, **least)


def _without(data: bytes, stray: int, marker: int) -> bytes | None:
    """The file without the bytes too many that libjpeg has found before a marker; None where they may be pixels."""
    marks = _marks(data)
    if marker != _END:
        return marks.cleaned
    if stray > _MAX_STRAY or marks.end is None:
        return None
    return data[: marks.end - stray] + data[marks.end :]


def _check_scans(data: bytes) -> None:
    # counted roughly first, for this takes no time; a film behind the picture may have the bytes as well
    if data.count(_SCAN) > _MAX_SCANS and (scans := _marks(data).scans) > _MAX_SCANS:
        raise ValueError(f"{scans:,} scans, at most {_MAX_SCANS} are read")


def _marks(data: bytes) -> _Marks:
    """Walk from marker to marker, as far as that goes."""
    scans, stray, progressive = 0, 0, False
    header, at = [data[:2]], 2
    cleaned: bytes | None = None
    for begin, marker, end in _segments(data):
        if marker == _END:
            return _Marks(scans, progressive, begin, cleaned)
        progressive |= marker in _PROGRESSIVE
        if not scans:
            stray += len(data[at:begin].strip(b"\xff"))  # 0xff before a marker is padding
            if marker == _SCAN[1] and 0 < stray <= _MAX_STRAY_IN_HEADER:
                cleaned = b"".join(header) + data[begin:]
            header.append(data[begin:end])
            at = end
        scans += marker == _SCAN[1]
    return _Marks(scans, progressive, None, cleaned)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Where each segment begins, its marker, and where it ends, to the mark of the picture's end."""
    at = 2
    while (found := _NEXT.search(data, at)) is not None:
        begin, marker = found.start(), data[found.start() + 1]
        length = int.from_bytes(data[begin + 2 : begin + 4], "big")
        if marker == _BEGIN or (marker != _END and length < 2):
            return
        at = begin + 2 + length
        yield begin, marker, at
