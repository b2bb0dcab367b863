"""Whether two pictures are one, given the map that lays one over the other."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.catalog.likeness import Prepared, evidence, prepare_square

_CLEAR: Final = 0.99  # of a pixel that the other picture covers


def overlay_evidence(
    first: NDArray[np.uint8], second: NDArray[np.uint8], warp: NDArray[np.float64], side: int
) -> float:
    """`likeness.evidence` of two grey pictures uint8 [h, w], laid over each other.

    The one that shows more is cut to what the other, the closer one, shows.

    Args:
        first, second: pictures.
        warp: affine map [2, 3] from the pixels of the first to those of the second.
        side: of the squares that are compared, pixels.
    """
    if np.linalg.det(warp[:, :2]) > 1:  # the second is the closer one
        first, second, warp = second, first, np.asarray(cv2.invertAffineTransform(warp), np.float64)
    return evidence(prepare_square(_stretched(first, side)), _over(first, second, warp, side))


def _stretched(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    how = cv2.INTER_LINEAR if min(grey.shape) < side else cv2.INTER_AREA
    return np.asarray(cv2.resize(grey, (side, side), interpolation=how), np.uint8)


def _over(
    first: NDArray[np.uint8], second: NDArray[np.uint8], warp: NDArray[np.float64], side: int
) -> Prepared:
    """The second as a square that lies over the first's."""
    steps = np.array([first.shape[1], first.shape[0]]) / side
    shares = np.diag(steps)
    linear = warp[:, :2] @ shares
    moved = np.column_stack([linear, warp[:, 2] + warp[:, :2] @ (steps - 1) / 2])
    # pixels of the second that one of the square averages over
    spread = float(np.sqrt(max(0.0, abs(np.linalg.det(linear)) - 1)))
    smooth = cv2.GaussianBlur(second, (0, 0), 0.4 * spread) if spread > 0.5 else second
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square = cv2.warpAffine(smooth, moved, (side, side), flags=flags)
    covered = cv2.warpAffine(np.ones(second.shape, np.float32), moved, (side, side), flags=flags)
    return prepare_square(np.asarray(square, np.uint8), covered > _CLEAR)
