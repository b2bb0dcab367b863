"""Distortions: each does something, more of it does more, and nothing but picture and seed decides what."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.data.distortions.distortions import (
    DISTORTIONS,
    REFERENCE_SIDE,
    Brightness,
    Combined,
    Distortion,
    GaussianBlur,
    JpegCompression,
    Noise,
    Rotation,
    distortion_seeds,
)

# From weak to strong, each kind in its own unit.
RISING = {
    "blur": [GaussianBlur(s) for s in (0.005, 0.01, 0.02, 0.03, 0.06)],
    "noise": [Noise(s) for s in (5, 15, 30, 45, 80)],
    "dark": [Brightness(s) for s in (0.9, 0.7, 0.5, 0.3, 0.1)],
    "bright": [Brightness(s) for s in (1.1, 1.3, 1.5, 1.8, 2.2)],
    "jpeg": [JpegCompression(s) for s in (90, 50, 25, 10, 3)],
    "rotation": [Rotation(s) for s in (3, 8, 15, 30, 45)],
    "combined": [Combined(s) for s in (0.25, 0.5, 1.0, 1.4, 1.8)],
}


def lesion(height: int = 160, width: int = 200) -> NDArray[np.uint8]:
    """An uneven dark blotch off the middle of skin with some texture."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    away = np.hypot((y - 0.4 * height) / height, (x - 0.62 * width) / width * 1.6)
    inside = 1 / (1 + np.exp((away - 0.25) * 40))
    texture = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), 1.5) * 25
    skin = np.array([200, 150, 125]) * (1 - inside[..., None] * np.array([0.5, 0.6, 0.6]))
    return np.clip(skin + texture[..., None], 0, 255).astype(np.uint8)


def stripes(height: int = 150, width: int = 150) -> NDArray[np.uint8]:
    """Wide slanted stripes: edges everywhere, in one direction."""
    y, x = np.mgrid[:height, :width]
    wave = 110 + 60 * np.sign(np.sin((x + 0.3 * y) / 14))
    return np.stack([wave, 0.8 * wave, 0.7 * wave], axis=-1).astype(np.uint8)


def slope(height: int = 130, width: int = 170) -> NDArray[np.uint8]:
    """Light from one side, with a hair across."""
    y, x = np.mgrid[:height, :width].astype(float)
    ramp = 40 + 120 * x / width + 20 * y / height
    image = np.stack([ramp, 0.9 * ramp, 0.8 * ramp], axis=-1).astype(np.uint8)
    return cv2.line(image, (10, 100), (160, 20), (30, 20, 20), 3, cv2.LINE_AA)


IMAGES = {"lesion": lesion(), "stripes": stripes(), "slope": slope()}


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Root mean square difference, in levels."""
    return float(np.sqrt(np.mean((a.astype(float) - b) ** 2)))


def test_protocol_has_eleven() -> None:
    assert list(DISTORTIONS) == [
        "gaussian_blur_light", "gaussian_blur_heavy", "noise_light", "noise_heavy", "brightness_dark",
        "brightness_bright", "jpeg_light", "jpeg_heavy", "rotation_15", "rotation_45", "combined",
    ]  # fmt: skip


@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize("picture", IMAGES)
def test_each_takes_effect_and_leaves_its_input_alone(name: str, picture: str) -> None:
    image = IMAGES[picture]
    before = image.copy()
    out = DISTORTIONS[name](image, seed=5)
    assert out.shape == image.shape
    assert out.dtype == np.uint8
    assert distance(out, image) > 1.0
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("kind", RISING)
@pytest.mark.parametrize("picture", IMAGES)
def test_more_severe_is_farther_from_clean(kind: str, picture: str) -> None:
    image = IMAGES[picture]
    for seed in (0, 1, 2):
        away = [distance(step(image, seed), image) for step in RISING[kind]]
        assert all(b > a + 0.05 for a, b in pairwise(away)), away


@pytest.mark.parametrize(("light", "heavy"), [("gaussian_blur_light", "gaussian_blur_heavy"),
                                          ("noise_light", "noise_heavy"), ("jpeg_light", "jpeg_heavy"),
                                          ("rotation_15", "rotation_45")])  # fmt: skip
def test_heavy_is_heavier_than_light(light: str, heavy: str) -> None:
    image = IMAGES["lesion"]
    assert distance(DISTORTIONS[heavy](image, 1), image) > 1.3 * distance(DISTORTIONS[light](image, 1), image)


@pytest.mark.parametrize("name", DISTORTIONS)
def test_same_seed_same_picture(name: str) -> None:
    distort, image = DISTORTIONS[name], IMAGES["lesion"]
    np.testing.assert_array_equal(distort(image, 7), distort(image.copy(), 7))


@pytest.mark.parametrize("name", ["noise_light", "noise_heavy", "rotation_15", "rotation_45", "combined"])
def test_what_is_random_differs_between_seeds(name: str) -> None:
    image = IMAGES["lesion"]
    drawn = {DISTORTIONS[name](image, seed).tobytes() for seed in range(8)}
    assert len(drawn) == (2 if name.startswith("rotation") else 8)


@pytest.mark.parametrize("name", DISTORTIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3), (7, 5), (33, 17), (224, 61)])
def test_tiny_and_odd_sizes(name: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    out = DISTORTIONS[name](image, 0)
    assert out.shape == image.shape
    assert out.dtype == np.uint8


@pytest.mark.parametrize("name", DISTORTIONS)
def test_strided_input_is_read_as_it_looks(name: str) -> None:
    image = IMAGES["stripes"]
    turned = np.asfortranarray(image)
    np.testing.assert_array_equal(DISTORTIONS[name](turned, 2), DISTORTIONS[name](image, 2))


@pytest.mark.parametrize("kind", RISING)
def test_neutral_severity_changes_next_to_nothing(kind: str) -> None:
    distort = RISING[kind][0]
    image = IMAGES["lesion"]
    assert distance(distort.at(distort.neutral)(image, 0), image) < 2.0  # JPEG of quality 100 is not lossless


def test_rotation_mirrors_what_comes_in_from_outside() -> None:
    image = np.full((60, 60, 3), 180, dtype=np.uint8)
    np.testing.assert_array_equal(Rotation(45)(image, 0), image)  # no black corners


def test_rotation_by_half_a_turn_is_a_flip_both_ways() -> None:
    image = IMAGES["lesion"]
    np.testing.assert_allclose(Rotation(180)(image, 0).astype(int), image[::-1, ::-1], atol=1)


def test_noise_has_the_stated_spread_at_the_reference_size_whatever_the_size() -> None:
    for factor in (1, 2, 3):
        side = factor * REFERENCE_SIDE
        grey = np.full((side, side, 3), 128, dtype=np.uint8)
        noisy = Noise(12)(grey, 0).astype(np.float32)
        shrunk = cv2.resize(noisy, (REFERENCE_SIDE, REFERENCE_SIDE), interpolation=cv2.INTER_AREA)
        assert shrunk.std() == pytest.approx(12, rel=0.03)
        assert shrunk.mean() == pytest.approx(128, abs=0.3)


def test_blur_looks_the_same_at_every_size() -> None:
    small, large = lesion(128, 128), cv2.resize(lesion(128, 128), (512, 512), interpolation=cv2.INTER_CUBIC)
    shrunk = cv2.resize(GaussianBlur(0.03)(large), (128, 128), interpolation=cv2.INTER_AREA)
    assert distance(shrunk, GaussianBlur(0.03)(small)) < 1.5
    assert distance(small, GaussianBlur(0.03)(small)) > 4


def test_blur_keeps_the_mean_and_brightness_scales_it() -> None:
    image = IMAGES["lesion"]
    assert GaussianBlur(0.03)(image).mean() == pytest.approx(image.mean(), rel=0.01)
    assert Brightness(0.5)(image).mean() == pytest.approx(image.mean() / 2, rel=0.01)
    np.testing.assert_array_equal(Brightness(1.5)(np.full((2, 2, 3), 200, np.uint8)), 255)


def test_seeds_are_of_image_kind_and_seed() -> None:
    names = ["ham10000/a", "ham10000/b"]
    seeds = distortion_seeds(names, Noise(15))
    assert seeds.dtype == np.uint64
    assert len(set(seeds.tolist())) == 2
    np.testing.assert_array_equal(seeds, distortion_seeds(names, Noise(45)))  # same draw, stronger
    np.testing.assert_array_equal(seeds[::-1], distortion_seeds(names[::-1], Noise(15)))
    assert not np.isin(seeds, distortion_seeds(names, Rotation(15))).any()
    assert not np.isin(seeds, distortion_seeds(names, Noise(15), seed=1)).any()


@pytest.mark.parametrize(("cls", "value"), [(GaussianBlur, -0.1), (Noise, 300), (JpegCompression, 0),
                                        (Rotation, 181), (Combined, 2)])  # fmt: skip
def test_severity_that_makes_no_sense_is_refused(cls: type[Distortion], value: float) -> None:
    with pytest.raises(ConfigError, match="severity"):
        cls(value)


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
                                   np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8)])  # fmt: skip
def test_anything_but_rgb_bytes_is_refused(image: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="uint8"):
        Brightness(0.5)(image)  # type: ignore[arg-type]
