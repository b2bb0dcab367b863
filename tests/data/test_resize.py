"""The resizes in numpy alone give torch's and OpenCV's pixels, to the bit."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skintag.data.images.files import shrink
from skintag.data.images.resize import area, triangle

SIDES = st.integers(8, 600)
FEW = settings(max_examples=60, deadline=None)


def picture(height: int, width: int, seed: int) -> np.ndarray:
    """Noise, or noise in black and white, uint8 [height, width, 3]."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.where(pixels > 127, 255, 0).astype(np.uint8) if seed % 3 == 0 else pixels


def by_torch(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    planes = torch.from_numpy(pixels)[None].permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(planes, (height, width), mode="bilinear", antialias=True)
    return resized[0].permute(1, 2, 0).numpy()


@FEW
@given(SIDES, SIDES, st.integers(8, 400), st.integers(0, 99))
@example(512, 384, 224, 1)
@example(224, 224, 224, 1)
@example(600, 8, 8, 3)
@example(8, 600, 400, 3)
def test_triangle_is_torch_s_antialiased_bilinear(height: int, width: int, side: int, seed: int) -> None:
    pixels = picture(height, width, seed)
    np.testing.assert_array_equal(triangle(pixels, side, side), by_torch(pixels, side, side))


@FEW
@given(st.integers(1, 40), st.integers(1, 40), st.integers(8, 60), st.integers(8, 60), st.integers(0, 99))
def test_triangle_takes_tiny_pictures_and_any_shape(
    h: int, w: int, height: int, width: int, seed: int
) -> None:
    pixels = picture(h, w, seed)
    np.testing.assert_array_equal(triangle(pixels, height, width), by_torch(pixels, height, width))


def test_triangle_takes_a_part_of_a_picture() -> None:
    part = picture(300, 400, 1)[30:250, 11:311]
    np.testing.assert_array_equal(triangle(part, 64, 64), by_torch(part, 64, 64))


@FEW
@given(st.integers(1, 1400), st.integers(1, 1400), st.integers(16, 1399), st.integers(0, 99))
@example(1024, 768, 512, 1)  # 2 x 2
@example(1536, 1152, 512, 1)  # 3 x 3
@example(784, 17, 16, 1)  # 1 / (1 / 49) is not 49
@example(1399, 1, 16, 1)
def test_shrinking_is_opencv_s_mean_over_areas(height: int, width: int, longest: int, seed: int) -> None:
    pixels = picture(height, width, seed)
    found = shrink(pixels, longest)
    if found.shape == pixels.shape:
        assert found is pixels or max(height, width) > longest
        return
    expected = cv2.resize(pixels, (found.shape[1], found.shape[0]), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(found, expected)
    assert max(found.shape) == longest


@pytest.mark.parametrize("value", [0, 7, 255])
def test_flat_pictures_stay_flat(value: int) -> None:
    pixels = np.full((97, 51, 3), value, np.uint8)
    assert (triangle(pixels, 224, 31) == value).all()
    assert (area(pixels, 40, 13) == value).all()
