"""How alike two pictures are: a small fingerprint to search with, and a comparison that aligns them first.

Both look at local contrast only: grey values minus the mean around them, divided by the spread around them.
Brightness, contrast and colour casts drop out, and so does what makes all dermoscopic photographs alike: the
smooth fall of light, and the dark frame around a round field of view, which is masked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

SIDE: Final = 48
"""Thumbnails are uint8 [SIDE, SIDE]: grey, stretched to a square."""
FREQUENCIES: Final = 16
"""Descriptors hold the lowest FREQUENCIES x FREQUENCIES cosine coefficients of the local contrast."""

# in pixels of a thumbnail: the radius of the surroundings of a pixel,
COARSE: Final = 3.0  # for the search,
_ALIGN: Final = 2.25  # for the alignment
_FINE: Final = 1.5  # and for the comparison
_FLOOR: Final = 4.0  # grey levels: less spread than that counts as noise
_DARK: Final = 0.35  # of the bright parts' grey value: darker areas that touch the border are frame
_PAPER: Final = 240  # grey level from which a line along the border is the page around a photograph
# how far a copy is moved (of the side), enlarged, stretched in one direction more than in the other, turned
_MAX_SHIFT, _MAX_ZOOM, _MAX_STRETCH, _MAX_TURN = 0.25, 1.45, 1.4, 8.0
_MIN_FIELD: Final = 0.12  # share of a picture that must be left to compare
_AGREES: Final = 0.25  # correlation of a part from which it agrees
_MIN_PARTS: Final = 0.7  # share of the parts that must agree
_STOP: Final = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)

Pixels = NDArray[np.float32]


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB uint8 [H, W, 3] to grey uint8 [SIDE, SIDE], averaged by area."""
    return grey_square(image, SIDE)


def grey_square(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """RGB uint8 [H, W, 3] to grey uint8 [side, side], averaged by area."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = min(grey.shape) < side
    return np.asarray(
        cv2.resize(grey, (side, side), interpolation=cv2.INTER_LINEAR if small else cv2.INTER_AREA), np.uint8
    )


def perceptual_hash(image: NDArray[np.uint8]) -> str:
    """64-bit DCT hash of RGB uint8 [H, W, 3], 16 hex digits: bit by bit what `imagehash.phash` writes,
    but for the resampling to 32 x 32 (by area here). For people and other tools; SkinTag does not compare it.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float64)
    low = dctn(small)[:8, :8]
    return np.packbits(low > np.median(low)).tobytes().hex()


def describe(thumb: NDArray[np.uint8]) -> Pixels:
    """Descriptor of a thumbnail: float32 [FREQUENCIES, FREQUENCIES] of norm 1, or zeros where it is blank.

    The scalar product of two descriptors is the correlation of the two pictures' coarse local contrast.
    A mirrored picture's descriptor changes sign at the odd frequencies along that axis; a transposed one's is
    transposed.
    """
    contrast = local_contrast(thumb.astype(np.float32), field_of_view(thumb), COARSE)
    low = cv2.dct(contrast)[:FREQUENCIES, :FREQUENCIES]
    norm = float(np.linalg.norm(low))
    # a spread of a twentieth of what a textured picture has is noise of the encoder
    return (low / norm if norm > 0.05 * SIDE else np.zeros_like(low)).astype(np.float32)


def field_of_view(thumb: NDArray[np.uint8]) -> Pixels:
    """1.0 where a picture shows something, 0.0 on and near a frame.

    A frame is dark and reaches in from the border, or is white along whole sides.
    """
    side = len(thumb)
    smooth = cv2.GaussianBlur(thumb, (0, 0), side / 32)
    dark = (smooth < _DARK * np.percentile(smooth, 75)).astype(np.uint8)
    _, parts = cv2.connectedComponents(np.pad(dark, 1, constant_values=1), connectivity=4)
    frame = ((parts[1:-1, 1:-1] == parts[0, 0]) | _paper(thumb)).astype(np.uint8)
    if frame.mean() < 0.005:
        return np.ones(thumb.shape, np.float32)
    radius = round(side / 12)
    grown = cv2.dilate(frame, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
    return 1.0 - grown.astype(np.float32)


def _paper(thumb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """White rows and columns along the border, bool [s, s]: a photograph on a page."""
    lines = []
    for white in (thumb.min(axis=1) >= _PAPER, thumb.min(axis=0) >= _PAPER):
        lines.append(np.logical_and.accumulate(white) | np.logical_and.accumulate(white[::-1])[::-1])
    return np.asarray(lines[0][:, None] | lines[1][None, :])


@dataclass(frozen=True, eq=False)
class Prepared:
    """A thumbnail, or a larger square, with what every comparison needs of it."""

    grey: Pixels
    """Grey levels, float32 [s, s]."""
    field: Pixels
    """`field_of_view`, float32 [s, s]."""
    contrast: Pixels
    """Local contrast for the alignment, float32 [s, s]."""


@dataclass(frozen=True, eq=False)
class Match:
    """What a comparison found."""

    evidence: float = 0.0
    """See `evidence`."""
    warp: Pixels | None = None
    """The affine map that was found, from the first to the second, float32 [2, 3], in shares of the side."""


def prepare_square(square: NDArray[np.uint8], seen: NDArray[np.bool_] | None = None) -> Prepared:
    """Compute a grey square's part of `evidence` once, for any number of comparisons.

    Args:
        square: uint8 [s, s]: a thumbnail, or larger.
        seen: bool [s, s], where it shows something; everywhere but on a frame without.
    """
    grey, field = square.astype(np.float32), field_of_view(square)
    if seen is not None:
        field = field * seen
    radius = _ALIGN * np.sqrt(len(square) / SIDE)
    return Prepared(grey, field, local_contrast(grey, field, radius, 2 * _FLOOR))


def evidence(first: Prepared, second: Prepared) -> float:
    """How strongly two thumbnails speak for being one picture; 0.0: not at all.

    The second is laid over the first by an affine alignment (enhanced correlation coefficient, Evangelidis
    and Psarakis 2008), so a crop or a small rotation costs little. Then their fine local contrast is
    correlated, and the correlation r weighed by how much there is to correlate: `atanh(r) * sqrt(n)`,
    Fisher's z in units of its standard deviation, with n the number of pixels that carry the agreement
    (inverse participation ratio of the products). A small spot on plain skin agrees with any other small
    spot, but few pixels say so.

    0.0 as well where the alignment does not settle, or moves, turns or stretches the picture more than
    copying does, or leaves too little to compare; or where parts of the pictures do not agree, as those beside a
    watermark that two pictures share.
    """
    return compare(first, second).evidence


def compare(first: Prepared, second: Prepared, start: Pixels | None = None) -> Match:
    """`evidence` and the map that it was found with.

    Args:
        first, second: of one size.
        start: the map to begin with, as a comparison of smaller squares gave it; the identity without.
    """
    side = len(first.grey)
    guess = np.eye(2, 3, dtype=np.float32) if start is None else _scaled(start, side)
    mask = first.field.astype(np.uint8)
    try:
        _, found = cv2.findTransformECC(
            first.contrast, second.contrast, guess, cv2.MOTION_AFFINE, _STOP, mask, 3
        )
    except cv2.error:  # no convergence: nothing in common
        return Match()
    warp = np.asarray(found, np.float32)
    if not _is_mild(warp, side):
        return Match()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(second.grey, warp, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    seen = cv2.warpAffine(second.field, warp, (side, side), flags=flags, borderValue=0)
    both = np.float32(1.0) * ((seen > 0.99) & (first.field > 0))
    if both.mean() < _MIN_FIELD:
        return Match()
    a = local_contrast(first.grey, both, _FINE)
    b = local_contrast(np.asarray(moved, np.float32), both, _FINE)
    value = _weighed_correlation(a, b) if _agreeing_parts(a, b, both) >= _MIN_PARTS else 0.0
    return Match(value, _scaled(warp, 1 / side))


def _scaled(warp: Pixels, by: float) -> Pixels:
    return warp * np.array([1, 1, by], np.float32)


def _agreeing_parts(a: Pixels, b: Pixels, field: Pixels) -> float:
    """Share of the parts of a side / 4 within the field whose contrasts are correlated."""
    side = len(a) // 4
    means = (
        cv2.boxFilter(x, -1, (side, side), borderType=cv2.BORDER_CONSTANT)
        for x in (a * b, a * a, b * b, field)
    )
    ab, aa, bb, seen = (np.asarray(x)[side // 2 :: side // 2, side // 2 :: side // 2] for x in means)
    inside = seen > 0.5
    if not inside.any():
        return 0.0
    return float(np.mean(ab[inside] > _AGREES * np.sqrt(aa[inside] * bb[inside]) + 1e-9))


def _weighed_correlation(a: Pixels, b: Pixels) -> float:
    products = (a * b).astype(np.float64)
    norm = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    if norm == 0.0:
        return 0.0
    r = min(float(products.sum()) / norm, 0.999)
    carriers = np.abs(products).sum() ** 2 / (products**2).sum()
    return max(0.0, float(np.arctanh(r) * np.sqrt(carriers)))


def _is_mild(warp: Pixels, side: int) -> bool:
    """Whether an affine warp float32 [2, 3] of squares is one that a copy may have gone through."""
    middle = np.array([side / 2, side / 2], np.float32)
    shift = np.abs(warp[:, :2] @ middle + warp[:, 2] - middle).max()
    left, (long, short), right = np.linalg.svd(warp[:, :2])
    turn = left @ right
    degrees = abs(np.degrees(np.arctan2(turn[1, 0], turn[0, 0])))
    return bool(
        shift <= _MAX_SHIFT * side
        and long <= _MAX_ZOOM
        and short >= 1 / _MAX_ZOOM
        and long <= _MAX_STRETCH * short
        and degrees <= _MAX_TURN
        and np.linalg.det(turn) > 0
    )


def local_contrast(pixels: Pixels, field: Pixels, radius: float, floor: float = _FLOOR) -> Pixels:
    """(pixels - local mean) / (local standard deviation + floor) within `field`, 0 outside it."""
    share = _blur(field, radius) + 1e-3
    rest = (pixels - _blur(pixels * field, radius) / share) * field
    spread = np.sqrt(_blur(rest * rest, radius) / share)
    return (rest / (spread + floor) * field).astype(np.float32)


def _blur(pixels: Pixels, radius: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), radius), np.float32)
