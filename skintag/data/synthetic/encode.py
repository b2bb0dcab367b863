"""A drawn photograph as the bytes of its file, in the format that the dataset's publisher uses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from skintag.data.synthetic.scene import Photo, draw_photo
from skintag.data.synthetic.styles import style_of

_PNG_LEVEL = 2  # beyond it the files hardly shrink and take several times as long


@dataclass(frozen=True)
class Job:
    """One photograph to draw, and the file it goes into."""

    photo: Photo
    """What is on it."""
    path: str
    """Where, ".jpg" or ".png"."""
    copy_seed: int | None = None
    """Not None: a near-duplicate, the same picture cropped, resized and compressed anew."""


def write_photo(job: Job) -> None:
    """Draw and write one file; its bytes are a pure function of the job's photo and copy seed."""
    image, photo = draw_photo(job.photo), job.photo
    quality = style_of(photo.dataset, photo.domain_gap).quality
    if job.copy_seed is not None:
        image, quality = _copied(image, quality, np.random.default_rng(job.copy_seed))
    jpeg = _encoded(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, round(quality)]
    )
    if job.path.endswith(".jpg"):
        Path(job.path).write_bytes(jpeg)
        return
    # the camera behind a PNG made a JPEG first
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    if photo.dataset == "pad_ufes_20":  # published with an opaque alpha channel
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2BGRA)
    Path(job.path).write_bytes(_encoded(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL]))


def write_photos(jobs: list[Job]) -> int:
    """Write several files; returns how many."""
    for job in jobs:
        write_photo(job)
    return len(jobs)


def one_thread() -> None:
    """Prepare a worker process: the pool already uses every core."""
    cv2.setNumThreads(0)


def _copied(
    image: NDArray[np.uint8], quality: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], float]:
    height, width = image.shape[:2]
    top, bottom, left, right = rng.uniform(0, 0.012, 4)
    kept = image[
        round(top * height) : height - round(bottom * height),
        round(left * width) : width - round(right * width),
    ]
    zoom = rng.uniform(0.75, 1.0)
    resized = cv2.resize(kept, (round(width * zoom), round(height * zoom)), interpolation=cv2.INTER_AREA)
    brighter = cv2.convertScaleAbs(resized, alpha=float(rng.uniform(0.96, 1.04)))
    return np.asarray(brighter, np.uint8), quality - float(rng.uniform(0, 15))


def _encoded(suffix: str, image: MatLike, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, image, options)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a {image.shape} image as {suffix}")
    return data.tobytes()
