"""Bridging between domains, first half: what a dermatoscope adds is drawn on photographs.

Vignette, ruler, gel bubbles and hairs mark a picture as dermoscopic without telling of the lesion; where they
are seen in every domain they cannot serve as a shortcut (Winkler et al. 2019; Bissoto et al. 2019).
Lengths are fractions of the picture's shorter side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.augment.condition import (
    Condition,
    Counts,
    Image,
    Mask,
    Range,
    Within,
    blend,
    pick,
    pick_count,
    side_of,
)

PHOTOGRAPHS = ("clinical", "smartphone")
_FINE = 2  # thin things are drawn on a grid this much finer and averaged down


@dataclass(frozen=True)
class Hairs(Condition):
    """Dark body hairs lying across the skin: long curved ones in a common direction, or shaved stubs."""

    domains: ClassVar[tuple[str, ...]] = PHOTOGRAPHS
    count: Annotated[Counts, Within(1, 200)]
    """Number of hairs."""
    length: Annotated[Range, Within(0.01, 3.0)]
    """Length of a hair."""
    width: Annotated[Range, Within(0.0005, 0.05)]
    """Width of a hair at its root; it runs out to half of that."""
    opacity: Annotated[Range, Within(0.0, 1.0)]
    """How much of the skin a hair hides."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture with hairs of one colour."""
        n, side = pick_count(rng, self.count), side_of(image) * _FINE
        curves = _curves(n, rng, pick(rng, self.length) * rng.uniform(0.6, 1.3, n))
        widths = np.maximum(rng.uniform(*self.width, n) * side, 1.0)
        alphas = np.round(255 * rng.uniform(*self.opacity, n)).astype(int)
        canvas = np.zeros((image.shape[0] * _FINE, image.shape[1] * _FINE), dtype=np.uint8)
        span = np.array([canvas.shape[1], canvas.shape[0]])
        for curve, width, alpha in zip(curves * side + span / 2, widths, alphas, strict=True):
            points = np.round(curve * 16).astype(np.int32)  # 4 bits after the point
            third = len(points) // 3
            for part, share in enumerate((1.0, 0.75, 0.5)):
                piece = points[part * third : (part + 1) * third + 1].reshape(-1, 1, 2)
                thickness = max(1, round(width * share))
                cv2.polylines(canvas, [piece], False, int(alpha), thickness, cv2.LINE_AA, shift=4)
        alpha = cv2.resize(canvas, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)
        tone, brown = rng.uniform(0.3, 1.5), rng.uniform(0.0, 1.0)  # black to brown
        return blend(image, alpha, (tone * (36 + 22 * brown), tone * (28 + 6 * brown), tone * 26))


def _curves(n: int, rng: np.random.Generator, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """n cubic Bezier curves as points [n, 25, 2], in units of the side from the centre."""
    common = rng.uniform(0, 2 * np.pi)
    angle = common + rng.normal(0, rng.uniform(0.15, 0.8), n)
    stray = rng.random(n) < 0.15
    angle[stray] = rng.uniform(0, 2 * np.pi, int(stray.sum()))
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1) * lengths[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    start = rng.uniform(-0.6, 0.6, (n, 2)) - 0.5 * along
    bend = rng.normal(0, 0.22, (n, 2))
    t = np.linspace(0, 1, 25)[None, :, None]
    control = [start + (k / 3) * along + bend[:, [k - 1]] * across for k in (1, 2)]
    ends = (1 - t) ** 3 * start[:, None] + t**3 * (start + along)[:, None]
    return ends + 3 * (1 - t) ** 2 * t * control[0][:, None] + 3 * (1 - t) * t**2 * control[1][:, None]


@dataclass(frozen=True)
class Bubbles(Condition):
    """Air bubbles in the contact gel: a thin dark outline, a bright rim inside it and a point of light."""

    domains: ClassVar[tuple[str, ...]] = PHOTOGRAPHS
    count: Annotated[Counts, Within(1, 300)]
    """Number of bubbles; they sit in a few clusters."""
    radius: Annotated[Range, Within(0.001, 0.2)]
    """Radius of a bubble; small ones are far more frequent."""
    opacity: Annotated[Range, Within(0.0, 1.0)]
    """How strongly rim and outline show."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture under a sprinkling of bubbles."""
        n, side, opacity = pick_count(rng, self.count), side_of(image) * _FINE, pick(rng, self.opacity)
        shape = (image.shape[0] * _FINE, image.shape[1] * _FINE)
        bright, dark = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
        centres = rng.uniform(0.0, 1.0, (3, 2))[rng.integers(3, size=n)] + rng.normal(0, 0.09, (n, 2))
        low, high = self.radius
        radii = np.maximum((low + (high - low) * rng.random(n) ** 3) * side, 1.5)
        lamp = rng.uniform(0, 360)  # the light comes from one side for all bubbles
        for (x, y), radius in zip(centres * shape[::-1], radii, strict=True):
            _draw_bubble(bright, dark, (float(x), float(y)), float(radius), lamp, opacity)
        size = (image.shape[1], image.shape[0])
        outlined = blend(image, cv2.resize(dark, size, interpolation=cv2.INTER_AREA), (60, 40, 36))
        return blend(outlined, cv2.resize(bright, size, interpolation=cv2.INTER_AREA), (255, 250, 245))


def _draw_bubble(
    bright: Mask, dark: Mask, centre: tuple[float, float], radius: float, lamp: float, opacity: float
) -> None:
    """One bubble into the two alpha maps: what is brighter than the skin, and what is darker."""
    point = (round(centre[0] * 16), round(centre[1] * 16))
    rim, outline = max(1, round(radius * 0.16)), max(1, round(radius * 0.12))
    cv2.circle(dark, point, round(radius * 16), int(100 * opacity), outline, cv2.LINE_AA, shift=4)
    cv2.circle(bright, point, round(radius * 16), int(18 * opacity), -1, cv2.LINE_AA, shift=4)
    cv2.circle(bright, point, round(radius * 0.82 * 16), int(70 * opacity), rim, cv2.LINE_AA, shift=4)
    whole = (round(centre[0]), round(centre[1]))
    inner = max(1, round(radius * 0.78))
    cv2.ellipse(bright, whole, (inner, inner), lamp, -50, 50, int(200 * opacity), rim, cv2.LINE_AA)
    glint = np.array(centre) + radius * 0.45 * np.array([np.cos(np.deg2rad(lamp)), np.sin(np.deg2rad(lamp))])
    spot = (round(glint[0] * 16), round(glint[1] * 16))
    cv2.circle(bright, spot, max(8, round(radius * 0.14 * 16)), int(255 * opacity), -1, cv2.LINE_AA, shift=4)


@dataclass(frozen=True)
class Ruler(Condition):
    """The millimetre scale on a contact plate: ticks along one side, each fifth and tenth longer."""

    domains: ClassVar[tuple[str, ...]] = PHOTOGRAPHS
    spacing: Annotated[Range, Within(0.005, 0.5)]
    """Distance from tick to tick (one millimetre)."""
    length: Annotated[Range, Within(0.005, 0.5)]
    """Length of the short ticks; every fifth is 1.5 and every tenth 2 times as long."""
    margin: Annotated[Range, Within(0.0, 0.5)]
    """Distance of the scale from the side of the picture."""
    opacity: Annotated[Range, Within(0.0, 1.0)]
    """How black the print is."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture with a scale along one of its four sides, slightly askew."""
        side = side_of(image) * _FINE
        canvas = np.zeros((side, side), dtype=np.uint8)
        step, short = max(pick(rng, self.spacing) * side, 3.0), pick(rng, self.length) * side
        base, thickness = pick(rng, self.margin) * side, max(1, round(side * rng.uniform(0.003, 0.007)))
        first, numbered, lined = int(rng.integers(10)), rng.random() < 0.5, rng.random() < 0.3
        for k in range(int(side / step) + 1):
            tall = {0: 2.0, 5: 1.5}.get((k + first) % 10, 1.0)
            x = round((k + 0.5) * step)
            cv2.line(canvas, (x, round(base)), (x, round(base + short * tall)), 255, thickness, cv2.LINE_AA)
            if numbered and tall == 2.0:
                place = (round(x - 0.012 * side), round(base + short * 2.0 + 0.045 * side))
                text = str((k + first) // 10)
                cv2.putText(
                    canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, side / 900, 255, thickness, cv2.LINE_AA
                )
        if lined:
            cv2.line(canvas, (0, round(base)), (side, round(base)), 255, thickness, cv2.LINE_AA)
        askew = cv2.getRotationMatrix2D(
            (side / 2, side / 2), 90.0 * rng.integers(4) + rng.uniform(-4, 4), 1.0
        )
        turned = cv2.warpAffine(canvas, askew, (side, side), flags=cv2.INTER_LINEAR)
        alpha = cv2.resize(turned, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)
        ink = (26, 28, 38) if rng.random() < 0.8 else (40, 50, 110)
        return blend(image, cv2.convertScaleAbs(alpha, alpha=pick(rng, self.opacity)), ink)


@dataclass(frozen=True)
class Vignette(Condition):
    """The round field of a dermatoscope: dark corners behind a more or less soft edge."""

    domains: ClassVar[tuple[str, ...]] = PHOTOGRAPHS
    radius: Annotated[Range, Within(0.1, 0.75)]
    """Radius of the field; from 0.71 on a centred field leaves no dark corner."""
    softness: Annotated[Range, Within(0.002, 0.5)]
    """Width of the edge from lit to dark."""
    shift: Annotated[Range, Within(0.0, 0.5)]
    """Distance of the field's centre from the picture's."""

    def apply(self, image: Image, rng: np.random.Generator) -> Image:
        """The picture inside a round field, its rim a little darker than its middle."""
        size, side = (image.shape[1], image.shape[0]), side_of(image)
        radius, softness = pick(rng, self.radius), pick(rng, self.softness)
        away, direction = pick(rng, self.shift), rng.uniform(0, 2 * np.pi)
        # on a grid half as fine: the edge is soft, and this is all floats
        x, y = (((np.arange(0.5, n, 2.0) + 0.5 - n / 2) / side).astype(np.float32) for n in size)
        distance = np.hypot((x - away * np.cos(direction))[None, :], (y - away * np.sin(direction))[:, None])
        edge = np.clip((radius - distance) / softness + 0.5, 0.0, 1.0)
        falloff = 1.0 - 0.18 * np.minimum(distance / radius, 1.0) ** 4
        coarse = (255 * edge * edge * (3 - 2 * edge) * falloff).astype(np.uint8)
        dark = cv2.bitwise_not(cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR))
        return blend(image, dark, (black := rng.uniform(2, 16), black, black))
