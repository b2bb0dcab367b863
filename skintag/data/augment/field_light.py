"""Field conditions of the light: shadow, glare, under- and overexposure, a wrong white balance.

Lengths are fractions of the picture's shorter side. Where albumentations has the right model it is used;
where not, the docstring says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.augment.condition import (
    Condition,
    Counts,
    Image,
    Mask,
    Range,
    Within,
    albumentation,
    blend,
    pick,
    pick_count,
    run_albumentation,
    side_of,
)

_LEVELS = np.linspace(0.0, 1.0, 256)
_COARSE = 64  # shadow and glare are smooth: they are drawn on a grid this fine and enlarged


@dataclass(frozen=True)
class Shadow(Condition):
    """The shadow of a hand or a phone falling over part of the picture, with a wavy, blurred edge.

    Own code: albumentations' shadows are polygons with hard edges.
    """

    strength: Annotated[Range, Within(0.0, 1.0)]
    """Share of the coded value that is lost in the full shadow."""
    softness: Annotated[Range, Within(0.005, 1.0)]
    """Width of the edge."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture, darker on one side of the edge, there a little bluer: the sky still lights it."""
        y, x = _grid()
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        bend, waves, phase = rng.uniform(-0.8, 0.8), rng.uniform(2, 9), rng.uniform(0, 2 * np.pi)
        edge = across - offset - bend * along**2 - 0.04 * np.sin(waves * along + phase)
        shade = 1.0 / (1.0 + np.exp(np.clip(-edge * 4 / pick(rng, self.softness), -50, 50)))
        lost = pick(rng, self.strength) * np.array([1.0, 0.97, 0.92])
        light = (255 * (1.0 - shade[..., None] * lost)).astype(np.uint8)
        return cv2.multiply(image, _enlarge(light, image), scale=1 / 255)


@dataclass(frozen=True)
class Glare(Condition):
    """Flash or lamp mirrored in moist skin: washed-out patches that follow the skin's relief.

    Own code: albumentations draws the flare of a sun in the frame.
    """

    count: Annotated[Counts, Within(1, 50)]
    """Number of highlights."""
    radius: Annotated[Range, Within(0.0, 1.0)]
    """Size of a highlight (standard deviation along its longer axis)."""
    strength: Annotated[Range, Within(0.0, 3.0)]
    """Opacity at the centre; above 1 the core is clipped to white."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture under white patches."""
        y, x = _grid()
        n = pick_count(rng, self.count)
        cx, cy, angle = rng.uniform(-0.5, 0.5, n), rng.uniform(-0.5, 0.5, n), rng.uniform(0, np.pi, n)
        longer = np.maximum(rng.uniform(*self.radius, n), 1 / _COARSE)
        shorter = np.maximum(longer * rng.uniform(0.35, 1.0, n), 1 / _COARSE)
        dx, dy = x[..., None] - cx, y[..., None] - cy
        u, v = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        spots = np.exp(-0.5 * ((u / longer) ** 2 + (v / shorter) ** 2)).max(axis=-1) * pick(
            rng, self.strength
        )
        shine = _enlarge((255 * np.minimum(spots, 1.0)).astype(np.uint8), image)
        return blend(image, cv2.add(shine, _relief(image, shine), dtype=cv2.CV_8U), (255, 253, 248))


def _relief(image: Image, shine: Mask) -> NDArray[Any]:
    """What shine gains on ridges and loses in grooves, told apart by brightness against the surroundings."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    reach = 2 * max(1, side_of(image) // 100) + 1
    raised = cv2.subtract(grey, cv2.blur(grey, (reach, reach)), dtype=cv2.CV_16S)
    return cv2.multiply(raised, shine, scale=0.03, dtype=cv2.CV_16S)


@dataclass(frozen=True)
class Lighting(Condition):
    """Too little or too much light, and another tone curve.

    Own code: exposure multiplies the light, not the gamma-coded values that albumentations' brightness moves.
    """

    stops: Annotated[Range, Within(-5.0, 5.0)]
    """Exposure: each stop doubles the light."""
    gamma: Annotated[Range, Within(0.2, 5.0)]
    """Exponent on the coded values; above 1 darkens the middle tones."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture through one tone curve; what exceeds white is clipped, as on a sensor."""
        gain = 2.0 ** (pick(rng, self.stops) / 2.2)  # 2.2: the exponent by which sRGB codes light, nearly
        curve = np.minimum(_LEVELS * gain, 1.0) ** pick(rng, self.gamma)
        return cv2.LUT(image, np.round(255 * curve).astype(np.uint8))


@dataclass(frozen=True)
class ColourCast(Condition):
    """A white balance that took the light for warmer or colder (Planckian jitter, Zini et al. 2023)."""

    kelvin: Annotated[Range, Within(3000.0, 15000.0)]
    """Colour temperature of the light; 6000 has to lie within. Lower is redder, higher bluer."""
    _transform: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        limit = (int(self.kelvin[0]), int(self.kelvin[1]))
        transform = albumentation(
            "PlanckianJitter", mode="blackbody", temperature_limit=limit, sampling_method="uniform"
        )
        object.__setattr__(self, "_transform", transform)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The tinted picture; green stays, red and blue move against each other."""
        return run_albumentation(self._transform, image, rng)


@lru_cache(maxsize=1)
def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row and column coordinates [_COARSE, _COARSE] of the coarse grid, from -0.5 to 0.5."""
    axis = (np.arange(_COARSE) + 0.5) / _COARSE - 0.5
    y, x = np.meshgrid(axis, axis, indexing="ij")
    return y, x


def _enlarge(coarse: NDArray[np.uint8], image: Image) -> NDArray[Any]:
    return cv2.resize(coarse, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
