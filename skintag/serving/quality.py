"""What is wrong with a photograph, of the pixels that the model is given of it: the browser computes the same."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

BOUNDS: Final = Path(__file__).with_name("quality.json")
"""Finding -> bound; chosen on val images by what a bound costs."""
_WHITE: Final = 250_000
"""Thousandths of a grey level, from which a pixel counts as blown out."""


@cache
def bounds() -> dict[str, float]:
    """The bounds of `quality.json`."""
    return {name: float(value) for name, value in json.loads(BOUNDS.read_text(encoding="utf-8")).items()}


def grey(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    """299 R + 587 G + 114 B, thousandths of a grey level, int32 [H, W]: whole numbers are the same everywhere."""
    red, green, blue = (pixels[..., i].astype(np.int32) for i in range(3))
    return 299 * red + 587 * green + 114 * blue


def sharpness(levels: NDArray[np.int32]) -> float:
    """Variance of the Laplacian of four neighbours inside the border, squared grey levels; 0 below 3 x 3 pixels.

    Args:
        levels: as `grey` gives them, int32 [H, W].
    """
    if min(levels.shape) < 3:
        return 0.0
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    values = (around - 4 * levels[1:-1, 1:-1]).astype(np.float64)
    mean = values.sum() / values.size
    np.multiply(
        values, values, out=values
    )  # no dot product: threads of its own would fight with those that decode
    return float(values.sum() / values.size - mean * mean) / 1e6


def measures(pixels: NDArray[np.uint8], shorter_side: int) -> dict[str, float]:
    """What each finding goes by: sharpness, mean grey level, share of blown-out pixels, pixels of the shorter side.

    Args:
        pixels: that the model is given, uint8 [S, S, 3] RGB.
        shorter_side: of the part of the photograph that they were made from, pixels.
    """
    levels = grey(pixels)
    return {
        "blurred": sharpness(levels),
        "underexposed": float(levels.mean(dtype=np.float64)) / 1000,
        "overexposed": float(np.count_nonzero(levels >= _WHITE)) / levels.size,
        "small": float(shorter_side),
    }


def findings(pixels: NDArray[np.uint8], shorter_side: int) -> list[dict[str, str | float]]:
    """What is wrong, each with what was measured and the bound; empty where all is well. Arguments as `measures`."""
    limits = bounds()
    return [
        {"finding": name, "value": value, "bound": limits[name]}
        for name, value in measures(pixels, shorter_side).items()
        if (value > limits[name] if name == "overexposed" else value < limits[name])
    ]
