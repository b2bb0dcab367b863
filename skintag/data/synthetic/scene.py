"""One photograph: skin, lesion, light, what lies on it, and the camera.

This module and what it imports know nothing of tables, so that worker processes start quickly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from skintag.data.synthetic import artefacts
from skintag.data.synthetic.lesion import SPAN, LesionMaps, draw_lesion
from skintag.data.synthetic.looks import TRAITS
from skintag.data.synthetic.skin import (
    BLOOD_DENSITY,
    MELANIN_DENSITY,
    lab_to_srgb,
    skin_lab,
    skin_texture,
    smooth_noise,
)
from skintag.data.synthetic.styles import Style, style_of

REFERENCE_DIAMETER: Final = 8.0  # mm: fills `Style.fill` of the picture
_ZOOM_OUT: Final = 0.45  # photographers step back: the filled share grows with this power of the diameter

_VEIL_COLOUR: Final = np.array([0.42, 0.47, 0.56], np.float32)
_KERATIN_COLOUR: Final = np.array([0.66, 0.52, 0.33], np.float32)
_WHITE_COLOUR: Final = np.array([0.95, 0.92, 0.88], np.float32)


@dataclass(frozen=True)
class Photo:
    """All that one photograph depends on."""

    dataset: str
    """Whose style it is taken in."""
    height: int
    """Pixels."""
    width: int
    """Pixels."""
    traits: tuple[float, ...]
    """In the order of TRAITS."""
    ita: float
    """Skin colour, degrees."""
    contrast: float
    """Factor on the lesion's optical effects."""
    ruler: bool
    """Whether one lies beside the lesion."""
    domain_gap: float
    """How far its style is from the neutral one, 0..1."""
    lesion_seed: int
    """Of what is the same on every photograph of the lesion."""
    photo_seed: int
    """Of all else."""


@dataclass(frozen=True)
class _View:
    """Where the lesion lies in the picture: x, y and radius in pixels, and its turn in radians."""

    x: float
    y: float
    radius: float
    turn: float
    pixels_per_mm: float


def draw_photo(photo: Photo) -> NDArray[np.uint8]:
    """The photograph before its file is written, uint8 RGB [height, width, 3]; a pure function of `photo`."""
    style = style_of(photo.dataset, photo.domain_gap)
    # a stream of its own for each step: a ruler more or less leaves everything else as it was
    place, ground, cover, ruler, camera = (
        np.random.default_rng([photo.photo_seed, step]) for step in range(5)
    )
    shape = (photo.height, photo.width)
    view = _place(photo, style, place)
    pigment, surface = _warp(photo, view)
    image = _paint(photo, style, ground, pigment, surface)
    _light(image, ground, style, surface[..., 1] * np.float32(view.radius))
    centre = (view.x, view.y)
    artefacts.add_background(image, cover, centre, view.radius, style.background)
    if cover.random() < style.marker:
        artefacts.add_marker(image, cover, centre, view.radius)
    artefacts.add_hairs(image, cover, style.hairs)
    if cover.random() < style.bubbles:
        artefacts.add_bubbles(image, cover)
    if photo.ruler:
        artefacts.add_ruler(image, ruler, view.pixels_per_mm)
    gains = np.array([style.red, style.green, style.blue]) * np.exp(camera.normal(0, style.cast_spread, 3))
    image *= (gains * style.light * np.exp(camera.normal(0, 0.04))).astype(np.float32)
    artefacts.darken_surround(image, camera, style.corners, bool(camera.random() < style.circle))
    return _sense(image, camera, style, min(shape) / 225.0)


def lesion_cover(photo: Photo) -> NDArray[np.float32]:
    """Where the lesion lies in the photograph, 0 skin .. 1 lesion, float32 [height, width]."""
    style = style_of(photo.dataset, photo.domain_gap)
    _, surface = _warp(photo, _place(photo, style, np.random.default_rng([photo.photo_seed, 0])))
    return np.clip(surface[..., 2], 0, 1)


def _place(photo: Photo, style: Style, rng: np.random.Generator) -> _View:
    diameter = photo.traits[TRAITS.index("diameter")]
    short = min(photo.height, photo.width)
    share = style.fill * (diameter / REFERENCE_DIAMETER) ** _ZOOM_OUT * np.exp(rng.normal(0, 0.14))
    share = float(np.clip(share, 0.10, 0.95))
    x, y = rng.normal(0.5, style.off_centre, 2) * [short, short] + [
        (photo.width - short) / 2,
        (photo.height - short) / 2,
    ]
    return _View(
        x=float(x), y=float(y), radius=share * short / 2, turn=float(rng.uniform(0, 2 * np.pi)),
        pixels_per_mm=share * short / diameter,
    )  # fmt: skip


def _warp(photo: Photo, view: _View) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The lesion's maps in the picture, at the pose of this view: [H, W, 4] and [H, W, 3]."""
    size = round(224 * max(0.5, min(photo.height, photo.width) / 225.0))
    maps: LesionMaps = draw_lesion(photo.traits, photo.lesion_seed, size)
    zoom = view.radius * 2 * SPAN / size
    cos, sin = zoom * np.cos(view.turn), zoom * np.sin(view.turn)
    half = (size - 1) / 2
    matrix = np.array([
        [cos, -sin, view.x - cos * half + sin * half],
        [sin, cos, view.y - sin * half - cos * half],
    ])  # fmt: skip
    out = (photo.width, photo.height)
    pigment, surface = (cv2.warpAffine(layers, matrix, out) for layers in (maps.pigment, maps.surface))
    return np.asarray(pigment, np.float32), np.asarray(surface, np.float32)


def _paint(
    photo: Photo,
    style: Style,
    rng: np.random.Generator,
    pigment: NDArray[np.float32],
    surface: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Skin and lesion as light through absorbing pigment (Beer-Lambert), then what covers the surface."""
    shape = (photo.height, photo.width)
    melanin, blood = skin_texture(rng, shape, style.texture)
    artefacts.add_moles(melanin, rng, style.moles)
    contrast = np.float32(photo.contrast)
    melanin += contrast * pigment[..., 0]
    blood += contrast * pigment[..., 1]
    base = lab_to_srgb(skin_lab(photo.ita))
    image = np.exp(-(melanin[..., None] * MELANIN_DENSITY + blood[..., None] * BLOOD_DENSITY))
    image *= base
    # a cover on dark skin is seen in the same light and is partly translucent, so it is darker too
    translucent = np.float32(0.35) * base
    artefacts.blend(image, contrast * pigment[..., 2] * 0.8, 0.65 * _VEIL_COLOUR + translucent)
    artefacts.blend(image, contrast * pigment[..., 3], 0.65 * _KERATIN_COLOUR + translucent)
    artefacts.blend(image, contrast * surface[..., 0], 0.65 * _WHITE_COLOUR + translucent)
    return image


def _light(
    image: NDArray[np.float32], rng: np.random.Generator, style: Style, height: NDArray[np.float32]
) -> None:
    """Uneven light over the scene, and shading and gloss where the surface is raised (height in pixels)."""
    rows, columns = height.shape
    angle, tilt = rng.uniform(0, 2 * np.pi), style.light_gradient * abs(rng.normal(0, 0.6))
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    light = 1.0 + np.float32(tilt) * (x * cos + y * sin)
    smooth = cv2.GaussianBlur(height, (0, 0), 1.2)
    slope = (
        cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) * cos
        + cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) * sin
    )
    light -= np.float32(0.035 * style.relief) * np.clip(slope, -6, 6)
    image *= light[..., None]
    sheen = smooth_noise(rng, (rows // 3, columns // 3), height.shape)
    gloss = np.clip(-0.10 * slope - 0.38 + 0.15 * sheen, 0, 0.5) * np.float32(0.9 * style.relief)
    artefacts.blend(image, gloss, 0.96)


def _sense(
    image: NDArray[np.float32], rng: np.random.Generator, style: Style, zoom: float
) -> NDArray[np.uint8]:
    """Lens and sensor: blur (pixels scale with the picture), noise, eight bits."""
    sigma = style.blur * float(np.exp(rng.normal(0, 0.45))) * zoom
    if sigma > 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    level = style.noise * float(np.exp(rng.normal(0, 0.4)))
    image *= np.float32(255.0)
    image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(level)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
