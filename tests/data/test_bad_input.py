"""Whatever lies in a raw folder is used, or counted and listed with the reason."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFile

from skintag.core.errors import DataError
from skintag.data.catalog.catalog import read_catalog
from skintag.data.images.files import decode_image
from skintag.data.prepared.settings import DataSettings
from skintag.data.prepared.writing import load_report, write_prepared
from skintag.data.shards.reader import ShardStore


def picture(seed: int = 0) -> Image.Image:
    """Landscape, 80 x 60, bright on the left and dark on the right."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 60, (12, 16, 3)) + np.linspace(190, 0, 16).astype(int)[None, :, None]
    return Image.fromarray(coarse.astype(np.uint8)).resize((80, 60), Image.Resampling.BICUBIC)


def huge_png() -> bytes:
    """30,000 x 30,000 pixels in a few thousand bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(2_000_000), 9))
    return b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b"")


def ham_folder(root: Path, images: dict[str, Callable[[Path], object]]) -> Path:
    """A HAM10000 folder with one nevus per image; each is written by the function given."""
    (root / "images").mkdir(parents=True)
    rows = [f"HAM_{number},{Path(name).stem},nv,histo,50.0,male,back" for number, name in enumerate(images)]
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization"
    (root / "HAM10000_metadata.csv").write_text("\n".join([header, *rows, ""]))
    for name, write in images.items():
        write(root / "images" / name)
    return root


def prepared(tmp_path: Path, images: dict[str, Callable[[Path], object]]) -> Path:
    raw = ham_folder(tmp_path / "ham10000", {"ISIC_0000000.jpg": lambda path: picture().save(path), **images})
    return write_prepared(DataSettings({"ham10000": str(raw)}, str(tmp_path / "prepared"), workers=1))


def cut_jpeg(path: Path) -> None:
    picture().save(path)
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    ("name", "write", "reason"),
    [
        ("ISIC_0000001.jpg", lambda path: path.write_bytes(b""), "empty"),
        ("ISIC_0000001.jpg", cut_jpeg, "truncated"),
        ("ISIC_0000001.png", lambda path: path.write_bytes(huge_png()), "too large"),
        ("ISIC_0000001.jpg", lambda path: path.write_text("<html>404 not found</html>"), "not an image"),
        ("ISIC_0000001.gif", lambda path: picture().save(path), "unsupported format"),
    ],
)
def test_unusable_image_is_counted_and_listed_and_in_no_shard(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    write: Callable[[Path], object],
    reason: str,
) -> None:
    real_load = ImageFile.ImageFile.load

    def small_only(self: ImageFile.ImageFile) -> object:
        assert self.width * self.height < 10**6, "pixels of a huge image were decoded"
        return real_load(self)

    monkeypatch.setattr(ImageFile.ImageFile, "load", small_only)
    out = prepared(tmp_path, {name: write})
    report = load_report(out).datasets["ham10000"]
    assert (report.rows, report.images, report.missing, report.unreadable) == (2, 1, 0, 1)
    assert report.reasons == {reason: 1}
    listed = pd.read_csv(out / "missing.csv")
    assert listed[["path", "reason"]].to_numpy().tolist() == [[f"images/{name}", reason]]
    assert ShardStore(out, ["ham10000"]).image_ids.tolist() == ["ham10000/ISIC_0000000"]


def cmyk(path: Path) -> None:
    picture().convert("CMYK").save(path, quality=95)


def grey_16_bit(path: Path) -> None:
    grey = np.array(picture().convert("L")).astype(np.uint16)
    Image.fromarray(grey * 257).save(path)


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8  # stored turned by 90 degrees clockwise: turn it back
    picture().transpose(Image.Transpose.ROTATE_270).save(path, exif=exif, quality=95)


def transparent(path: Path) -> None:
    image = picture().convert("RGBA")
    image.putalpha(255)
    image.save(path)


@pytest.mark.parametrize(
    ("name", "write", "grey"),
    [
        ("ISIC_0000001.jpg", cmyk, False),
        ("ISIC_0000001.png", grey_16_bit, True),
        ("ISIC_0000001.jpg", rotated, False),
        ("ISIC_0000001.png", transparent, False),
    ],
)
def test_unusual_image_reaches_the_shard_as_upright_rgb(
    tmp_path: Path, name: str, write: Callable[[Path], object], grey: bool
) -> None:
    out = prepared(tmp_path, {name: write})
    catalog = read_catalog(out / "catalog.parquet").set_index("image_id")
    assert catalog.loc["ham10000/ISIC_0000001", ["width", "height"]].tolist() == [80, 60]
    store = ShardStore(out, ["ham10000"])
    stored = decode_image(store.read(int(store.positions(["ham10000/ISIC_0000001"])[0])), "shard")
    truth = np.array(picture().convert("L").convert("RGB") if grey else picture())
    assert stored.shape == truth.shape
    assert np.abs(stored.astype(int) - truth).mean() < 3


def test_missing_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    ham_folder(tmp_path / "ham_10000", {"ISIC_0000001.jpg": lambda path: picture().save(path)})
    settings = DataSettings({"ham10000": str(tmp_path / "ham10000")}, str(tmp_path / "prepared"), workers=1)
    with pytest.raises(DataError) as caught:
        write_prepared(settings)
    for piece in (str(tmp_path / "ham10000"), "ham_10000", "data.sources.ham10000"):
        assert piece in str(caught.value)
    assert not (tmp_path / "prepared" / "catalog.parquet").exists()


def test_folder_without_any_usable_image_is_refused(tmp_path: Path) -> None:
    raw = ham_folder(tmp_path / "ham10000", {"ISIC_0000001.jpg": lambda path: path.write_bytes(b"")})
    with pytest.raises(DataError, match="none of 1 can be used"):
        write_prepared(DataSettings({"ham10000": str(raw)}, str(tmp_path / "prepared"), workers=1))
    assert not (tmp_path / "prepared" / "catalog.parquet").exists()
