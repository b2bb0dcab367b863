"""Basic geometry and colour: random resized crop, the square's symmetries, small rotations, colour jitter."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any

import cv2
import numpy as np

from skintag.data.augment.condition import (
    Condition,
    Image,
    Range,
    Within,
    albumentation,
    pick,
    run_albumentation,
)

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class RandomResizedCrop(Condition):
    """Part of the decoded picture, to be resized to the model's square (Szegedy et al. 2015, section 6)."""

    scale: Annotated[Range, Within(0.01, 1.0)]
    """Share of the picture's area that is kept."""
    ratio: Annotated[Range, Within(0.1, 10.0)]
    """Width over height of the crop, relative to the picture's own; drawn on a log scale."""

    def box(self, height: int, width: int, rng: np.random.Generator) -> Box:
        """`(y0, x0, h, w)` in pixels, within the picture; at least one pixel."""
        share = pick(rng, self.scale)
        stretch = math.exp(pick(rng, (math.log(self.ratio[0]), math.log(self.ratio[1])))) ** 0.5
        # relative to the picture's own shape, since the whole picture is squeezed into the same square
        h = min(max(round(height * math.sqrt(share) / stretch), 1), height)
        w = min(max(round(width * math.sqrt(share) * stretch), 1), width)
        y0, x0 = rng.integers((height - h + 1, width - w + 1))
        return int(y0), int(x0), h, w

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The crop itself, at its own size (the data set resizes)."""
        y0, x0, h, w = self.box(image.shape[0], image.shape[1], rng)
        return np.ascontiguousarray(image[y0 : y0 + h, x0 : x0 + w])


@dataclass(frozen=True)
class Symmetry(Condition):
    """Flips and quarter turns: one of the eight symmetries of the square, each equally likely.

    Own code: albumentations' D4 goes through numpy strides and takes ten times as long. A picture that is not
    square is only flipped, so that its shape stays.
    """

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture seen under one symmetry, the identity included."""
        which = int(rng.integers(8))
        if which & 4 and image.shape[0] == image.shape[1]:
            image = cv2.transpose(image)
        flip = {0: None, 1: 0, 2: 1, 3: -1}[which & 3]
        return image if flip is None else cv2.flip(image, flip)


@dataclass(frozen=True)
class Rotation(Condition):
    """A turn by a small angle; what comes in at the edges is the mirrored picture."""

    degrees: Annotated[Range, Within(-180.0, 180.0)]
    """Angle, counter-clockwise."""
    _transform: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        transform = albumentation("Rotate", limit=self.degrees, border_mode=cv2.BORDER_REFLECT_101)
        object.__setattr__(self, "_transform", transform)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The turned picture, same size."""
        return run_albumentation(self._transform, image, rng)


@dataclass(frozen=True)
class ColourJitter(Condition):
    """Brightness, contrast, saturation and hue, each moved a little, in random order."""

    brightness: Annotated[Range, Within(0.0, 4.0)]
    """Factor on all values."""
    contrast: Annotated[Range, Within(0.0, 4.0)]
    """Factor on the distance from the mean grey value."""
    saturation: Annotated[Range, Within(0.0, 4.0)]
    """Factor on the distance from each pixel's own grey value."""
    hue: Annotated[Range, Within(-0.5, 0.5)]
    """Turn of the colour circle, 1.0 being all the way round; skin bears little."""
    _transform: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        transform = albumentation(
            "ColorJitter",
            brightness=self.brightness,
            contrast=self.contrast,
            saturation=self.saturation,
            hue=self.hue,
        )
        object.__setattr__(self, "_transform", transform)

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture recoloured as a whole, a new array."""
        return run_albumentation(self._transform, image, rng)
