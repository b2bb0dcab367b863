"""One image file to the bytes that lie in a shard; many at a time in worker processes."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import simplejpeg
from PIL import Image

from skintag.core.errors import ConfigError, DataError, ImageError
from skintag.core.processes import end_with_parent, process_context, process_pool
from skintag.data.images.files import ORIENTATION, decode_image, encode_jpeg, read_image, shrink

_CHUNK: Final = 8  # images that a worker process is given at a time


@dataclass(frozen=True)
class ShardSettings:
    """How images are stored. Other settings are other shards: they go into another folder."""

    longest_side: int = 512
    """Pixels; larger images are shrunk to it, smaller ones stay as they are."""
    quality: int = 95
    """Of JPEG, 1 to 100; colour is never subsampled (4:4:4)."""
    samples_per_shard: int = 1024
    """Images in a tar; the last one of a dataset has what is left."""

    def __post_init__(self) -> None:
        if self.longest_side < 16:
            raise ConfigError(f"longest_side={self.longest_side}: expected at least 16 pixels")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"quality={self.quality}: expected 1 to 100")
        if self.samples_per_shard < 1:
            raise ConfigError(f"samples_per_shard={self.samples_per_shard}: expected at least 1")


@dataclass(frozen=True)
class Source:
    """An image file, as the catalog saw it."""

    path: Path
    """Of the raw file."""
    content_hash: str | None
    """SHA-256 of the file, hex; None where the catalog has none."""


@dataclass(frozen=True)
class Encoded:
    """What lies in the shard."""

    data: bytes
    """JPEG, RGB, upright."""
    unchanged: bool
    """The very bytes of the source."""


def encode(source: Source, settings: ShardSettings) -> Encoded:
    """The image as it is stored: its own bytes where they will do, else decoded, shrunk and encoded anew.

    Raises:
        DataError: the file is gone or has changed since it was catalogued.
        ImageError: it cannot be decoded.
    """
    fix = "rebuild the catalog: skintag prepare"
    try:
        data = read_image(source.path, source.path)
    except ImageError as error:
        expected = "the image that the catalog lists"
        raise DataError(source.path, expected=expected, found=error.reason, fix=fix) from error
    if source.content_hash is not None and (found := sha256(data).hexdigest()) != source.content_hash:
        raise DataError(
            source.path, expected=f"SHA-256 {source.content_hash}, as in the catalog", found=found, fix=fix
        )
    return encode_bytes(data, settings, str(source.path))


def encode_bytes(data: bytes, settings: ShardSettings, where: str) -> Encoded:
    """As `encode`, of a file's bytes; `where` is its name for messages. Raises ImageError."""
    if will_do(data, settings.longest_side):
        return Encoded(data, unchanged=True)
    image = shrink(decode_image(data, where=where), settings.longest_side)
    return Encoded(encode_jpeg(image, settings.quality), unchanged=False)


def will_do(data: bytes, longest_side: int) -> bool:
    """Whether `data` is an upright, undamaged three-channel JPEG within `longest_side` pixels."""
    if data[:2] != b"\xff\xd8":
        return False
    try:
        height, width, colourspace, _ = simplejpeg.decode_jpeg_header(data)
        if colourspace != "YCbCr" or max(height, width) > longest_side:
            return False
        with Image.open(io.BytesIO(data)) as image:
            if image.getexif().get(ORIENTATION, 1) != 1:
                return False
        simplejpeg.decode_jpeg(data)
    except Exception:  # on odd bytes Pillow raises nearly anything; decode_image knows what to make of them
        return False
    return True


def encode_all(sources: Sequence[Source], settings: ShardSettings, workers: int) -> Iterator[Encoded]:
    """`encode` of each source, in order; with more than one worker, in as many processes.

    Only a few chunks per worker are in flight, so memory stays small however many images there are.
    """
    if workers <= 1 or len(sources) <= _CHUNK:
        yield from (encode(source, settings) for source in sources)
        return
    chunks = (sources[i : i + _CHUNK] for i in range(0, len(sources), _CHUNK))
    # spawn: a fork would copy whatever threads the caller runs in an unknown state
    context = process_context("spawn")
    with process_pool(workers, context, end_with_parent) as pool:
        waiting: deque[Future[list[Encoded]]] = deque()
        try:
            for chunk in chunks:
                waiting.append(pool.submit(_encode_chunk, chunk, settings))
                if len(waiting) >= 4 * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _encode_chunk(sources: Sequence[Source], settings: ShardSettings) -> list[Encoded]:
    return [encode(source, settings) for source in sources]
