"""Whether two pictures are one: SIFT matches on one affine map, then the pixels laid over each other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
KEYPOINTS, LEAST = 300, 8
PART, RADIUS = 20, 5.0
"""Side of the parts that are compared and radius of the surroundings of a pixel, pixels of 256."""
WORTH_ALIGNING = 0.25
"""Agreeing parts under the matches' own map from which it is refined."""


@dataclass(frozen=True, eq=False)
class Layout:
    """What is compared of one picture."""

    grey: Floats
    """[h, w]."""
    points: Floats
    """[k, 2], x and y of the strongest SIFT keypoints."""
    descriptors: Floats
    """[k, 128], of norm 1: RootSIFT (Arandjelovic and Zisserman, 2012)."""

    @classmethod
    def of(cls, picture: NDArray[np.uint8]) -> Layout:
        """Of RGB uint8 [h, w, 3]."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        points, found = cv2.SIFT_create(0, 3, 0.01, 15).detectAndCompute(grey, None)
        if found is None:
            return cls(grey.astype(np.float32), np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
        order = np.argsort([-point.response for point in points], kind="stable")[:KEYPOINTS]
        places = np.array([points[k].pt for k in order], np.float32)
        root = np.sqrt(found[order] / (found[order].sum(1, keepdims=True) + 1e-9))
        return cls(grey.astype(np.float32), places, root.astype(np.float32))


@dataclass(frozen=True)
class Fit:
    """How far the second picture, laid over the first, agrees with it."""

    matches: int = 0
    """SIFT matches on one map; 0 where fewer than `LEAST` are."""
    overlap: float = 0.0
    """Share of the first picture that the second covers."""
    parts: int = 0
    """Parts of the overlap with something to see."""
    agreeing: float = 0.0
    """Share of them whose local contrast correlates by more than 0.5."""


def agreement(first: Layout, second: Layout) -> Fit:
    """Fit the second to the first."""
    if min(len(first.points), len(second.points)) < LEAST:
        return Fit()
    likeness = first.descriptors @ second.descriptors.T
    mine, theirs = likeness.argmax(1), likeness.argmax(0)
    best = np.partition(likeness, -2, axis=1)[:, -2:]
    mutual = theirs[mine] == np.arange(len(mine))
    sure = mutual & (best[:, 1] > 0.75) & (1 - best[:, 1] < 0.64 * (1 - best[:, 0]) + 1e-6)
    if sure.sum() < LEAST:
        return Fit()
    here, there = first.points[sure], second.points[mine[sure]]
    warp, inliers = cv2.estimateAffine2D(here, there, ransacReprojThreshold=4, maxIters=500)
    if warp is None or inliers.sum() < LEAST:
        return Fit()
    long, short = np.linalg.svd(warp[:, :2])[1]
    if long > 2.5 or short < 0.4 or long > 1.5 * short:
        return Fit()
    return _compared(first.grey, second.grey, warp, int(inliers.sum()))


def _compared(first: Floats, second: Floats, warp: NDArray[np.float64], matches: int) -> Fit:
    guess = warp.astype(np.float32)
    fits = [parts_that_agree(first, second, guess)]
    if fits[0][2] >= WORTH_ALIGNING:
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 15, 1e-3)
        try:
            _, fine = cv2.findTransformECC(
                contrast(first), contrast(second), guess.copy(), cv2.MOTION_AFFINE, criteria, None, 5
            )
            fits.append(parts_that_agree(first, second, np.asarray(fine, np.float32)))
        except cv2.error:  # it does not settle: the matches' own map is kept
            pass
    overlap, parts, agreeing = max(fits, key=lambda fit: fit[2])
    return Fit(matches, overlap, parts, agreeing)


def parts_that_agree(first: Floats, second: Floats, warp: Floats) -> tuple[float, int, float]:
    """Share of the first that the second covers, parts with something to see, and the share of them that agree."""
    size, flags = (first.shape[1], first.shape[0]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(second, warp, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(np.ones_like(second), warp, size, flags=flags)
    a, b = contrast(first), contrast(np.asarray(moved, np.float32))
    whole = cv2.boxFilter(np.asarray(seen, np.float32), -1, (PART, PART), borderType=cv2.BORDER_CONSTANT)
    at = (slice(PART // 2, None, PART // 2), slice(PART // 2, None, PART // 2))
    ab, aa, bb = (_mean(x)[at] for x in (a * b, a * a, b * b))
    clear = (whole[at] > 0.99) & (aa > 0.1) & (bb > 0.1)
    if not clear.any():
        return float(np.mean(seen > 0.99)), 0, 0.0
    r = ab[clear] / np.sqrt(aa[clear] * bb[clear])
    return float(np.mean(seen > 0.99)), int(clear.sum()), float(np.mean(r > 0.5))


def _mean(x: Floats) -> Floats:
    return np.asarray(cv2.boxFilter(x, -1, (PART, PART)), np.float32)


def contrast(grey: Floats) -> Floats:
    """Grey minus the mean around it, over the spread around it."""
    rest = grey - cv2.GaussianBlur(grey, (0, 0), RADIUS)
    return np.asarray(rest / (np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), RADIUS)) + 4.0), np.float32)
