"""Photo-like JPEGs to measure on: skin-coloured noise with the spectrum of photographs, and a dark blot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray


def write_photos(
    folder: Path, number: int, width: int, height: int, quality: int = 90, seed: int = 0
) -> list[Path]:
    """Write `number` different JPEGs (4:2:0, as cameras do) into `folder`; returns their paths."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    field = natural_noise(2048, rng)
    paths = []
    for i in range(number):
        y, x = rng.integers(0, (2048 - height, 2048 - width))
        texture = field[y : y + height, x : x + width]
        pixels = paint(texture[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))], rng)
        path = folder / f"{i:05d}.jpg"
        path.write_bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "RGB", "420"))
        paths.append(path)
    return paths


def natural_noise(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise whose amplitude falls as 1/frequency (Field 1987), float32 [side, side, 3]."""
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1 / side)
    planes = []
    for _ in range(4):  # three colours and, more strongly, what is common to them
        phases = rng.normal(size=amplitude.shape) + 1j * rng.normal(size=amplitude.shape)
        plane = np.fft.irfft2(amplitude * phases, s=(side, side))
        planes.append((plane - plane.mean()) / plane.std())
    return np.stack([planes[3] + 0.3 * plane for plane in planes[:3]], axis=2).astype(np.float32)


def paint(texture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Skin with a pigmented ellipse, textured; uint8 [H, W, 3]."""
    height, width = texture.shape[:2]
    skin = rng.uniform((150, 110, 90), (230, 190, 170))
    mask = np.zeros((height, width), dtype=np.float32)
    centre = (int(width * rng.uniform(0.4, 0.6)), int(height * rng.uniform(0.4, 0.6)))
    axes = (int(height * rng.uniform(0.15, 0.35)), int(height * rng.uniform(0.1, 0.3)))
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 4)[:, :, None]
    return np.clip(skin * (1 - 0.55 * mask) + 14 * texture, 0, 255).astype(np.uint8)
