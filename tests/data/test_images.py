"""Any file a raw folder may hold: upright RGB, or an error with a reason."""

from __future__ import annotations

import pickle
import struct
import sys
import zlib
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from skintag.core.errors import ImageError
from skintag.data.images.files import decode_image, encode_jpeg, shrink


def picture(height: int = 37, width: int = 53, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth, and different in each corner, so that no orientation looks like another."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    return np.array(small.resize((width, height), Image.Resampling.BICUBIC))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def reason_of(data: bytes, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(data, "folder/a.img", **options)
    assert "folder/a.img" in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_ordinary_jpeg_gives_the_pixels_that_pillow_gives(subsampling: int, progressive: bool) -> None:
    data = saved(Image.fromarray(picture()), "JPEG", subsampling=subsampling, progressive=progressive)
    np.testing.assert_array_equal(decode_image(data, "a"), np.array(Image.open(BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_exactly(kind: str) -> None:
    decoded = decode_image(saved(Image.fromarray(picture()), kind), "a")
    np.testing.assert_array_equal(decoded, picture())
    assert decoded.flags.writeable
    assert decoded.flags.c_contiguous


def test_lossless_webp_comes_back_exactly() -> None:
    np.testing.assert_array_equal(
        decode_image(saved(Image.fromarray(picture()), "WEBP", lossless=True), "a"), picture()
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    image = Image.fromarray(picture())
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(image, kind, exif=exif.tobytes())
    truth = np.array(ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB"))
    decoded = decode_image(data, "a")
    np.testing.assert_array_equal(decoded, truth)
    assert decoded.shape[:2] == ((53, 37) if orientation >= 5 else (37, 53))
    assert decoded.flags.c_contiguous


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_nonsense_orientation_and_broken_exif_are_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    for extra in (exif.tobytes(), b"Exif\0\0II*\0\xff\xff\xff\xff"):
        decoded = decode_image(saved(Image.fromarray(picture()), "PNG", exif=extra), "a")
        np.testing.assert_array_equal(decoded, picture())


def test_transparency_is_flattened_on_white() -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[0, 0] = (200, 10, 30, 255)
    rgba[0, 1] = (200, 10, 30, 0)
    rgba[0, 2] = (200, 10, 30, 51)  # a fifth of the colour, four fifths of white
    decoded = decode_image(saved(Image.fromarray(rgba), "PNG"), "a")
    assert decoded[0].tolist() == [[200, 10, 30], [255, 255, 255], [244, 206, 210]]


def test_grey_with_alpha_and_palette_with_transparency_are_flattened() -> None:
    grey = np.array([[[100, 255], [100, 0]]], np.uint8)
    assert decode_image(saved(Image.fromarray(grey, "LA"), "PNG"), "a")[0].tolist() == [[100] * 3, [255] * 3]
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decode_image(saved(palette, "PNG"), "a")[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    assert decode_image(saved(palette, "PNG", transparency=1), "a")[0].tolist() == [[10, 20, 30], [255] * 3]


def test_grey_and_1_bit_become_three_equal_channels() -> None:
    grey = picture()[:, :, 0]
    for kind in ("PNG", "JPEG"):
        decoded = decode_image(saved(Image.fromarray(grey), kind), "a")
        assert decoded.shape == (37, 53, 3)
        assert (decoded == decoded[:, :, :1]).all()
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert decode_image(saved(bits, "PNG"), "a")[0].tolist() == [[0] * 3, [255] * 3]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 257, 128, 129, 32_768, 65_535]], np.uint16)
    decoded = decode_image(saved(Image.fromarray(values), kind), "a")
    assert decoded[0, :, 0].tolist() == [0, 1, 0, 1, 128, 255]
    assert (decoded == decoded[:, :, :1]).all()


def test_whole_numbers_beyond_16_bits_and_floats_are_refused() -> None:
    wide = Image.fromarray(np.array([[0, 70_000]], np.int32))
    assert reason_of(saved(wide, "TIFF")) == "unsupported pixels"
    narrow = Image.fromarray(np.array([[0, 65_535]], np.int32))
    assert decode_image(saved(narrow, "TIFF"), "a")[0, :, 0].tolist() == [0, 255]
    assert reason_of(saved(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF")) == "unsupported pixels"


def test_cmyk_jpeg_as_adobe_writes_it_is_not_a_negative() -> None:
    flat = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan, full magenta and yellow: red
    data = saved(flat, "JPEG", quality=100)
    assert b"Adobe" in data
    decoded = decode_image(data, "a")
    assert np.abs(decoded.astype(int) - [255, 0, 0]).max() <= 3
    tiff = decode_image(saved(flat, "TIFF"), "a")
    assert tiff[0, 0].tolist() == [255, 0, 0]


def test_multi_picture_jpeg_of_a_phone_gives_its_first() -> None:
    first = Image.fromarray(picture())
    data = saved(first, "MPO", save_all=True, append_images=[Image.fromarray(picture(seed=1))])
    assert Image.open(BytesIO(data)).n_frames == 2
    np.testing.assert_array_equal(decode_image(data, "a"), np.array(Image.open(BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_animations_and_pages_are_refused(kind: str) -> None:
    frames = [Image.fromarray(picture(seed=seed)) for seed in range(3)]
    assert reason_of(saved(frames[0], kind, save_all=True, append_images=frames[1:])) == "several frames"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\0" * 500, "not an image"),
        (b"image_id,label\n1,nevus\n", "not an image"),
        (b"<!DOCTYPE html><html>404</html>", "not an image"),
        (b"GIF89a" + b"\0" * 50, "unsupported format"),
        (b"%PDF-1.7", "unsupported format"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, reason: str) -> None:
    assert reason_of(data) == reason


def test_heic_without_its_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert reason_of(b"\0\0\0\x18ftypheic" + b"\0" * 50) == "unsupported format"


def test_damaged_heic_is_named() -> None:
    pytest.importorskip("pillow_heif")
    assert reason_of(b"\0\0\0\x18ftypheic" + b"\0" * 50) == "truncated"


def _variants() -> dict[str, bytes]:
    image = Image.fromarray(picture(60, 80))
    return {
        "jpeg": saved(image, "JPEG"),
        "progressive": saved(image, "JPEG", progressive=True),
        "cmyk": saved(image.convert("CMYK"), "JPEG"),
        "png": saved(image, "PNG"),
        "webp": saved(image, "WEBP"),
    }


@pytest.mark.parametrize("name", _variants())
@pytest.mark.parametrize("tolerant", [False, True])
def test_a_file_cut_anywhere_is_truncated(name: str, tolerant: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)  # what another library may have set
    data = _variants()[name]
    decode_image(data, "a")
    cuts = {len(data) * tenth // 10 for tenth in range(1, 10)} | {20, len(data) - 2, len(data) - 13}
    for cut in cuts:
        assert reason_of(data[:cut]) == "truncated", cut


def test_stray_bytes_in_a_whole_jpeg_cost_nothing() -> None:
    data = saved(Image.fromarray(picture()), "JPEG")
    stray = data[:-2] + b"\0\0\0" + data[-2:]
    np.testing.assert_array_equal(decode_image(stray, "a"), decode_image(data, "a"))
    np.testing.assert_array_equal(decode_image(data + b"trailer", "a"), decode_image(data, "a"))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(_variants())), st.integers(0, 10**9), st.binary(min_size=1, max_size=8))
def test_damage_gives_pixels_or_an_image_error_and_nothing_else(name: str, at: int, patch: bytes) -> None:
    data = bytearray(_variants()[name])
    at %= len(data)
    data[at : at + len(patch)] = patch
    try:
        decoded = decode_image(bytes(data), "a", max_pixels=10**6)
    except ImageError:
        return
    assert decoded.dtype == np.uint8
    assert decoded.shape[2:] == (3,)


def _png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    zeros = zlib.compress(b"\0" * 10_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")


def test_huge_image_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    limit = Image.MAX_IMAGE_PIXELS
    assert reason_of(_png_header(30_000, 30_000)) == "too large"  # beyond Pillow's own limit
    assert reason_of(_png_header(9_000, 9_000), max_pixels=80_000_000) == "too large"  # beyond ours alone
    assert limit == Image.MAX_IMAGE_PIXELS


def test_limit_that_a_program_gave_pillow_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert reason_of(saved(Image.fromarray(picture()), "JPEG")) == "too large"


def test_max_pixels_is_inclusive() -> None:
    data = saved(Image.fromarray(picture()), "PNG")
    assert decode_image(data, "a", max_pixels=37 * 53).shape == (37, 53, 3)
    assert reason_of(data, max_pixels=37 * 53 - 1) == "too large"


def test_errors_keep_their_reason_through_a_worker_process() -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(b"", "a.jpg")
    assert pickle.loads(pickle.dumps(caught.value)).reason == "empty"


@pytest.mark.parametrize(
    ("height", "width", "side", "shape"),
    [(100, 200, 50, (25, 50)), (200, 100, 50, (50, 25)), (40, 30, 50, (40, 30)), (1, 1000, 10, (1, 10))],
)
def test_shrink_bounds_the_longest_side_and_never_enlarges(
    height: int, width: int, side: int, shape: tuple[int, int]
) -> None:
    assert shrink(picture(height, width), side).shape == (*shape, 3)


def test_shrink_averages_areas() -> None:
    blocks = np.kron(np.array([[10, 20], [30, 40]], np.uint8), np.ones((4, 4), np.uint8))
    blocks[0, 0] += 16  # one pixel of sixteen: the mean rises by one
    small = shrink(np.repeat(blocks[:, :, None], 3, axis=2), 2)
    assert small[:, :, 0].tolist() == [[11, 20], [30, 40]]


def test_encode_jpeg_is_repeatable_and_close() -> None:
    image = picture(120, 160)
    data = encode_jpeg(image[:, ::-1], 95)  # not contiguous
    assert data == encode_jpeg(np.ascontiguousarray(image[:, ::-1]), 95)
    error = decode_image(data, "a").astype(int) - image[:, ::-1]
    assert np.abs(error).mean() < 2
    assert len(encode_jpeg(image, 50)) < len(data)
