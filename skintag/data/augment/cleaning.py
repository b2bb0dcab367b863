"""Bridging between domains, second half: what a dermatoscope adds is taken out of dermoscopic pictures.

Lengths are fractions of the picture's shorter side. A picture in which nothing is found comes back as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Annotated, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.augment.condition import Condition, Image, Mask, Range, Within, pick, side_of

_SEARCH = 96  # the round field is looked for in a picture shrunk to this side
_BLACK = 24  # grey level up to which anything counts as unlit


@dataclass(frozen=True)
class RoundField:
    """The lit field of a dermatoscope in a picture, in pixels: a circle, or an ellipse if squeezed."""

    x: float
    """Of its middle, from the left."""
    y: float
    """Of its middle, from the top."""
    radius: float
    """Half its width."""
    aspect: float
    """Its width over its height."""


@dataclass(frozen=True)
class CornerRemoval(Condition):
    """Dark corners replaced by skin: a small field is zoomed into, what lies outside it is mirrored in."""

    domains: ClassVar[tuple[str, ...]] = ("dermoscopic",)
    zoom_below: Annotated[Range, Within(0.0, 0.8)]
    """A field with a smaller radius than the number drawn from here is enlarged to it."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture without dark corners; the same array where no round field is found."""
        wanted = pick(rng, self.zoom_below)
        found = find_field(image)
        if found is None:
            return image
        height, width = image.shape[:2]
        smaller = min(found.radius / width, found.radius / found.aspect / height)
        zoom = min(1.0, smaller / wanted) if wanted > 0 else 1.0
        # the window that fills the output lies around the field's centre, but inside the picture
        x0 = np.clip(found.x + 0.5 - zoom * width / 2, 0, width * (1 - zoom))
        y0 = np.clip(found.y + 0.5 - zoom * height / 2, 0, height * (1 - zoom))
        dx = (x0 + zoom * (np.arange(width) + 0.5) - 0.5 - found.x).astype(np.float32)[None, :]
        dy = (y0 + zoom * (np.arange(height) + 0.5) - 0.5 - found.y).astype(np.float32)[:, None]
        distance = np.sqrt(dx * dx + np.square(dy * np.float32(found.aspect)))
        pull = np.clip((2 * found.radius - distance) / np.maximum(distance, 1e-3), 0.0, 1.0).astype(
            np.float32
        )
        map_x, map_y = np.float32(found.x) + dx * pull, np.float32(found.y) + dy * pull
        return cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def find_field(image: Image) -> RoundField | None:
    """The field inside which a dermoscopic picture is lit, or None where its corners are not dark.

    Dark regions that touch a corner are taken, an ellipse is fitted to their inner border, and it is drawn in
    to where the picture is as bright as further inside. Where dark regions do not fill the outside, or reach
    inside, they belong to a lesion: None.
    """
    scale = _SEARCH / max(image.shape[:2])
    shrunk = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(shrunk, cv2.COLOR_RGB2GRAY)
    dark = _corner_regions(grey)
    if dark is None:
        return None
    rows, columns = np.nonzero(cv2.dilate(dark, np.ones((3, 3), np.uint8)) & (1 - dark))
    field = _fit_ellipse(columns.astype(np.float64), rows.astype(np.float64))
    if field is None:
        return None
    y, x = np.ogrid[: grey.shape[0], : grey.shape[1]]
    distance = np.hypot(x - field.x, (y - field.y) * field.aspect)
    outside, inside = distance > field.radius + 1.5, distance < field.radius - 1.5
    if not outside.any() or not inside.any() or dark[outside].mean() < 0.85 or dark[inside].mean() > 0.03:
        return None
    radius = _lit_radius(grey, distance, field.radius)
    return RoundField(
        (field.x + 0.5) / scale - 0.5, (field.y + 0.5) / scale - 0.5, radius / scale, field.aspect
    )


def _corner_regions(grey: Mask) -> Mask | None:
    """Dark regions that touch a corner, as 0/1 [h, w]; None where there are none, or nothing else."""
    lit = grey[grey > _BLACK]
    if not lit.size:
        return None
    _, labels = cv2.connectedComponents(
        (grey < max(_BLACK, 0.42 * float(np.median(lit)))).astype(np.uint8), connectivity=4
    )
    corners = {int(labels[r, c]) for r in (0, -1) for c in (0, -1)} - {0}
    return np.isin(labels, list(corners)).astype(np.uint8) if corners else None


def _fit_ellipse(x: NDArray[np.float64], y: NDArray[np.float64]) -> RoundField | None:
    """Least-squares ellipse with level axes through points, fitted again without the points far off it.

    Squares are linear in x, y, 1 and y^2 (Kasa's method, 1976). Arcs too short for that give a circle.
    """
    for _ in range(2):
        if len(x) < 8:
            return None
        field = _solve(x, y, squeezed=True) or _solve(x, y, squeezed=False)
        if field is None:
            return None
        off = np.abs(np.hypot(x - field.x, (y - field.y) * field.aspect) - field.radius)
        near = off <= max(1.5, 2 * float(np.median(off)))
        x, y = x[near], y[near]
    return field


def _solve(x: NDArray[np.float64], y: NDArray[np.float64], *, squeezed: bool) -> RoundField | None:
    """One fit; None where it gives no ellipse, or one longer than a picture is ever squeezed."""
    columns = [x, y, np.ones_like(x)] + ([-(y**2)] if squeezed else [])
    right = x**2 if squeezed else x**2 + y**2
    solution = np.linalg.lstsq(np.stack(columns, axis=1), right, rcond=None)[0]
    a, b, c = solution[:3]
    squared_aspect = float(solution[3]) if squeezed else 1.0
    if not 0.3 < squared_aspect < 3.3:
        return None
    squared_radius = float(c + a**2 / 4 + b**2 / (4 * squared_aspect))
    if squared_radius <= 0:
        return None
    return RoundField(float(a / 2), float(b / (2 * squared_aspect)), squared_radius**0.5, squared_aspect**0.5)


def _lit_radius(grey: Mask, distance: NDArray[np.float64], radius: float) -> float:
    """The radius, from `radius` inwards, from which rings are nearly as bright as any further in."""
    ring = np.round(distance).astype(int)
    rings = range(int(0.7 * radius), int(radius) + 1)
    level = np.array([np.median(grey[ring == r]) if (ring == r).any() else 0.0 for r in rings])
    lit = np.flatnonzero(level >= 0.93 * level.max())
    return float(rings[int(lit[-1])]) - 0.5


@dataclass(frozen=True)
class HairRemoval(Condition):
    """Dark hairs found as long, thin, dark structures and painted over from beside them.

    After DullRazor (Lee et al. 1997): grey-scale closings with short line elements fill a hair from the
    directions that cross it. Closings with long ones, of which that along the hair leaves it dark, tell hairs
    from dots, network and lesion borders, which those fill too: what is diagnostic stays. Painted over by
    normalised averaging of the pixels around (Knutsson & Westin 1993), which costs far less than inpainting.
    """

    domains: ClassVar[tuple[str, ...]] = ("dermoscopic",)
    width: Annotated[Range, Within(0.005, 0.2)]
    """Hairs up to this wide are found."""
    length: Annotated[Range, Within(0.02, 1.0)]
    """Hairs from this long on are found; shorter structures may belong to the lesion."""
    contrast: Annotated[Range, Within(1.0, 255.0)]
    """Grey levels by which a hair is darker than the skin beside it."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture with hairs painted over; the same array where none is found."""
        side = side_of(image)
        reach = max(2, round(pick(rng, self.width) * side / 2))
        mask = find_hairs(image, reach, pick(rng, self.length) * side, pick(rng, self.contrast))
        return image if mask is None else fill(image, mask, reach)


def find_hairs(image: Image, reach: int, length: float, contrast: float) -> Mask | None:
    """Hairs as 0/255 [H, W]; None where there are none, or so many that there is nothing to fill them from.

    `reach` is the half-length of the short line elements and `length` the least extent of a hair, in pixels.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    crossed = reduce(cv2.max, (cv2.morphologyEx(grey, cv2.MORPH_CLOSE, line) for line in _lines(reach, 4)))
    along = reduce(
        cv2.min, (cv2.morphologyEx(grey, cv2.MORPH_CLOSE, line) for line in _lines(round(2.6 * reach), 12))
    )
    thin = cv2.threshold(cv2.subtract(crossed, along), contrast, 1, cv2.THRESH_BINARY)[1]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    extent = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    # thin for its length; hairs that cross join into one large piece, which need not be
    hair = (extent > length) & ((extent**2 > 6 * stats[:, cv2.CC_STAT_AREA]) | (extent > 3 * length))
    hair[0] = False  # the background
    mask = cv2.dilate(255 * hair.astype(np.uint8)[labels], np.ones((3, 3), np.uint8))
    return mask if 0 < cv2.countNonZero(mask) < 0.4 * mask.size else None


@lru_cache(maxsize=32)
def _lines(reach: int, count: int) -> tuple[Mask, ...]:
    """Line elements of half-length `reach` pixels in `count` directions, 0/1 [2 reach + 1, 2 reach + 1]."""
    elements = []
    for angle in np.arange(count) * np.pi / count:
        x, y = round(reach * np.cos(angle)), round(reach * np.sin(angle))
        element = np.zeros((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
        cv2.line(element, (reach - x, reach - y), (reach + x, reach + y), 1)
        elements.append(element)
    return tuple(elements)


def fill(image: Image, mask: Mask, reach: int) -> Image:
    """The picture with masked pixels (255) replaced by the mean of unmasked ones within about `reach` pixels.

    The means are taken on a grid half as fine: they are smooth, and floats are a quarter as many.
    """
    height, width = mask.shape
    half = (max(1, width // 2), max(1, height // 2))
    keep = cv2.resize(cv2.bitwise_not(mask), half, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    # unmasked share of each coarse pixel times its mean; the blank pixels must not darken it
    known = cv2.resize(cv2.copyTo(image, cv2.bitwise_not(mask)), half, interpolation=cv2.INTER_AREA).astype(
        np.float32
    )
    total, weight = np.zeros_like(known), np.full_like(keep, 1e-6)
    for size, share in (
        (reach | 1, 1.0),
        ((3 * reach) | 1, 1e-3),
    ):  # the wide one counts where the near has none
        total += share * cv2.blur(known, (size, size))
        weight += share * cv2.blur(keep, (size, size))
    patch = cv2.resize(
        cv2.convertScaleAbs(total / weight[..., None]), (width, height), interpolation=cv2.INTER_LINEAR
    )
    soft = cv2.cvtColor(cv2.blur(mask, (3, 3)), cv2.COLOR_GRAY2RGB)
    cv2.multiply(patch, soft, dst=patch, scale=1 / 255)
    cv2.multiply(image, cv2.bitwise_not(soft), dst=soft, scale=1 / 255)
    return cv2.add(patch, soft, dst=patch)
