"""What lies on or around the skin in a photograph. Each function changes a float32 [H, W, 3] image in place.

Colours are gamma-encoded RGB in [0, 1] and may run over; lengths are pixels.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.synthetic.skin import smooth_noise

Image = NDArray[np.float32]

_HAIR: Final = np.array([[0.10, 0.07, 0.06], [0.22, 0.14, 0.09], [0.55, 0.45, 0.33]], np.float32)
_CLOTH: Final = np.array(
    [[0.16, 0.30, 0.48], [0.20, 0.42, 0.36], [0.86, 0.87, 0.88], [0.08, 0.08, 0.10], [0.55, 0.55, 0.56]],
    np.float32,
)


def blend(image: Image, cover: NDArray[np.float32], colour: NDArray[np.float32] | float) -> None:
    """Cover the image with a colour where `cover` [H, W] is 1."""
    if not cover.any():
        return
    image += cover[..., None] * (np.asarray(colour, np.float32) - image)


def add_hairs(image: Image, rng: np.random.Generator, mean: float) -> None:
    """A negative-binomial number of thin curved hairs with this mean: most pictures have few, some many."""
    height, width = image.shape[:2]
    count = int(rng.poisson(mean * rng.gamma(0.7, 1 / 0.7)))
    if not count:
        return
    length = min(height, width)
    start = rng.uniform(-0.1, 1.1, (count, 1, 2)) * [width, height]
    heading = rng.normal(rng.uniform(0, 2 * np.pi), 0.6, (count, 1)) + np.linspace(0, 1, 9) * rng.normal(
        0, 0.7, (count, 1)
    )
    step = (
        np.stack([np.cos(heading), np.sin(heading)], axis=-1)
        * length
        * rng.uniform(0.03, 0.09, (count, 1, 1))
    )
    paths = np.rint((start + np.cumsum(step, axis=1)) * 8).astype(np.int32)  # 3 fractional bits
    canvas = np.zeros((height, width), np.uint8)
    thickness = max(1, round(length / 220))
    for path in paths:
        cv2.polylines(canvas, [path], False, 210, thickness, cv2.LINE_AA, 3)
    blend(image, canvas.astype(np.float32) / 255.0, _HAIR[rng.choice(3, p=[0.55, 0.35, 0.10])])


def add_bubbles(image: Image, rng: np.random.Generator) -> None:
    """A few air bubbles in the gel: bright rims with a dark inner edge."""
    height, width = image.shape[:2]
    bright, dark = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(2, 9))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        radius = max(2, int(min(height, width) * rng.uniform(0.01, 0.05)))
        cv2.circle(bright, centre, radius, 150, 1, cv2.LINE_AA)
        cv2.circle(dark, centre, max(1, radius - 1), 70, 1, cv2.LINE_AA)
        cv2.circle(
            bright,
            (centre[0] - radius // 3, centre[1] - radius // 3),
            max(1, radius // 4),
            220,
            -1,
            cv2.LINE_AA,
        )
    blend(image, dark.astype(np.float32) / 255.0, 0.25)
    blend(image, bright.astype(np.float32) / 255.0, 0.97)


def add_ruler(image: Image, rng: np.random.Generator, pixels_per_mm: float) -> None:
    """Millimetre ticks, each fifth one longer, along one side of the picture."""
    height, width = image.shape[:2]
    short = min(height, width)
    pitch = float(np.clip(pixels_per_mm, short * 0.02, short * 0.07))
    along = np.arange(rng.uniform(0, pitch), max(height, width), pitch)
    long_tick = np.arange(along.size) % 5 == 0
    upright, far = rng.random() < 0.35, rng.random() < 0.7
    edge = short * (rng.uniform(0.86, 0.94) if far else rng.uniform(0.06, 0.14))
    reach = np.where(long_tick, 0.085, 0.05) * short * (-1 if far else 1)
    canvas = np.zeros((height, width), np.uint8)
    thickness = max(1, round(short / 150))
    for position, tick in zip(along, reach, strict=True):
        ends = [(position, edge), (position, edge + tick)]
        a, b = ((round(y), round(x)) if upright else (round(x), round(y)) for x, y in ends)
        cv2.line(canvas, a, b, 235, thickness, cv2.LINE_AA)
    blend(image, canvas.astype(np.float32) / 255.0, np.array([0.06, 0.06, 0.08], np.float32))


def add_marker(image: Image, rng: np.random.Generator, centre: tuple[float, float], radius: float) -> None:
    """A ring or a few strokes of a surgeon's pen around the lesion."""
    canvas = np.zeros(image.shape[:2], np.uint8)
    theta = np.linspace(0, rng.uniform(3.5, 6.6), 40) + rng.uniform(0, 6.3)
    wobble = radius * rng.uniform(1.25, 1.7) * (1 + 0.08 * np.sin(3 * theta + rng.uniform(0, 6)))
    ring = np.stack([centre[0] + wobble * np.cos(theta), centre[1] + wobble * np.sin(theta)], axis=-1)
    thickness = max(1, round(min(image.shape[:2]) / 75))
    cv2.polylines(canvas, [np.rint(ring).astype(np.int32)], False, 170, thickness, cv2.LINE_AA)
    blend(image, canvas.astype(np.float32) / 255.0, np.array([0.22, 0.18, 0.42], np.float32))


def add_background(
    image: Image, rng: np.random.Generator, centre: tuple[float, float], radius: float, chance: float
) -> None:
    """The body part ends on one side and cloth or wall is seen; the skin darkens as it curves away."""
    angle, seen = rng.uniform(0, 2 * np.pi), rng.random() < chance
    if not seen:
        return
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    away = (x - centre[0]) * cos + (y - centre[1]) * sin
    sideways = (y - centre[1]) * cos - (x - centre[0]) * sin
    short = min(height, width)
    edge = max(radius * 1.25, short * rng.uniform(0.25, 0.5))
    depth = away + sideways**2 * np.float32(rng.uniform(-0.1, 0.45) / short) - np.float32(edge)
    image *= (1.0 - 0.45 * np.exp(np.minimum(depth, 0) / (0.12 * short)))[..., None]
    cloth = _CLOTH[rng.integers(len(_CLOTH))] * rng.uniform(0.75, 1.1)
    weave = 1.0 + 0.06 * smooth_noise(rng, (max(2, height // 3), max(2, width // 3)), (height, width))
    cover = np.clip(depth / 2.0 + 0.5, 0, 1)[..., None]
    image += cover * (cloth.astype(np.float32) * weave[..., None] - image)


def add_moles(density: NDArray[np.float32], rng: np.random.Generator, mean: float) -> None:
    """Other small spots on the skin around, added to a melanin density [H, W] in place."""
    height, width = density.shape
    canvas = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.poisson(mean * rng.gamma(0.8, 1 / 0.8)))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        radius = max(1, int(min(height, width) * rng.uniform(0.004, 0.016)))
        cv2.circle(canvas, centre, radius, int(rng.uniform(60, 255)), -1, cv2.LINE_AA)
    density += cv2.GaussianBlur(canvas, (0, 0), 0.8).astype(np.float32) * np.float32(0.7 / 255)


def darken_surround(image: Image, rng: np.random.Generator, corners: float, circle: bool) -> None:
    """Fall-off towards the corners and, with `circle`, the black surround of a dermoscope."""
    height, width = image.shape[:2]
    y = np.linspace(-height, height, height, dtype=np.float32)[:, None] / min(height, width)
    x = np.linspace(-width, width, width, dtype=np.float32)[None, :] / min(height, width)
    shift = rng.normal(0, 0.03, 2).astype(np.float32)
    radius = np.hypot(x - shift[0], y - shift[1])
    image *= np.clip(1.0 - corners * radius**2 * 0.55, 0.05, 1.0)[..., None]
    reach, soft = rng.uniform(0.80, 1.06), rng.uniform(0.015, 0.06)
    if circle:
        image *= np.clip((np.float32(reach) - radius) / np.float32(soft) + 0.5, 0.015, 1.0)[..., None]
