"""Shards: what is in them, and that they are whole or not there."""

from __future__ import annotations

import errno
import tarfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import simplejpeg
import webdataset
from PIL import Image

from skintag.core.errors import ConfigError, DataError, ImageError
from skintag.core.io import read_json, write_json
from skintag.data.images.encoding import Source, encode
from skintag.data.shards import writer as shards_module
from skintag.data.shards.format import Manifest
from skintag.data.shards.reader import ShardStore
from skintag.data.shards.writer import ShardReport, ShardSettings, write_shards
from tests.data.loader_fixtures import colour_of, jpeg, make_raw, number_of, roots_of

SMALL = ShardSettings(longest_side=64, samples_per_shard=4)


def write(
    catalog: pd.DataFrame, folder: Path, settings: ShardSettings = SMALL, workers: int = 1
) -> ShardReport:
    return write_shards(catalog, roots_of(catalog, folder / "raw"), folder / "prepared", settings, workers)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def encoded(tmp_path: Path, data: bytes, longest_side: int = 64) -> np.ndarray | bytes:
    """What the shard holds of the image: its bytes, if they are the source's own, else pixels."""
    path = tmp_path / "image"
    path.write_bytes(data)
    got = encode(Source(path, None), ShardSettings(longest_side=longest_side))
    assert got.unchanged == (got.data == data)
    assert simplejpeg.decode_jpeg_header(got.data)[2] == "YCbCr"
    return got.data if got.unchanged else simplejpeg.decode_jpeg(got.data)


def as_bytes(image: Image.Image, format: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def test_webdataset_reads_every_readable_image_under_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webdataset.utils.enforce_security", False)  # where on, it opens no local file
    catalog = make_raw(tmp_path / "raw", {"ham10000": 6, "ddi": 3})
    catalog.loc[2, "status"] = "missing"
    report = write(catalog, tmp_path)
    assert (report.images, report.shards, report.written, report.unchanged) == (8, 3, 3, 8)
    found = {}
    for tar in sorted((tmp_path / "prepared" / "shards").rglob("*.tar")):
        for sample in webdataset.WebDataset(str(tar), shardshuffle=False):
            found[sample["__key__"]] = number_of(simplejpeg.decode_jpeg(sample["jpg"]))
    expected = catalog[catalog["status"] == "ok"].set_index("image_id")["number"].to_dict()
    assert found == expected


def test_index_points_at_the_bytes_in_the_tar(tmp_path: Path) -> None:
    write(make_raw(tmp_path / "raw", {"ham10000": 6}), tmp_path)
    folder = tmp_path / "prepared" / "shards" / "ham10000"
    total = 0
    for entry in Manifest.read(folder).shards:
        tar = (folder / entry.name).read_bytes()
        assert (len(tar), sha256(tar).hexdigest()) == (entry.bytes, entry.sha256)
        index = pd.read_parquet((folder / entry.name).with_suffix(".index.parquet"))
        with tarfile.open(folder / entry.name) as archive:
            for row in index.itertuples():
                member = archive.extractfile(f"{row.image_id}.jpg")
                assert member is not None
                data = tar[row.offset : row.offset + row.length]
                assert data == member.read()
                assert sha256(data).hexdigest() == row.sha256
                total += 1
    assert total == 6


def test_small_upright_jpeg_keeps_its_bytes(tmp_path: Path) -> None:
    data = jpeg(colour_of(5), (64, 48))
    assert encoded(tmp_path, data) == data


@pytest.mark.parametrize(
    ("size", "expected"),
    [((128, 96), (48, 64)), ((96, 128), (64, 48)), ((65, 10), (10, 64)), ((500, 2), (1, 64))],
)
def test_larger_image_is_shrunk_to_the_longest_side(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    pixels = encoded(tmp_path, jpeg((200, 100, 50), size))
    assert isinstance(pixels, np.ndarray)
    assert pixels.shape == (*expected, 3)


def test_png_is_stored_with_colour_at_full_resolution(tmp_path: Path) -> None:
    stripes = np.zeros((16, 16, 3), dtype=np.uint8)
    stripes[:, ::2] = (220, 40, 40)
    stripes[:, 1::2] = (40, 40, 220)
    pixels = encoded(tmp_path, as_bytes(Image.fromarray(stripes), "PNG"))
    assert isinstance(pixels, np.ndarray)
    assert np.abs(pixels.astype(int) - stripes).mean() < 5  # 4:2:0 would mix red with blue: 60 or more


def test_rotated_photograph_is_stored_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), (0, 0, 0))
    image.paste((250, 0, 0), (0, 0, 20, 20))  # left half red; orientation 6 shows it at the top
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = encoded(tmp_path, as_bytes(image, "JPEG", quality=95, exif=exif))
    assert isinstance(pixels, np.ndarray)
    assert pixels.shape == (40, 20, 3)
    assert pixels[:15, :, 0].min() > 200
    assert pixels[25:, :, 0].max() < 50


@pytest.mark.parametrize(("mode", "colour"), [("L", 120), ("CMYK", (0, 100, 100, 20))])
def test_other_colour_spaces_become_three_channels(tmp_path: Path, mode: str, colour: object) -> None:
    image = Image.new(mode, (24, 24), colour)  # type: ignore[arg-type]
    pixels = encoded(tmp_path, as_bytes(image, "JPEG", quality=95))
    assert isinstance(pixels, np.ndarray)
    assert np.abs(pixels.astype(int) - np.asarray(image.convert("RGB"), dtype=int)).max() <= 6


def test_order_depends_on_image_ids_alone(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 12})
    write(catalog, tmp_path)
    once = files(tmp_path / "prepared")
    (tmp_path / "prepared").rename(tmp_path / "before")
    write(catalog.sample(frac=1, random_state=0), tmp_path)
    assert files(tmp_path / "prepared") == once
    order = list(ShardStore(tmp_path / "before", ["ham10000"]).image_ids)
    assert order != sorted(order)
    assert sorted(order) == sorted(catalog["image_id"])


def test_worker_processes_write_the_same_bytes(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 30})
    write(catalog, tmp_path)
    once = files(tmp_path / "prepared")
    (tmp_path / "prepared").rename(tmp_path / "before")
    write(catalog, tmp_path, workers=2)
    assert files(tmp_path / "prepared") == once


def test_second_call_writes_nothing(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 10})
    first = write(catalog, tmp_path)
    again = write(catalog, tmp_path)
    assert (again.written, again.images, again.bytes) == (0, first.images, first.bytes)


def test_killed_call_is_taken_up_after_its_last_whole_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 10})
    write(catalog, tmp_path)
    whole = files(tmp_path / "prepared")
    (tmp_path / "prepared").rename(tmp_path / "before")

    real, calls = shards_module.write_index, []

    def killed(*args: object) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt  # the second tar is there, its index is not
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(shards_module, "write_index", killed)
    with pytest.raises(KeyboardInterrupt):
        write(catalog, tmp_path)
    monkeypatch.undo()
    folder = tmp_path / "prepared" / "shards" / "ham10000"
    (folder / ".ham10000-00002.tar.0123abcd.part").write_bytes(b"what SIGKILL leaves")
    with pytest.raises(DataError, match=r"manifest\.json"):
        ShardStore(tmp_path / "prepared", ["ham10000"])
    first = (folder / "ham10000-00000.tar").stat()
    report = write(catalog, tmp_path)
    assert report.written == 2
    assert (folder / "ham10000-00000.tar").stat().st_ino == first.st_ino
    assert files(tmp_path / "prepared") == whole


def test_second_process_waits_for_the_first_and_finds_all_done(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 40})
    with ThreadPoolExecutor(3) as pool:  # each opens the lock for itself, as processes do
        reports = list(pool.map(lambda _: write(catalog, tmp_path), range(3)))
    assert sorted(report.written for report in reports) == [0, 0, 10]
    ShardStore(tmp_path / "prepared", ["ham10000"]).verify()


@pytest.mark.parametrize("full_at", ["tar", "index", "manifest", "flush"])
def test_full_disk_is_an_error_that_leaves_nothing_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {
        "tar": "tarfile.TarFile.addfile",
        "index": "skintag.data.shards.format.pq.write_table",
        "manifest": "skintag.data.shards.writer.write_json",
        "flush": "skintag.core.io.os.fsync",
    }[full_at]
    catalog = make_raw(tmp_path / "raw", {"ham10000": 6})
    monkeypatch.setattr(target, full)
    with pytest.raises(DataError, match=r"No space left.*\n.*make room"):
        write(catalog, tmp_path)
    monkeypatch.undo()
    folder = tmp_path / "prepared" / "shards" / "ham10000"
    assert not list(folder.glob(".*"))
    assert not (folder / "manifest.json").exists()
    with pytest.raises(DataError, match="no such file"):
        ShardStore(tmp_path / "prepared", ["ham10000"])
    write(catalog, tmp_path)
    ShardStore(tmp_path / "prepared", ["ham10000"]).verify()


def test_error_that_is_not_a_full_disk_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    catalog = make_raw(tmp_path / "raw", {"ham10000": 6})
    monkeypatch.setattr("tarfile.TarFile.addfile", broken)
    with pytest.raises(OSError, match="Input/output"):
        write(catalog, tmp_path)


@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_in_the_same_folder_are_refused(tmp_path: Path, finished: bool) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 6})
    write(catalog, tmp_path)
    if not finished:
        (tmp_path / "prepared" / "shards" / "ham10000" / "manifest.json").unlink()
    before = files(tmp_path / "prepared")
    with pytest.raises(DataError, match=r"'longest_side': 64(.|\n)*delete this folder"):
        write(catalog, tmp_path, ShardSettings(longest_side=32, samples_per_shard=4))
    assert files(tmp_path / "prepared") == before


def test_other_images_in_a_finished_folder_are_refused(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 10})
    write(catalog.iloc[:8], tmp_path)
    with pytest.raises(DataError, match="shards are never changed"):
        write(catalog, tmp_path)
    with pytest.raises(DataError, match="shards are never changed"):
        write(catalog.iloc[:4], tmp_path)


def test_other_images_in_an_unfinished_folder_are_replaced(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 10})
    write(catalog, tmp_path)
    (tmp_path / "prepared" / "shards" / "ham10000" / "manifest.json").unlink()
    write(catalog.iloc[:4], tmp_path)
    assert len(ShardStore(tmp_path / "prepared", ["ham10000"])) == 4
    assert len(list((tmp_path / "prepared").rglob("*.tar"))) == 1


def test_folder_of_another_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 6})
    write(catalog, tmp_path)
    manifest = tmp_path / "prepared" / "shards" / "ham10000" / "manifest.json"
    write_json(manifest, {**read_json(manifest), "format": 99})
    before = files(tmp_path / "prepared")
    with pytest.raises(DataError, match=r"format 99\n.*delete the folder"):
        write(catalog, tmp_path)
    assert files(tmp_path / "prepared") == before


def test_lost_shard_is_written_again(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 10})
    write(catalog, tmp_path)
    before = files(tmp_path / "prepared")
    shard = tmp_path / "prepared" / "shards" / "ham10000" / "ham10000-00001.tar"
    shard.write_bytes(shard.read_bytes()[:1000])
    assert write(catalog, tmp_path).written == 1
    assert files(tmp_path / "prepared") == before


def test_dataset_without_a_readable_image_has_an_empty_manifest(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 3, "ddi": 2})
    catalog.loc[catalog["dataset"] == "ddi", "status"] = "missing"
    assert write(catalog, tmp_path).images == 3
    assert len(ShardStore(tmp_path / "prepared", ["ddi"])) == 0
    assert len(ShardStore(tmp_path / "prepared", ["ddi", "ham10000"])) == 3


def test_image_changed_since_it_was_catalogued_is_named(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 3})
    (tmp_path / "raw" / "ham10000" / "0001.jpg").write_bytes(jpeg((1, 2, 3)))
    with pytest.raises(DataError, match=r"0001\.jpg(.|\n)*SHA-256"):
        write(catalog, tmp_path)
    (tmp_path / "raw" / "ham10000" / "0001.jpg").unlink()
    with pytest.raises(DataError, match=r"0001\.jpg(.|\n)*no such file"):
        write(catalog, tmp_path)


def test_image_that_cannot_be_decoded_stops_the_writing(tmp_path: Path) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 3}).assign(content_hash=None)
    path = tmp_path / "raw" / "ham10000" / "0001.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ImageError, match=r"0001\.jpg"):
        write(catalog, tmp_path)
    assert not list((tmp_path / "prepared").rglob("*.tar"))


@pytest.mark.parametrize("name", ["ham10000/a.b", "../escape", "ham10000/" + "x" * 100, "ham10000/a\\b"])
def test_image_id_that_is_no_name_in_a_tar_is_refused(tmp_path: Path, name: str) -> None:
    catalog = make_raw(tmp_path / "raw", {"ham10000": 3})
    catalog.loc[1, "image_id"] = name
    with pytest.raises(DataError, match="without dots"):
        write(catalog, tmp_path)


@pytest.mark.parametrize(
    "bad", [{"longest_side": 4}, {"quality": 0}, {"quality": 101}, {"samples_per_shard": 0}]
)
def test_senseless_settings_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        ShardSettings(**bad)
