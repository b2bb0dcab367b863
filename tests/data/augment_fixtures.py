"""Pictures for the tests of augmentation, and measures of what is done to them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.augment.condition import Condition

Image = NDArray[np.uint8]


def run(step: Condition, image: Image, seed: int = 0) -> Image:
    return step.apply(image, np.random.default_rng(seed))


def skin(side: int = 128, seed: int = 0, grain: float = 8.0) -> Image:
    """Textured skin with a dark lesion, no dark corner and no hair."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    texture = cv2.GaussianBlur(rng.normal(0, 1, (side, side)), (0, 0), 1.0) * grain * 2
    lesion = 1 / (1 + np.exp((np.hypot(x, y) - 0.18) * 40))
    image = np.array([200, 150, 125]) * (1 - 0.55 * lesion[..., None]) + texture[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def sharpness(image: Image) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def blackhat(image: Image) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, np.ones((9, 9), np.uint8)).mean())


def corners(image: Image, size: int = 8) -> float:
    quarters = (image[:size, :size], image[:size, -size:], image[-size:, :size], image[-size:, -size:])
    return float(np.mean([q.mean() for q in quarters]))
