"""The protocol's eleven distortions: what a worse camera, light or transmission does to a picture, in numbers.

They are applied at the size that the model sees, after decoding and resizing. Stored pictures range from under
a hundred pixels to several hundred; distorted before the resize, the small ones would be hit far harder, and
robustness would measure resolution. Blur and noise are stated so that they mean the same at every size, and
rotation and brightness know no size; JPEG's blocks are 8 pixels, so its quality compares models of one input
size only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Final, Self

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.core.hashing import hash_strings

Image = NDArray[np.uint8]

CLEAN: Final = "clean"
REFERENCE_SIDE: Final = 224  # pixels of the shorter side at which the spread of noise is stated
_BORDER: Final = cv2.BORDER_REFLECT_101


@dataclass(frozen=True)
class Distortion(ABC):
    """One kind of distortion at one severity: uint8 [H, W, 3] RGB in, a new array of the same kind out.

    Raises:
        ConfigError: a severity outside what the kind takes.
    """

    kind: ClassVar[str]
    """Seeds are drawn per kind, so that light and heavy are the same draw at two strengths."""
    unit: ClassVar[str]
    """What the severity counts, for the axis of a plot."""
    limits: ClassVar[tuple[float, float]]
    """The severities that make sense."""

    severity: float
    """How much, in `unit`. Farther from `neutral` is stronger."""
    neutral: ClassVar[float] = 0.0
    """The severity that changes least: nothing, but for JPEG, whose halved colour resolution even quality 100 has."""

    def __post_init__(self) -> None:
        low, high = self.limits
        if not low <= self.severity <= high:
            raise ConfigError(
                f"{self.kind}: severity {self.severity} ({self.unit}) is not in {low:g}..{high:g}"
            )

    def __call__(self, image: Image, seed: int = 0) -> Image:
        """The distorted picture; a function of picture, severity and seed.

        Raises:
            ValueError: the picture is not uint8 [H, W, 3].
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(f"expected uint8 [H, W, 3], found {image.dtype} {list(image.shape)}")
        return self._apply(np.ascontiguousarray(image), seed)

    def at(self, severity: float) -> Self:
        """The same kind at another severity."""
        return replace(self, severity=severity)

    @abstractmethod
    def _apply(self, image: Image, seed: int) -> Image:
        """As `__call__`, for a checked picture."""


class GaussianBlur(Distortion):
    """Gaussian blur; beyond the border the picture is mirrored."""

    kind = "gaussian_blur"
    unit = "sigma as a fraction of the shorter side"
    limits = (0.0, 0.2)

    def _apply(self, image: Image, seed: int) -> Image:
        sigma = self.severity * min(image.shape[:2])
        if not sigma:
            return image.copy()
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=_BORDER), np.uint8)


class Noise(Distortion):
    """White Gaussian noise on each channel, of equal strength per area of the picture.

    The spread at a pixel grows with the picture's size in pixels, so that a large picture shrunk to
    `REFERENCE_SIDE` has the stated one; else a model with a larger input would have it easier.
    """

    kind = "noise"
    unit = "standard deviation in levels of 255, at 224 px"
    limits = (0.0, 255.0)

    def _apply(self, image: Image, seed: int) -> Image:
        spread = self.severity * min(image.shape[:2]) / REFERENCE_SIDE
        noise = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
        noise *= np.float32(spread)
        noise += image
        return np.rint(noise, out=noise).clip(0, 255, out=noise).astype(np.uint8)


class Brightness(Distortion):
    """All levels times a factor, clipped at white."""

    kind = "brightness"
    unit = "factor"
    limits = (0.0, 10.0)
    neutral = 1.0

    def _apply(self, image: Image, seed: int) -> Image:
        table = np.rint(np.arange(256) * self.severity).clip(0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(image, table), np.uint8)


class JpegCompression(Distortion):
    """Encoded as a JPEG with halved colour resolution, as phones and messengers do, and decoded again."""

    kind = "jpeg"
    unit = "quality"
    limits = (1.0, 100.0)
    neutral = 100.0

    def _apply(self, image: Image, seed: int) -> Image:
        encoded = simplejpeg.encode_jpeg(image, round(self.severity), "RGB", "420", fastdct=False)
        return simplejpeg.decode_jpeg(encoded, "RGB", fastdct=False, fastupsample=False)


class Rotation(Distortion):
    """Turned about the middle, to the left or to the right by the seed; corners are filled by mirroring."""

    kind = "rotation"
    unit = "degrees"
    limits = (0.0, 180.0)

    def _apply(self, image: Image, seed: int) -> Image:
        height, width = image.shape[:2]
        angle = self.severity if np.random.default_rng(seed).random() < 0.5 else -self.severity
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
        turned = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=_BORDER)
        return np.asarray(turned, np.uint8)


class Combined(Distortion):
    """All five in the order in which they happen: turned, out of focus, too dark, noisy, compressed.

    At severity 1: 15 degrees, a blur of 0.01, a factor of 0.7, noise of 15 levels and JPEG quality 50.
    """

    kind = "combined"
    unit = "multiple of the light severities"
    limits = (0.0, 1.9)

    def _apply(self, image: Image, seed: int) -> Image:
        much = self.severity
        steps: tuple[Distortion, ...] = (
            Rotation(15 * much),
            GaussianBlur(0.01 * much),
            Brightness(1 - 0.3 * much),
            Noise(15 * much),
            JpegCompression(100 - 50 * much),
        )
        for step, own in zip(steps, np.random.SeedSequence(seed).generate_state(len(steps)), strict=True):
            image = step._apply(image, int(own))
        return image


DISTORTIONS: Final[Mapping[str, Distortion]] = MappingProxyType(
    {
        "gaussian_blur_light": GaussianBlur(0.01),
        "gaussian_blur_heavy": GaussianBlur(0.03),
        "noise_light": Noise(15),
        "noise_heavy": Noise(45),
        "brightness_dark": Brightness(0.5),
        "brightness_bright": Brightness(1.5),
        "jpeg_light": JpegCompression(50),
        "jpeg_heavy": JpegCompression(10),
        "rotation_15": Rotation(15),
        "rotation_45": Rotation(45),
        "combined": Combined(1),
    }
)
"""The protocol's eleven, in its order."""


def distortion_seeds(
    image_ids: Sequence[str] | Iterable[str], distortion: Distortion, seed: int = 0
) -> NDArray[np.uint64]:
    """One seed per image, uint64 [n]: a function of (seed, image_id, kind of distortion) alone."""
    return hash_strings(image_ids, salt=("distortion", seed, distortion.kind))
