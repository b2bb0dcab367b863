"""One lesion as maps of pigment and surface in its own plane, the same for all photographs of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.synthetic.looks import TRAITS
from skintag.data.synthetic.skin import smooth_noise

SPAN: Final = 1.8  # the maps reach from -SPAN to SPAN lesion radii in both directions
_ANGLES: Final = 512

Map = NDArray[np.float32]


@dataclass(frozen=True)
class LesionMaps:
    """Maps of one lesion, ready to be warped into a photograph."""

    pigment: Map
    """[C, C, 4]: melanin, blood (optical densities), veil, keratin (both shares of cover in 0..1)."""
    surface: Map
    """[C, C, 3]: white (share of cover in 0..1), height (lesion radii), mask (0 skin .. 1 lesion)."""


@dataclass(frozen=True)
class _Plane:
    """Coordinates of the maps, the lesion's mask and what all of its layers need."""

    u: Map
    v: Map
    rho: Map
    field: Map  # > 0 inside; 0 on the outline
    mask: Map


@lru_cache(maxsize=8)
def draw_lesion(traits: tuple[float, ...], seed: int, size: int) -> LesionMaps:
    """Maps of `size` x `size` pixels for these traits (in the order of TRAITS); a pure function.

    The outline is a Fourier series in polar coordinates, its low orders scaled by `asymmetry` and its high
    orders by `irregularity`; the same random phases are used at every size.
    """
    t = dict(zip(TRAITS, traits, strict=True))
    rng = np.random.default_rng(seed)
    plane = _outline(t, rng, size)
    melanin, blood, veil = _pigment(t, plane, rng)
    white, keratin, height = _surface(t, plane, rng)
    crust = _ulcer(t, plane, rng)
    melanin += 0.7 * crust
    blood += 1.3 * crust + _vessels(t, plane, rng)
    white *= 1.0 - np.minimum(crust, 1.0)
    return LesionMaps(
        pigment=np.dstack([melanin, blood, np.clip(veil, 0, 1), np.clip(keratin, 0, 1)]),
        surface=np.dstack([np.clip(white, 0, 1), height, plane.mask]),
    )


def _outline(t: dict[str, float], rng: np.random.Generator, size: int) -> _Plane:
    axis = np.linspace(-SPAN, SPAN, size, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    angle, stretch = rng.uniform(0, np.pi), np.float32(1 + rng.uniform(0.02, 0.12) + 0.22 * t["asymmetry"])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, across = (u * cos + v * sin) / stretch, (v * cos - u * sin) * stretch
    rho = np.hypot(along, across)
    turn = ((np.arctan2(across, along) + np.pi) * (_ANGLES / (2 * np.pi))).astype(np.int32) % _ANGLES
    order = np.arange(1, 15)
    coarse = np.where(order <= 3, 0.03 + 0.20 * t["asymmetry"] / order, 0.0)
    fine = np.where(order > 3, (0.02 + 0.50 * t["irregularity"]) / order**1.4, 0.0)
    weight = (coarse + fine) * rng.normal(0, 1, order.size)
    phase = rng.uniform(0, 2 * np.pi, order.size)
    theta = np.linspace(0, 2 * np.pi, _ANGLES, endpoint=False)
    radius = 1.0 + (weight[:, None] * np.cos(order[:, None] * theta + phase[:, None])).sum(axis=0)
    field = 1.0 - rho / np.clip(radius, 0.45, 1.6).astype(np.float32)[turn]
    field += (0.02 + 0.11 * t["irregularity"]) * smooth_noise(rng, (18, 18), u.shape)
    scattered = 0.5 * smooth_noise(rng, (7, 7), u.shape) + 0.35 - 0.32 * rho**2
    field = (1 - t["patchy"]) * field + t["patchy"] * scattered
    softness = 0.05 + 0.45 * (1 - t["sharp"]) ** 1.5
    mask = np.clip(field / softness + 0.5, 0, 1)
    mask *= mask * (3 - 2 * mask)
    mask *= np.clip((SPAN - 0.05 - np.maximum(np.abs(u), np.abs(v))) / 0.2, 0, 1)
    return _Plane(u, v, rho, field, mask)


def _pigment(t: dict[str, float], plane: _Plane, rng: np.random.Generator) -> tuple[Map, Map, Map]:
    """Melanin, blood and blue-white veil: the ground colour, its gradient, second colours and structures."""
    shape, mask = plane.mask.shape, plane.mask
    direction = rng.uniform(0, 2 * np.pi)
    slope = plane.u * np.float32(np.cos(direction)) + plane.v * np.float32(np.sin(direction))
    cloud, zones, grain = (smooth_noise(rng, (n, n), shape) for n in (6, 5, 40))
    varied = np.float32(t["variegation"])
    tone = np.clip(1 + 0.55 * t["asymmetry"] * slope, 0.3, 1.8) * np.exp(0.45 * varied * cloud)
    net = np.exp(-((smooth_noise(rng, (30, 30), shape) / 0.28) ** 2))  # zero crossings form a mesh
    tone *= 1 + t["network"] * (0.9 * net - 0.4) + 0.10 * grain
    dark, red = np.clip(zones - 0.6, 0, 1), np.clip(-zones - 0.5, 0, 1)
    melanin = t["melanin"] * tone * (1 - 0.7 * varied * red) + 0.9 * varied * dark
    dots = np.clip(smooth_noise(rng, (34, 34), shape) - 1.25, 0, 0.6)
    melanin += 1.6 * t["dots"] * dots
    blood = t["blood"] * (1 + 0.25 * cloud + 0.12 * grain) + 0.7 * varied * red
    veil = t["veil"] * np.clip(1.2 * smooth_noise(rng, (4, 4), shape) + 0.1, 0, 0.8) * mask
    return melanin * mask, np.maximum(blood, 0) * mask, veil


def _surface(t: dict[str, float], plane: _Plane, rng: np.random.Generator) -> tuple[Map, Map, Map]:
    """White cover (scale, pearl, cysts, centre), keratin and height."""
    shape, mask = plane.mask.shape, plane.mask
    flakes, bumps = smooth_noise(rng, (40, 40), shape), smooth_noise(rng, (16, 16), shape)
    white = 0.60 * t["scale"] * np.clip(0.6 * flakes + 0.35, 0, 1.0) * mask
    rim = np.exp(-(((plane.field - 0.16) / 0.10) ** 2))
    white += t["pearl"] * mask * (0.30 * rim + 0.14)
    white += 0.55 * t["centre"] * np.exp(-((plane.rho / 0.42) ** 2)) * mask
    cysts = np.zeros(shape, np.uint8)
    pixels = shape[0] / (2 * SPAN)
    for x, y, r in rng.uniform(-0.75, 0.75, (round(16 * t["cysts"]), 3)):
        centre = (round((x + SPAN) * pixels), round((y + SPAN) * pixels))
        cv2.circle(cysts, centre, max(1, round((0.03 + 0.04 * abs(r)) * pixels)), 255, -1, cv2.LINE_AA)
    white += np.float32(0.5 / 255) * cysts * mask
    fissured = np.clip(0.75 + 0.4 * bumps - 0.5 * np.exp(-((bumps / 0.2) ** 2)), 0, 1.2)
    keratin = 0.75 * t["keratin"] * fissured * mask
    dome = np.sqrt(np.clip(plane.field, 0, 1))
    height = t["relief"] * (0.5 * dome + (0.03 + 0.06 * t["keratin"] + 0.05 * t["scale"]) * bumps) * mask
    return white, keratin, np.asarray(height, np.float32)


def _ulcer(t: dict[str, float], plane: _Plane, rng: np.random.Generator) -> Map:
    """A dark red crust off the middle, float32 in 0..1.3; its size and depth follow `ulcer`."""
    x, y = rng.uniform(-0.3, 0.3, 2).astype(np.float32)
    reach = 0.12 + 0.5 * t["ulcer"]
    inside = 1.0 - np.hypot(plane.u - x, plane.v - y) / np.float32(reach)
    ragged = inside + 0.35 * smooth_noise(rng, (14, 14), plane.mask.shape)
    return np.clip(2.5 * ragged, 0, 1.3) * plane.mask * np.float32(min(1.0, 2.0 * t["ulcer"]))


def _vessels(t: dict[str, float], plane: _Plane, rng: np.random.Generator) -> Map:
    """Arborising vessels as a density of blood: smooth random walks that thin out towards their ends."""
    shape = plane.mask.shape
    canvas = np.zeros(shape, np.uint8)
    count, steps = round(8 * t["vessels"]), 14
    pixels = shape[0] / (2 * SPAN)
    start = rng.uniform(-0.8, 0.8, (count, 2))
    heading = rng.uniform(0, 2 * np.pi, (count, 1)) + np.cumsum(rng.normal(0, 0.45, (count, steps)), axis=1)
    step = 0.09 * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    walk = (start[:, None] + np.cumsum(step, axis=1) + SPAN) * pixels  # [count, steps, xy]
    for path in np.rint(walk).astype(np.int32):
        cv2.polylines(canvas, [path[: steps // 2]], False, 255, max(1, round(0.045 * pixels)), cv2.LINE_AA)
        cv2.polylines(
            canvas, [path[steps // 2 - 1 :]], False, 190, max(1, round(0.025 * pixels)), cv2.LINE_AA
        )
    return canvas.astype(np.float32) * np.float32(1.1 / 255) * plane.mask
