"""Copies as they are made for atlases and web pages: a watermark, a crop, another size, JPEG again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Rng = np.random.Generator
LETTERS: Final = list("ABCDEFGHKLMNOPRSTUW")


def watermark(rng: Rng, picture: Picture) -> Picture:
    """One to three lines of half-transparent letters, up to the picture's width."""
    layer, (h, w) = picture.copy(), picture.shape[:2]
    colour = (255, 255, 255) if rng.random() < 0.7 else (20, 20, 20)
    text = "".join(rng.choice(LETTERS, int(rng.integers(5, 10)))) + ".org"
    size = w / (18.0 * len(text)) * rng.uniform(0.6, 1.0)
    font, stroke = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size * 2))
    (wide, high), _ = cv2.getTextSize(text, font, size, stroke)
    for _ in range(int(rng.integers(1, 4))):
        place = (int(rng.uniform(0, max(1, w - wide))), int(rng.uniform(high, h)))
        cv2.putText(layer, text, place, font, size, colour, stroke, cv2.LINE_AA)
    share = rng.uniform(0.35, 0.8)
    return np.asarray(cv2.addWeighted(layer, share, picture, 1 - share, 0), np.uint8)


def crop(rng: Rng, picture: Picture, keep: tuple[float, float]) -> Picture:
    """`keep` of the height and of the width, anywhere."""
    h, w = picture.shape[:2]
    top, left = rng.uniform(0, 1 - keep[0]) * h, rng.uniform(0, 1 - keep[1]) * w
    return np.ascontiguousarray(
        picture[int(top) : int(top + keep[0] * h), int(left) : int(left + keep[1] * w)]
    )


def resize(rng: Rng, picture: Picture) -> Picture:
    """To 0.7 to 1.4 of its size."""
    by = rng.uniform(0.7, 1.4)
    how = cv2.INTER_AREA if by < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=by, fy=by, interpolation=how), np.uint8)


def jpeg(rng: Rng, picture: Picture) -> Picture:
    """Encoded again with quality 50 to 90."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 91))]
    data = cv2.imencode(".jpg", picture[:, :, ::-1], quality)[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])


def colour(rng: Rng, picture: Picture) -> Picture:
    """Another gamma, gains and offset."""
    values = (picture.astype(np.float32) / 255) ** rng.uniform(0.7, 1.4)
    values = values * rng.uniform(0.8, 1.2, 3) + rng.uniform(-0.08, 0.08)
    return (np.clip(values, 0, 1) * 255).astype(np.uint8)


def turn(rng: Rng, picture: Picture) -> Picture:
    """Mirrored, or turned by quarters."""
    by = int(rng.integers(1, 8))
    turned = np.rot90(picture, by % 4)
    return np.ascontiguousarray(turned[:, ::-1] if by >= 4 else turned)


def lean(rng: Rng, picture: Picture) -> Picture:
    """Turned by 2 to 6 degrees, and enlarged so that no corner is empty."""
    h, w = picture.shape[:2]
    by = rng.uniform(2, 6) * rng.choice([-1, 1])
    warp = cv2.getRotationMatrix2D((w / 2, h / 2), by, 1.12)
    return np.asarray(cv2.warpAffine(picture, warp, (w, h), borderMode=cv2.BORDER_REFLECT), np.uint8)


def even(rng: Rng, keep: float) -> tuple[float, float]:
    """The same share of both sides."""
    return keep, keep


def uneven(rng: Rng, keep: float) -> tuple[float, float]:
    """One side's share, the other's between 60 and 85%."""
    other = rng.uniform(0.6, 0.85)
    return (keep, other) if rng.random() < 0.5 else (other, keep)


Keep = tuple[float, float]
KINDS: Final[dict[str, tuple[Callable[[Rng, float], Keep], Callable[[Rng, Picture, Keep], Picture]]]] = {
    "watermark, crop": (even, lambda r, x, k: crop(r, watermark(r, x), k)),
    "crop, watermark": (even, lambda r, x, k: watermark(r, crop(r, x, k))),
    "uneven crop, watermark": (uneven, lambda r, x, k: watermark(r, crop(r, x, k))),
    "crop, watermark, colour": (even, lambda r, x, k: colour(r, watermark(r, crop(r, x, k)))),
    "crop, watermark, turn": (even, lambda r, x, k: turn(r, watermark(r, crop(r, x, k)))),
    "watermark, lean": (even, lambda r, x, k: lean(r, watermark(r, x))),
}


def copy(rng: Rng, picture: Picture, kind: str, keep: float) -> tuple[Picture, Keep]:
    """A copy of RGB uint8 [h, w, 3], and the shares of its sides that it shows."""
    shares, change = KINDS[kind]
    kept = shares(rng, keep)
    return jpeg(rng, resize(rng, change(rng, picture, kept))), kept
