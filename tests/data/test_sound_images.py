"""What is wrong with a picture belongs to its file: noticed where the format lets one, named, and the run goes on."""

from __future__ import annotations

import os
import socket
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFile

from skintag.bundle.parts import Preprocessing
from skintag.bundle.preprocess import Preprocessor
from skintag.core.errors import ImageError
from skintag.core.io import read_regular
from skintag.data.catalog.fingerprint import fingerprint_file
from skintag.data.images.encoding import ShardSettings, Source, encode
from skintag.data.images.files import decode_image, read_image
from skintag.data.prepared.writing import load_report
from tests.data.mutations import CHANGES, chunk, interlaced_png, mutated, picture, png, saved, sound
from tests.data.test_bad_input import prepared

NOTICED = ("png", "png palette", "png interlaced", "tiff deflate")
"""Formats with checksums over all that pixels are made of."""


def reason_of(data: bytes, **options: int) -> str:
    with pytest.raises(ImageError) as caught:
        decode_image(data, "folder/a.img", **options)
    assert "folder/a.img" in str(caught.value)
    return caught.value.reason


def fate(data: bytes, truth: np.ndarray) -> str:
    try:
        pixels = decode_image(data, "a")
    except ImageError as error:
        return error.reason
    return "same" if np.array_equal(pixels, truth) else "silent"


def sweep(per_format: int, seed: int) -> dict[str, Counter[str]]:
    """What became of damaged copies, by format; anything but pixels or an ImageError ends it."""
    result = {}
    for kind, data in sound().items():
        truth = decode_image(data, kind)
        result[kind] = Counter(fate(bad, truth) for _, bad in mutated(data, per_format, seed))
    return result


def check_expectations(fates: dict[str, Counter[str]]) -> None:
    for kind, counts in fates.items():
        share = counts["silent"] / counts.total()
        # lossy or raw bits without a checksum: a changed one is another picture, as sound as the first
        most = 0.0 if kind in NOTICED else 0.5 if kind.startswith("jpeg") else 0.75
        assert share <= most, (kind, counts)
        assert counts["silent"] + counts["same"] < counts.total()


def test_damaged_pictures_of_all_formats_give_pixels_or_a_reason() -> None:
    check_expectations(sweep(40, seed=2))


@pytest.mark.long
def test_five_thousand_damaged_pictures_give_pixels_or_a_reason() -> None:
    fates = sweep(385, seed=3)
    assert sum(counts.total() for counts in fates.values()) >= 5_000
    check_expectations(fates)


def test_lost_and_repeated_bytes_of_a_cmyk_jpeg_are_noticed_as_those_of_another() -> None:
    data = sound()["jpeg cmyk"]
    truth = decode_image(data, "a")
    fates = Counter()
    for name in ("lost", "twice"):
        rng = np.random.default_rng(4)
        for _ in range(30):
            bad = bytearray(data)
            CHANGES[name](bad, rng)
            fates[fate(bytes(bad), truth)] += 1
    assert fates["silent"] <= 6  # libjpeg's own decoder, asked to go on, lets all but a few pass


def test_zeroed_pixel_data_of_a_png_are_noticed() -> None:
    data = bytearray(sound()["png"])
    data[10_000:12_873] = bytes(2_873)
    assert reason_of(bytes(data)) == "damaged"


def test_zeroed_pass_with_the_right_checksum_of_its_chunk_is_noticed() -> None:
    image = picture()
    whole = interlaced_png(image)
    body = whole[whole.index(b"IDAT") + 4 : whole.index(b"IEND") - 8]
    # the deflated bits of stored blocks: zeros among them still unpack, to other pixels
    raw = zlib.decompress(body)
    stored = bytearray(zlib.compress(raw, 0))
    stored[len(stored) // 2 : len(stored) // 2 + 3_000] = bytes(3_000)
    parts = whole[: whole.index(b"IDAT") - 4], chunk(b"IDAT", bytes(stored)), chunk(b"IEND", b"")
    assert reason_of(b"".join(parts)) == "damaged"


@pytest.mark.parametrize(("height", "reason"), [(192, "truncated"), (48, "damaged")])
def test_png_of_another_height_than_its_pixels_is_noticed(height: int, reason: str) -> None:
    image = picture()
    raw = b"".join(b"\0" + row.tobytes() for row in image)
    np.testing.assert_array_equal(decode_image(png(128, 96, 2, raw), "a"), image)
    assert reason_of(png(128, height, 2, raw)) == reason


def test_checksum_within_a_deflated_tiff_is_compared() -> None:
    data = sound()["tiff deflate"]
    at = data.index(b"\x78", 8)  # the first strip's zlib header
    assert reason_of(data[: at + 500] + bytes([data[at + 500] ^ 1]) + data[at + 501 :]) == "damaged"


def test_tiff_strips_in_jpeg_are_decoded_strictly() -> None:
    data = saved(Image.fromarray(picture()), "TIFF", compression="jpeg")
    assert decode_image(data, "a").shape == (96, 128, 3)
    scan = data.index(b"\xff\xda")
    assert reason_of(data[: scan + 200] + bytes(600) + data[scan + 800 :]) in ("damaged", "truncated")


@pytest.mark.parametrize("depth", [1, 8, 24, 32])
def test_bmp_of_another_height_or_length_is_noticed(depth: int) -> None:
    mode = {1: "1", 8: "P", 24: "RGB", 32: "RGBA"}[depth]
    data = saved(Image.fromarray(picture()).convert(mode), "BMP")
    assert decode_image(data, "a").shape == (96, 128, 3)
    taller = data[:22] + struct.pack("<i", 192) + data[26:]
    shorter = data[:22] + struct.pack("<i", 48) + data[26:]
    assert (reason_of(taller), reason_of(shorter), reason_of(data[:-9])) == (
        "truncated",
        "damaged",
        "truncated",
    )


def test_webp_with_a_head_of_another_size_is_noticed() -> None:
    data = saved(Image.fromarray(picture()).convert("RGBA"), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    assert data[12:16] == b"VP8X"
    assert decode_image(data, "a").shape == (96, 128, 3)
    assert reason_of(data[:24] + struct.pack("<I", 16_382)[:3] + data[27:]) == "damaged"


def test_a_strip_of_99_million_pixels_is_too_large_and_takes_no_memory() -> None:
    raw = bytes(1 + 99_000_000 // 8)
    palette = chunk(b"PLTE", bytes(range(6)))
    assert reason_of(png(99_000_000, 1, 3, raw, palette, depth=1)) == "too large"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory"),
        (RecursionError("too deep"), "damaged"),
        (struct.error("unpack requires 4 bytes"), "damaged"),
        (OverflowError("too large to convert"), "damaged"),
        (AttributeError("no such attribute"), "damaged"),
        (AssertionError(), "damaged"),
    ],
)
def test_whatever_a_decoder_raises_belongs_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(_: ImageFile.ImageFile) -> None:
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    png_file = saved(Image.fromarray(picture()), "PNG")
    out = prepared(tmp_path, {"ISIC_0000001.png": lambda path: path.write_bytes(png_file)})
    assert load_report(out).datasets["ham10000"].reasons == {reason: 1}
    assert pd.read_csv(out / "missing.csv")["path"].tolist() == ["images/ISIC_0000001.png"]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.path.relpath(path))  # its name may not be long


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 31)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_pipe, "not a file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a file"),
        (lambda path: path.symlink_to("/dev/stdin"), "not a file"),
        (_socket, "not a file"),
        (_sparse, "too large"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: None, "no such file"),
    ],
)
def test_only_regular_files_of_a_sensible_size_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "a.jpg"
    make(file)
    with pytest.raises(ImageError) as caught:
        read_image(file, file)
    assert caught.value.reason == reason
    assert fingerprint_file(tmp_path, "a.jpg")["reason"] == reason


def test_pipe_among_the_pictures_is_listed_and_not_waited_for(tmp_path: Path) -> None:
    out = prepared(tmp_path, {"ISIC_0000001.jpg": os.mkfifo})
    assert load_report(out).datasets["ham10000"].reasons == {"not a file": 1}


def test_read_regular_gives_whole_files_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_regular(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="at most 4"):
        read_regular(tmp_path / "a", 4)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 4)


def _tables_at(data: bytes) -> int:
    return data.index(b"\xff\xdb")


@pytest.mark.parametrize("kind", ["jpeg", "jpeg grey", "jpeg cmyk", "jpeg progressive"])
def test_stray_bytes_before_the_first_table_cost_nothing(kind: str) -> None:
    data = sound()[kind]
    at = _tables_at(data)
    odd = data[:at] + b"\1\2\3\4" + data[at:]
    np.testing.assert_array_equal(decode_image(odd, "a"), decode_image(data, "a"))
    np.testing.assert_array_equal(decode_image(odd, "a"), np.array(Image.open(BytesIO(data)).convert("RGB")))


def test_stray_bytes_that_may_have_been_more_than_that_are_damage() -> None:
    data = sound()["jpeg"]
    at = _tables_at(data)
    assert reason_of(data[:at] + bytes(40) + data[at:]) == "damaged"  # a segment without its mark
    progressive = sound()["jpeg progressive"]
    second = progressive.index(b"\xff\xc4", progressive.index(b"\xff\xda"))  # between two scans
    assert reason_of(progressive[:second] + b"\1\2\3\4\5\6\7\x08\x09" + progressive[second:]) == "damaged"


@pytest.mark.parametrize(("most", "shape"), [(96 * 128 - 1, (48, 64)), (5_000, (48, 64))])
def test_larger_jpeg_is_decoded_at_the_fraction_that_fits(most: int, shape: tuple[int, int]) -> None:
    data = sound()["jpeg"]
    small = decode_image(data, "a", max_pixels=most)
    assert small.shape == (*shape, 3)
    draft = Image.open(BytesIO(data))
    draft.draft("RGB", (64, 48))
    np.testing.assert_array_equal(small, np.array(draft))
    assert reason_of(data, max_pixels=4_900) == "too large"  # more than REDUCED times as many
    assert reason_of(sound()["jpeg progressive"], max_pixels=most) == "too large"
    assert reason_of(sound()["jpeg cmyk"], max_pixels=most) == "too large"
    assert reason_of(sound()["png"], max_pixels=most) == "too large"


def test_phone_picture_of_108_megapixels_reaches_shard_and_server_alike(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    flat = Image.new("L", (12_000, 9_000), 90)
    flat.paste(200, (0, 0, 6_000, 4_500))
    flat.save(tmp_path / "a.jpg", exif=exif)
    stored = encode(Source(tmp_path / "a.jpg", None), ShardSettings(longest_side=256))
    settings = Preprocessing(64, "squash", 256, 95)
    assert Preprocessor(settings).encoded(tmp_path / "a.jpg", "a") == stored.data
    pixels = decode_image(stored.data, "a")
    assert pixels.shape == (256, 192, 3)
    assert abs(int(pixels[20, -20, 0]) - 200) <= 2  # turned by a quarter
    assert abs(int(pixels[-20, 20, 0]) - 90) <= 2


def test_jpeg_of_very_many_scans_is_refused_before_it_costs_time() -> None:
    data = sound()["jpeg progressive"]
    last = data.rindex(b"\xff\xda")
    assert "scans" in str(_error(data[:-2] + data[last:-2] * 200 + b"\xff\xd9"))


def _error(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data, "a")
    return caught.value


def test_heic_without_its_decoder_is_named_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = _error(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(50))
    assert error.reason == "unsupported format"
    assert "pip install pillow-heif" in error.fix


def test_heic_is_read_upright() -> None:
    heif = pytest.importorskip("pillow_heif")
    image = Image.fromarray(picture())
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = BytesIO()
    heif.from_pillow(image).save(stream, quality=95, exif=exif.tobytes())
    pixels = decode_image(stream.getvalue(), "a")
    truth = np.array(image.transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert pixels.shape == truth.shape
    assert np.abs(pixels - truth).mean() < 8  # its colour has half the resolution
    assert reason_of(stream.getvalue()[:-500]) == "truncated"
    assert reason_of(stream.getvalue(), max_pixels=100) == "too large"
