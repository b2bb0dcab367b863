"""The map that lays one picture over another, from the keypoints that they share, and whether they are then one."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.catalog.keypoints import Records
from skintag.data.catalog.likeness import Prepared, evidence, prepare_square

MATCHES: Final = 6
"""Keypoints that have to lie on one map."""
SIMILAR: Final = 34
"""Bits of 128 in which keypoints that are fitted differ at most, where each is the other's nearest in its image,"""
RATIO: Final = 0.8
"""and the nearest is at most so far as the second (Lowe 2004)."""

_AWAY: Final = 4.0  # pixels from the map
_MAX_ZOOM, _MAX_STRETCH = 3.0, 1.6
_CLEAR: Final = 0.99  # of a pixel that the other picture covers


def fit(first: Records, second: Records) -> NDArray[np.float64] | None:
    """The affine map from the first to the second that `MATCHES` of their keypoints lie on; None where there is none.

    None as well where it enlarges by more than 3 or stretches by more than 1.6, or is a mirror image.
    """
    if min(len(first), len(second)) < MATCHES:
        return None
    mine, others = (np.ascontiguousarray(r["code"]).view(np.uint64) for r in (first, second))
    # bits, not products: a matrix product would set threads of its own against those that compare pairs
    apart = sum(np.bitwise_count(mine[:, None, half] ^ others[None, :, half]) for half in range(2))
    theirs = apart.argmin(axis=1)
    mutual = apart.argmin(axis=0)[theirs] == np.arange(len(first))
    least, next_least = np.partition(apart, 1, axis=1)[:, :2].T
    sure = mutual & (least <= SIMILAR) & (least <= RATIO * next_least)
    if sure.sum() < MATCHES:
        return None
    here, there = (
        np.stack([r["x"], r["y"]], 1).astype(np.float32) for r in (first[sure], second[theirs[sure]])
    )
    warp, inliers = cv2.estimateAffine2D(here, there, ransacReprojThreshold=_AWAY, maxIters=500)
    if warp is None or inliers.sum() < MATCHES:
        return None
    long, short = np.linalg.svd(warp[:, :2])[1]
    mild = long <= _MAX_ZOOM and short >= 1 / _MAX_ZOOM and long <= _MAX_STRETCH * short
    return np.asarray(warp) if mild and np.linalg.det(warp[:, :2]) > 0 else None


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
