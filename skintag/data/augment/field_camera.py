"""Field conditions of the camera: out of focus, shaken, a noisy sensor, a much compressed file.

Lengths are fractions of the picture's shorter side, so that any resolution looks alike. Why albumentations'
transforms are not used stands with each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from skintag.data.augment.condition import (
    Condition,
    Counts,
    Image,
    Range,
    Within,
    pick,
    pick_count,
    side_of,
)

_LEVELS = np.linspace(0.0, 1.0, 256)
_STRIP = 30_000  # values of noise made at a time


@dataclass(frozen=True)
class Defocus(Condition):
    """A lens that focused elsewhere: each point spread over a disc.

    Own code: albumentations takes whole pixels only, and costs twenty times as much for a wide disc.
    """

    radius: Annotated[Range, Within(0.0, 0.1)]
    """Radius of the disc (circle of confusion)."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The blurred picture, same size."""
        radius, (height, width) = pick(rng, self.radius) * side_of(image), image.shape[:2]
        shrink = math.ceil(radius / 4)
        if shrink < 2:
            return cv2.filter2D(image, -1, _disc(radius), borderType=cv2.BORDER_REFLECT_101)
        # a wide blur leaves nothing that a coarser grid cannot hold
        small = cv2.resize(image, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        blurred = cv2.filter2D(small, -1, _disc(radius / shrink), borderType=cv2.BORDER_REFLECT_101)
        return cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)


def _disc(radius: float) -> NDArray[np.float32]:
    """A disc of any radius as a kernel [k, k] summing to 1; pixels on the rim count in part."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(radius + 0.5 - np.hypot(y, x), 0.0, 1.0)
    return (kernel / kernel.sum()).astype(np.float32)


@dataclass(frozen=True)
class MotionBlur(Condition):
    """A hand that moved while the shutter was open: the picture smeared along a line of any direction.

    Own code: albumentations counts in whole pixels, and from 13 on its kernels are so large that OpenCV
    convolves by Fourier transform, at many times the cost. Half a smear at a time stays well below that.
    """

    length: Annotated[Range, Within(0.0, 0.2)]
    """Length of the smear."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The smeared picture; a smear is at least two pixels long."""
        half = max(pick(rng, self.length) * side_of(image), 2.0) / 2
        angle = rng.uniform(0, np.pi)
        there = _smear(image, half * np.cos(angle), half * np.sin(angle))
        back = _smear(image, -half * np.cos(angle), -half * np.sin(angle))
        return cv2.addWeighted(there, 0.5, back, 0.5, 0.0)


def _smear(image: Image, dx: float, dy: float) -> Image:
    """The mean of the picture over shifts from none to (dx, dy) pixels."""
    shifts = np.rint(np.linspace(0.0, 1.0, 64)[:, None] * (dx, dy)).astype(int)
    corner = shifts.min(axis=0)
    columns, rows = (shifts - corner).T
    kernel = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.float32)
    np.add.at(kernel, (rows, columns), 1 / len(shifts))
    anchor = (int(-corner[0]), int(-corner[1]))
    return cv2.filter2D(image, -1, kernel, anchor=anchor, borderType=cv2.BORDER_REFLECT_101)


@dataclass(frozen=True)
class SensorNoise(Condition):
    """Noise of a small sensor: a constant part and one that grows with the light (Foi et al. 2008, eq. 1-2).

    Own code: albumentations has either the constant part, or a Poisson model that takes twenty times as long.
    """

    read: Annotated[Range, Within(0.0, 0.5)]
    """Standard deviation of the constant part, 1.0 being white."""
    shot: Annotated[Range, Within(0.0, 0.5)]
    """Standard deviation that photon noise adds at white; in between it grows with the square root."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The noisy picture, rounded and clipped."""
        read, shot = pick(rng, self.read), pick(rng, self.shot)
        spread = (255 * np.sqrt(read**2 + shot**2 * _LEVELS)).astype(np.float32)
        out = np.empty_like(image)
        # OpenCV's generator, of which each thread has its own, takes a fourth of numpy's time
        cv2.setRNGSeed(int(rng.integers(2**31)))
        # strip by strip, for fresh memory for whole pictures of floats costs more than the arithmetic
        rows = max(1, _STRIP // image[0].size)
        for top in range(0, image.shape[0], rows):
            part = image[top : top + rows]
            noise = np.empty((len(part), part[0].size), dtype=np.float32)
            cv2.randn(noise, np.zeros(1), np.ones(1))
            noise = noise.reshape(part.shape)
            cv2.multiply(noise, cv2.LUT(part, spread), dst=noise)
            cv2.add(part, noise, dst=out[top : top + rows], dtype=cv2.CV_8U)
        return out


@dataclass(frozen=True)
class Compression(Condition):
    """JPEG as messengers and upload forms write it.

    Own code: albumentations encodes RGB as if it were BGR, so that red, which skin is made of, is quantised
    as coarsely as blue.
    """

    quality: Annotated[Counts, Within(1, 100)]
    """JPEG quality; lower is worse."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture after one round through JPEG with halved chroma."""
        data = simplejpeg.encode_jpeg(
            np.ascontiguousarray(image), quality=pick_count(rng, self.quality), colorsubsampling="420"
        )
        return simplejpeg.decode_jpeg(data)
