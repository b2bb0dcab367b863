"""The augmentation of a run: its steps in the order in which instrument, light, lens, sensor and file act."""

from __future__ import annotations

import dataclasses
import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skintag.core.errors import ConfigError, near_matches
from skintag.core.hashing import hash_strings
from skintag.core.vocabulary import DOMAINS
from skintag.data.augment.basic import Box, RandomResizedCrop
from skintag.data.augment.condition import Condition, Image

_64_BITS = 2**64 - 1


@dataclass(frozen=True)
class Augmentation:
    """Everything that may happen to a training picture, in this order; a step that is None never does.

    The result is a function of (image, domain, seed) alone: each step decides and draws with numbers derived
    from the seed and the step's name. Hence switching a step off, or changing its `p`, leaves the decisions
    and draws of all others as they were, and ablations are paired. Nothing is kept between calls: one object
    may serve threads, and worker processes get it pickled.
    """

    resized_crop: RandomResizedCrop | None = None
    """Which part of the decoded picture is used; see `crop`."""
    corner_removal: Condition | None = None
    """Dark corners taken out of dermoscopic pictures."""
    hair_removal: Condition | None = None
    """Hairs taken out of dermoscopic pictures."""
    hairs: Condition | None = None
    """Hairs drawn on clinical and smartphone pictures."""
    bubbles: Condition | None = None
    """Gel bubbles drawn on clinical and smartphone pictures."""
    ruler: Condition | None = None
    """Ruler ticks drawn on clinical and smartphone pictures."""
    vignette: Condition | None = None
    """Dark corners drawn on clinical and smartphone pictures."""
    symmetry: Condition | None = None
    """Flips and quarter turns."""
    rotation: Condition | None = None
    """A turn by a small angle."""
    colour_jitter: Condition | None = None
    """Small changes of brightness, contrast, saturation and hue."""
    shadow: Condition | None = None
    """Field condition: a shadow over part of the picture."""
    glare: Condition | None = None
    """Field condition: a lamp mirrored in the skin."""
    lighting: Condition | None = None
    """Field condition: under- or overexposure."""
    colour_cast: Condition | None = None
    """Field condition: a wrong white balance."""
    defocus: Condition | None = None
    """Field condition: out of focus."""
    motion_blur: Condition | None = None
    """Field condition: camera shake."""
    noise: Condition | None = None
    """Field condition: sensor noise."""
    compression: Condition | None = None
    """Field condition: JPEG artefacts."""
    _salts: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = [spec.name for spec in dataclasses.fields(self) if spec.init]
        for name in names:
            if not isinstance(getattr(self, name), Condition | None):
                raise ConfigError(f"augment.{name}={getattr(self, name)!r}: expected a step or null")
        salts = dict(zip(names, map(int, hash_strings(names, salt="augment")), strict=True))
        object.__setattr__(self, "_salts", salts)

    @property
    def steps(self) -> dict[str, Condition]:
        """The steps that are there, by name and in order, `resized_crop` first."""
        present = ((name, getattr(self, name)) for name in self._salts)
        return {name: step for name, step in present if step is not None}

    @property
    def idle(self) -> bool:
        """Whether no step is ever applied, the crop included."""
        return all(step.p <= 0 for step in self.steps.values())

    def only(self, *names: str) -> Augmentation:
        """These steps alone, each applied to every picture that it is meant for.

        Raises:
            ConfigError: a step that is not there.
        """
        steps = self.steps
        for name in names:
            if name not in steps:
                raise ConfigError(f"no augmentation step {name!r}: {near_matches(name, steps)}")
        alone: dict[str, Any] = {name: dataclasses.replace(steps[name], p=1.0) for name in names}
        return Augmentation(**alone)

    def crop(self, height: int, width: int, seed: int) -> Box:
        """The part of a decoded picture to use, `(y0, x0, h, w)` in pixels; all of it without a crop."""
        rng = self._generator("resized_crop", seed)
        if rng is None or self.resized_crop is None:
            return 0, 0, height, width
        return self.resized_crop.box(height, width, rng)

    def __call__(self, image: Image, domain: str, seed: int) -> Image:
        """The augmented picture.

        Args:
            image: uint8 [H, W, 3] RGB, any size from 8 x 8; it is only read.
            domain: One of `DOMAINS`; some steps are for dermoscopic pictures or for photographs only.
            seed: Any whole number; another for every image and epoch.

        Returns:
            uint8 [H, W, 3], contiguous; the very array that was given where no step applied.

        Raises:
            ValueError: not such an array, or no such domain.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(
                f"expected an RGB image, uint8 [H, W, 3]; found {image.dtype} {list(image.shape)}"
            )
        if domain not in DOMAINS:
            raise ValueError(f"unknown domain {domain!r}: {near_matches(domain, DOMAINS)}")
        for name, step in self.steps.items():
            if name == "resized_crop" or domain not in step.domains:
                continue
            rng = self._generator(name, seed)
            if rng is not None:
                image = step.apply(image, rng)
        return image

    def _generator(self, name: str, seed: int) -> np.random.Generator | None:
        """The step's own generator for this seed; None where it is not applied."""
        step = getattr(self, name)
        if step is None or step.p <= 0.0:
            return None
        draw = _mix(_mix(operator.index(seed)) ^ self._salts[name])
        if (draw >> 11) * 2.0**-53 >= step.p:
            return None
        return np.random.Generator(np.random.PCG64(_mix(draw)))


def _mix(value: int) -> int:
    """64 bits of which each depends on all bits of `value` (SplitMix64; Steele, Lea & Flood 2014).

    Deciding whether a step applies has to cost far less than a generator: most steps do not.
    """
    value = (value + 0x9E3779B97F4A7C15) & _64_BITS
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _64_BITS
    return value ^ (value >> 31)
