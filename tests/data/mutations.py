"""Sound pictures of every format, and ways to damage them; of a fixed seed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def picture(height: int = 96, width: int = 128, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth, with some grain, so that encoders have something to write everywhere."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    smooth = np.array(small.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    return np.clip(smooth + rng.integers(-12, 13, smooth.shape), 0, 255).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file."""
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG with the right checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int, height: int, colour: int, raw: bytes, *more: bytes, depth: int = 8, interlaced: int = 0
) -> bytes:
    """A PNG of unpacked rows, each after its filter byte; `more` are chunks before the pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", head, *more, chunk(b"IDAT", zlib.compress(raw, 6)), chunk(b"IEND", b""))
    )


def interlaced_png(image: NDArray[np.uint8]) -> bytes:
    """Adam7, which Pillow reads and does not write: seven small pictures one after the other."""
    raw = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
    ):  # fmt: skip
        raw += b"".join(b"\0" + row.tobytes() for row in image[y::dy, x::dx])
    return png(image.shape[1], image.shape[0], 2, raw, interlaced=1)


def sound(seed: int = 0) -> dict[str, bytes]:
    """A file of each kind."""
    pixels = picture(seed=seed)
    image = Image.fromarray(pixels)
    return {
        "jpeg": saved(image, "JPEG", quality=90),
        "jpeg grey": saved(image.convert("L"), "JPEG", quality=90),
        "jpeg cmyk": saved(image.convert("CMYK"), "JPEG", quality=90),
        "jpeg progressive": saved(image, "JPEG", quality=90, progressive=True),
        "png": saved(image, "PNG"),
        "png palette": saved(image.quantize(64), "PNG"),
        "png interlaced": interlaced_png(pixels),
        "webp": saved(image, "WEBP", quality=90),
        "webp lossless": saved(image, "WEBP", lossless=True),
        "tiff": saved(image, "TIFF"),
        "tiff deflate": saved(image, "TIFF", compression="tiff_adobe_deflate"),
        "tiff lzw": saved(image, "TIFF", compression="tiff_lzw"),
        "bmp": saved(image, "BMP"),
    }


Change = Callable[[bytearray, np.random.Generator], None]


def _bit(data: bytearray, rng: np.random.Generator) -> None:
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))


def _byte(data: bytearray, rng: np.random.Generator) -> None:
    data[rng.integers(len(data))] = int(rng.integers(256))


def _in_header(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(8, min(len(data), 64)))
    data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))


def _zeros(data: bytearray, rng: np.random.Generator) -> None:
    length = int(rng.integers(2, max(3, len(data) // 3)))
    at = int(rng.integers(len(data)))
    data[at : at + length] = bytes(len(data[at : at + length]))


def _noise(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(data)))
    data[at : at + 64] = rng.bytes(len(data[at : at + 64]))


def _cut(data: bytearray, rng: np.random.Generator) -> None:
    del data[int(rng.integers(1, len(data))) :]


def _lost(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(data)))
    del data[at : at + int(rng.integers(1, 512))]


def _twice(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(data)))
    data[at:at] = data[at : at + int(rng.integers(1, 512))]


CHANGES: dict[str, Change] = {
    "bit": _bit, "byte": _byte, "header": _in_header, "zeros": _zeros,
    "noise": _noise, "cut": _cut, "lost": _lost, "twice": _twice,
}  # fmt: skip


def mutated(data: bytes, n: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`n` damaged copies, each with the name of what was done; never the file itself."""
    rng = np.random.default_rng(seed)
    names = list(CHANGES)
    made = 0
    while made < n:
        name = names[made % len(names)]
        copy = bytearray(data)
        CHANGES[name](copy, rng)
        if bytes(copy) != data:
            made += 1
            yield name, bytes(copy)
