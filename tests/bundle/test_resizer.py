"""A server and a phone bring a photo to the model's square by one graph, which gives what training saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from skintag.bundle.resizer import Resizer, block_means
from skintag.core.errors import DataError
from skintag.data.images.resize import triangle
from skintag.export.resize_onnx import write_resize
from tests.bundle.test_runtime import network


def photo(height: int, width: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)), float)
    return np.clip((smooth - 127) * 5 + 127, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(450, 600), (64, 64), (50, 200), (255, 400), (30, 21)])
def test_the_graph_gives_what_the_loader_gives_to_a_level(tmp_path: Path, size: tuple[int, int]) -> None:
    write_resize(tmp_path / "resize.onnx", 64)
    part = photo(*size)
    # what is four times as large is averaged over blocks first, by the loader within the decoder
    part = block_means(part, 64)
    found = Resizer(tmp_path / "resize.onnx", 64)(part)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - triangle(part, 64, 64)).max() <= 1


def test_block_means_of_a_picture_worked_out_by_hand() -> None:
    part = np.zeros((9, 8, 3), np.uint8)  # the side is 2: blocks of 8 // 4 = 2, the ninth line is left over
    part[0, 0] = [1, 2, 3]  # sums 1, 2, 3 over four pixels: .25, .5 and .75
    part[2:4, 6:8] = 255
    part[8] = 200
    means = block_means(part, 2)
    assert means.shape == (4, 4, 3)
    np.testing.assert_array_equal(means[0, 0], [0, 1, 1])
    np.testing.assert_array_equal(means[1, 3], [255, 255, 255])
    assert means.sum() == 2 + 3 * 255


@given(st.integers(8, 60), st.integers(8, 60), st.integers(1, 8))
def test_block_means_are_pillows_to_a_level(height: int, width: int, side: int) -> None:
    part = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    means = block_means(part, side)
    short = min(height, width)
    if short < 4 * side:
        assert means is part
        return
    k = short // (2 * side)
    theirs = Image.fromarray(part[: height // k * k, : width // k * k]).reduce(k)
    assert np.abs(means.astype(int) - np.asarray(theirs)).max() <= 1
    assert min(means.shape[:2]) >= 2 * side


def test_another_graph_or_another_side_is_refused(tmp_path: Path) -> None:
    write_resize(tmp_path / "resize.onnx", 32)
    with pytest.raises(DataError, match=r"image uint8 \[64, 64, 3\]"):
        Resizer(tmp_path / "resize.onnx", 64)
    with pytest.raises(DataError, match=r"picture uint8 \[H, W, 3\]"):
        Resizer(network(tmp_path / "model.onnx"), 16)
    (tmp_path / "none.onnx").write_bytes(b"nothing")
    with pytest.raises(DataError, match="an ONNX model"):
        Resizer(tmp_path / "none.onnx", 16)
