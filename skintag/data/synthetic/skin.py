"""Skin: its colour from the individual typology angle, and its texture.

The individual typology angle (Chardon, Cretois and Hourseau 1991, Int J Cosmet Sci 13:191) orders skin
colours by CIE-Lab lightness and yellowness:

    ITA = arctan((L* - 50) / b*) * 180 / pi   degrees

with the classes very light > 55, light 41-55, intermediate 28-41, tan 10-28, brown -30-10 and dark < -30
(Del Bino and Bernerd 2013, Br J Dermatol 169 Suppl 3:33). The six Fitzpatrick types are drawn around the
middle of the six classes, with spreads that let neighbours overlap: the type describes the reaction to the
sun and only correlates with the colour.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

ITA_EDGES: Final = (55.0, 41.0, 28.0, 10.0, -30.0)  # degrees, between the six classes from very light to dark
_ITA_MEAN: Final = np.array([62.0, 48.0, 34.5, 19.0, -12.0, -50.0])
_ITA_SPREAD: Final = np.array([3.0, 4.0, 4.0, 5.0, 9.0, 7.0])
# CIE-Lab a* and b* of the six types; the yellowness of dark skin is lower again (Chardon's "banana")
_A_STAR: Final = np.array([9.5, 10.5, 11.5, 12.5, 13.0, 11.0])
_B_STAR: Final = np.array([13.5, 16.0, 18.5, 20.0, 19.0, 14.5])

# optical density per unit of pigment in gamma-encoded (R, G, B); melanin absorbs towards the blue,
# haemoglobin most in the green
MELANIN_DENSITY: Final = np.array([0.62, 0.88, 1.08], np.float32)
BLOOD_DENSITY: Final = np.array([0.20, 1.10, 0.85], np.float32)

_LAB_TO_XYZ_WHITE: Final = np.array([0.95047, 1.0, 1.08883])  # D65
_XYZ_TO_LINEAR: Final = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)


def draw_ita(fitzpatrick: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """An angle in degrees for each Fitzpatrick type 1..6, float64 [n], within [-60, 72]."""
    at = np.asarray(fitzpatrick) - 1
    return np.clip(rng.normal(_ITA_MEAN[at], _ITA_SPREAD[at]), -60.0, 72.0)


def ita_of(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Individual typology angle in degrees of CIE-Lab colours [..., 3]."""
    return np.degrees(np.arctan2(lab[..., 0] - 50.0, lab[..., 2]))


def skin_lab(ita: float) -> NDArray[np.float64]:
    """CIE-Lab colour [3] of skin with this angle; a* and b* are interpolated between the six types."""
    order = np.argsort(_ITA_MEAN)
    a_star = float(np.interp(ita, _ITA_MEAN[order], _A_STAR[order]))
    b_star = float(np.interp(ita, _ITA_MEAN[order], _B_STAR[order]))
    return np.array([50.0 + b_star * math.tan(math.radians(ita)), a_star, b_star])


def lab_to_srgb(lab: NDArray[np.float64]) -> NDArray[np.float32]:
    """CIE-Lab (D65) to gamma-encoded sRGB (IEC 61966-2-1), float32 [..., 3] clipped to [0, 1]."""
    f_y = (lab[..., 0] + 16.0) / 116.0
    f = np.stack([f_y + lab[..., 1] / 500.0, f_y, f_y - lab[..., 2] / 200.0], axis=-1)
    xyz = np.where(f > 6.0 / 29.0, f**3, (f - 4.0 / 29.0) * 3.0 * (6.0 / 29.0) ** 2) * _LAB_TO_XYZ_WHITE
    linear = np.clip(xyz @ _XYZ_TO_LINEAR.T, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def smooth_noise(
    rng: np.random.Generator, cells: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Band-limited noise of unit variance on its grid of `cells` (rows, columns), float32 `shape`."""
    grid = rng.standard_normal((max(2, cells[0]), max(2, cells[1])), dtype=np.float32)
    return np.asarray(cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def skin_texture(
    rng: np.random.Generator, shape: tuple[int, int], strength: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Melanin and blood of healthy skin around 0, float32 `shape` each: mottling, skin lines, pores."""
    height, width = shape
    melanin = smooth_noise(rng, (4, 5), shape) * np.float32(0.035)
    blood = smooth_noise(rng, (5, 6), shape) * np.float32(0.05)
    mottle = smooth_noise(rng, (30, 30), shape) * np.float32(0.016 * strength)
    # skin lines: noise stretched along one direction of the body
    cells = (height // 2, width // 7) if rng.random() < 0.5 else (height // 7, width // 2)
    lines = smooth_noise(rng, cells, shape) * np.float32(0.026 * strength)
    pores = smooth_noise(rng, (height // 2, width // 2), shape) * np.float32(0.022 * strength)
    melanin += mottle + lines + pores
    blood += mottle
    return melanin, blood
