"""Files that are not what they say, or say more than they are."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from tests.serving.small import encoded, plain


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, *more: bytes, bits: int = 8, colour: int = 2) -> bytes:
    """A PNG with this header, whatever its data are."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + b"".join(more)
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def bombs() -> dict[str, bytes]:
    """Small files that would be large, or take long, if they were believed."""
    zeros = zlib.compress(bytes(60_000_000), 9)
    rows = zlib.compress(b"".join(b"\0" + bytes(3 * 9000) for _ in range(50)), 9)
    jpeg = bytearray(encoded(plain(1, size=(64, 64)), "JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    scans = encoded(plain(1, size=(64, 64)), "JPEG", progressive=True)
    first = scans.index(b"\xff\xda")
    last = scans.rindex(b"\xff\xda")
    return {
        "PNG of 2.5 gigapixels": png(50_000, 50_000, zeros),
        "PNG of 81 megapixels, one bit each": png(9000, 9000, zlib.compress(bytes(9000 * 1126)), bits=1, colour=0),
        "PNG with more data than pixels": png(10, 10, zeros),
        "PNG with fewer": png(9000, 5000, rows),
        "PNG with a text of 60 MB": png(4, 4, zlib.compress(bytes(52)), chunk(b"zTXt", b"a\0\0" + zeros)),
        "PNG with a profile of 60 MB": png(4, 4, zlib.compress(bytes(52)), chunk(b"iCCP", b"a\0\0" + zeros)),
        "PNG with no pixel": png(0, 0, zeros),
        "JPEG of 4 gigapixels": bytes(jpeg),
        "JPEG of 2,000 scans": scans[:last] + scans[first:last] * 2000 + scans[last:],
        "TIFF of 4 gigapixels": tiff(65_000, 65_000),
        "BMP of 2 gigapixels": bmp(45_000, 45_000),
        "WebP of 268 megapixels": webp(16_383, 16_383),
    }  # fmt: skip


def tiff(width: int, height: int) -> bytes:
    """One strip of nothing that says it is all of it."""
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
               (278, 4, height), (279, 4, 100)]  # fmt: skip
    body = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        body += struct.pack("<HHII", tag, kind, 1, value)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 0) + bytes(100)


def bmp(width: int, height: int) -> bytes:
    """A header and nothing."""
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def webp(width: int, height: int) -> bytes:
    """A VP8X header and nothing."""
    body = (
        b"WEBPVP8X"
        + struct.pack("<I", 10)
        + bytes(4)
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def polyglots() -> dict[str, tuple[bytes, bool]]:
    """Files that are two things, or another one than their name says; and whether a picture is among it."""
    jpeg, page = encoded(plain(99), "JPEG"), b"<html><script>alert(1)</script></html>"
    comment = b"\xff\xfe" + struct.pack(">H", len(page) + 2) + page
    entity = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'
    return {
        "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', False),
        "SVG with XML": (entity, False),
        "HTML": (page, False),
        "HTML after white space": (b"\xef\xbb\xbf \n" + page, False),
        "PDF": (b"%PDF-1.4\n", False),
        "zip": (b"PK\3\4" + bytes(40), False),
        "ELF": (b"\x7fELF" + bytes(60), False),
        "GIF": (b"GIF89a\1\0\1\0\0\0\0;", False),
        "AVIF": (b"\0\0\0\x1cftypavif" + bytes(40), False),
        "pickle": (b"\x80\4\x95\0\0\0\0", False),
        "JPEG with HTML behind it": (jpeg + page, True),
        "JPEG with a zip behind it": (jpeg + b"PK\3\4" + bytes(60), True),
        "JPEG with HTML in a comment": (jpeg[:2] + comment + jpeg[2:], True),
        "HTML with a JPEG behind it": (page + jpeg, False),
    }  # fmt: skip


def bases() -> list[bytes]:
    """Whole files of every kind that is read."""
    pixels = plain(140, size=(48, 40))
    out = [encoded(pixels, kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF")]
    return [
        *out,
        encoded(pixels, "JPEG", progressive=True),
        encoded(pixels[:, :, 0], "PNG"),
        encoded(pixels, "WEBP", lossless=True),
    ]


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A file with something changed: bytes, a piece left out, doubled or moved, numbers made large, an end cut off."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        at, length = int(rng.integers(0, max(1, len(out)))), int(rng.integers(1, 40))
        match int(rng.integers(0, 6)):
            case 0:
                out[at : at + 1] = bytes([int(rng.integers(0, 256))])
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = out[at : at + length]
            case 3:
                out[at : at + 4] = rng.choice(
                    [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1"]
                )
            case 4:
                out = out[: max(1, at)]
            case _:
                out[at : at + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
    return bytes(out)
