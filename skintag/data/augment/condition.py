"""What every augmentation step shares: a probability, checked severities, and one way to call albumentations.

A step is a frozen dataclass whose severities are ranges written in `configs/augment/*.yaml`; `apply` draws
from them with the generator it is handed and keeps no state, so steps can be shared by threads and pickled.
"""

from __future__ import annotations

import copy
import os
import random
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, get_type_hints

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.core.vocabulary import DOMAINS

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its newest version on import

# uint8, which OpenCV's stubs do not promise
Image: TypeAlias = NDArray[Any]  # RGB [H, W, 3]
Mask: TypeAlias = NDArray[Any]  # [H, W], 0..255
Range: TypeAlias = tuple[float, float]
Counts: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class Within:
    """Marks a range [a, b] in a step's annotations: `low <= a <= b <= high`."""

    low: float
    """The least that a range may begin at."""
    high: float
    """The most that a range may end at."""


@dataclass(frozen=True)
class Condition:
    """One step of the pipeline: applied with probability `p` to the domains it is meant for.

    Raises:
        ConfigError: `p` is no probability, or a range does not keep within its bounds.
    """

    p: float
    """Probability that the step is applied to an image, 0..1."""

    domains: ClassVar[tuple[str, ...]] = DOMAINS

    def __post_init__(self) -> None:
        if not 0.0 <= self.p <= 1.0:
            raise ConfigError(f"{type(self).__name__}.p={self.p}: a probability lies in 0..1")
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for bounds in getattr(hint, "__metadata__", ()):
                object.__setattr__(self, name, self._checked(name, bounds, whole=hint.__origin__ == Counts))

    def _checked(self, name: str, bounds: Within, *, whole: bool) -> tuple[float, ...]:
        """The range as a plain tuple (configuration hands over lists), in bounds and in order."""
        value = getattr(self, name)
        try:
            low, high = (int(v) if whole else float(v) for v in value)
            fits = bounds.low <= low <= high <= bounds.high and (low, high) == tuple(value)
        except (TypeError, ValueError):
            fits = False
        if not fits:
            what = "whole numbers" if whole else "numbers"
            raise ConfigError(
                f"{type(self).__name__}.{name}={value!r}: expected two {what} [a, b]"
                f" with {bounds.low} <= a <= b <= {bounds.high}"
            )
        return low, high

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The changed picture as a new array; `image` uint8 [H, W, 3] is only read."""
        raise NotImplementedError


def pick(rng: np.random.Generator, values: Range) -> float:
    """A number drawn uniformly from the range."""
    low, high = values
    return low + (high - low) * rng.random()


def pick_count(rng: np.random.Generator, values: Counts) -> int:
    """A whole number drawn uniformly from the range, both ends included."""
    return int(rng.integers(values[0], values[1], endpoint=True))


def side_of(image: NDArray[Any]) -> int:
    """The shorter side in pixels, of which lengths in the configs are fractions."""
    return min(image.shape[:2])


def blend(image: Image, alpha: Mask, colour: tuple[float, float, float]) -> Image:
    """`colour` (0..255 per channel) painted over the picture where `alpha` says, 255 being opaque."""
    out = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
    cv2.multiply(image, out, dst=out, scale=1 / 255)  # in place: fresh memory costs as much as the arithmetic
    paint = cv2.transform(alpha, np.asarray(colour, dtype=np.float32).reshape(3, 1) / 255)
    return cv2.add(out, paint, dst=out)


def albumentation(name: str, **arguments: Any) -> Any:
    """The albumentations transform `name`, refusing what the library would only warn about.

    Release 2.0.8 answers an argument it does not know, or cannot use, with a warning and its own defaults.

    Raises:
        ConfigError: an unknown argument, or a value outside what the transform takes.
    """
    import albumentations  # takes seconds, and `augment=none` does without

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return getattr(albumentations, name)(**arguments, p=1.0)
        except (UserWarning, ValueError) as error:
            raise ConfigError(f"albumentations.{name}({arguments}): {error}") from error


def run_albumentation(transform: Any, image: Image, rng: np.random.Generator) -> Image:
    """Apply an albumentations transform with parameters drawn from `rng` alone.

    Its own `__call__` keeps generators and last parameters on the transform, and reseeding a Compose costs
    about as much as a transform. Here a shallow copy takes both: nothing is shared between calls.
    """
    once = copy.copy(transform)
    once.set_random_state(rng, random.Random(int(rng.integers(2**63))))
    data = {"image": image}
    params = once.update_transform_params(once.get_params(), data)
    params.update(once.get_params_dependent_on_data(params, data))
    return np.ascontiguousarray(once.apply(image, **params))
