"""Crops and findings, against what is worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skintag.bundle import Bundle
from skintag.core.errors import ImageError
from skintag.data.images.files import size_of
from skintag.serving.pictures import Crop, Pictures
from skintag.serving.quality import BOUNDS, bounds, findings, grey, sharpness
from tests.serving.small import SIDE, encoded, plain

FRACTIONS = st.floats(0, 1, allow_nan=False)


def test_a_strip_is_no_photograph(tiny: Path) -> None:
    made = Pictures(Bundle.load(tiny), 10**8)
    with pytest.raises(ImageError, match="10 times as long"):
        made(encoded(plain(3, size=(1000, 90))))
    with pytest.raises(ImageError, match="10 times as long"):
        made(encoded(plain(3, size=(200, 200))), Crop(0, 0, 1, 0.05))
    assert made(encoded(plain(3, size=(1000, 100)))).width == 1000


@given(
    x=FRACTIONS, y=FRACTIONS, w=FRACTIONS, h=FRACTIONS, height=st.integers(1, 99), width=st.integers(1, 99)
)
def test_box_is_inside_and_has_a_pixel(
    x: float, y: float, w: float, h: float, height: int, width: int
) -> None:
    top, bottom, left, right = Crop(x, y, w, h).box(height, width)
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width


def test_box_takes_every_pixel_that_is_touched() -> None:
    assert Crop(0.26, 0.5, 0.3, 0.01).box(height=10, width=10) == (5, 6, 2, 6)


def test_picture_of_the_models_side_goes_in_as_it_is(tiny: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    made = Pictures(Bundle.load(tiny), 10**6)(encoded(pixels))
    assert np.array_equal(made.pixels, pixels)


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    levels = pixels @ np.array([0.299, 0.587, 0.114])
    laplacian = [
        levels[y - 1, x] + levels[y + 1, x] + levels[y, x - 1] + levels[y, x + 1] - 4 * levels[y, x]
        for y in range(1, 19)
        for x in range(1, 29)
    ]
    assert sharpness(grey(pixels)) == pytest.approx(np.var(laplacian), rel=1e-9)
    assert sharpness(grey(pixels[:2])) == 0


def test_findings_name_what_was_measured_and_the_bound() -> None:
    white = np.full((32, 32, 3), 255, np.uint8)
    found = {f["finding"]: f for f in findings(white, 20)}
    assert set(found) == {"blurred", "overexposed", "small"}
    assert found["overexposed"]["value"] == 1.0
    assert found["small"] == {"finding": "small", "value": 20.0, "bound": bounds()["small"]}


def test_bounds_are_there_for_every_finding() -> None:
    assert BOUNDS.name == "quality.json"
    assert set(bounds()) == {"blurred", "underexposed", "overexposed", "small"}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_size_is_read_from_the_header(kind: str) -> None:
    data = encoded(plain(7, size=(70, 50)), kind)
    assert size_of(data, "it") == (70, 50)
    with pytest.raises(ImageError, match="limit 100"):
        size_of(data, "it", max_pixels=100)
