"""The zip of a bundle: always the same bytes, and nothing leads out of it."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from skintag.bundle import Bundle
from skintag.bundle.archive import unpack, write_zip
from skintag.bundle.verify import verify
from skintag.core.errors import DataError
from tests.bundle.small import write_small


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small(tmp_path / "bundle")


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    write_zip(folder, tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


def add(path: Path, name: str, data: bytes = b"x", mode: int = stat.S_IFREG | 0o644, **kind: int) -> None:
    """Append an entry to a zip."""
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.create_system, info.external_attr = 3, mode << 16
    info.compress_type = kind.get("compress_type", zipfile.ZIP_STORED)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, data)


def refused(path: Path, match: str, out: Path, limit: int = 1 << 30) -> None:
    with pytest.raises(DataError, match=match):
        unpack(path, out, limit)
    assert not out.exists() or not any(out.iterdir()), "something was written"


def test_unpacked_it_is_the_folder_again(folder: Path, archive: Path, tmp_path: Path) -> None:
    unpack(archive, tmp_path / "out")
    assert verify(tmp_path / "out") == verify(folder)


def test_same_folder_gives_the_same_bytes_whenever_it_was_written(folder: Path, archive: Path) -> None:
    before = archive.read_bytes()
    for path in folder.rglob("*"):
        os.utime(path, (1e9, 1e9))
    write_zip(folder, archive)
    assert archive.read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.json",
        "a/../../escaped.json",
        "/escaped.json",
        "C:/escaped.json",
        "..\\escaped.json",
        "C:escaped",
    ],
)
def test_entry_that_leads_out_is_refused(archive: Path, tmp_path: Path, name: str) -> None:
    add(archive, name)
    refused(archive, "below the bundle's own folder", tmp_path / "out")
    assert not list(tmp_path.rglob("*escaped*"))


def test_link_in_a_zip_is_refused(archive: Path, tmp_path: Path) -> None:
    add(archive, "link.json", b"/etc/passwd", stat.S_IFLNK | 0o777)
    refused(archive, r"link\.json is a link", tmp_path / "out")


def test_device_in_a_zip_is_refused(archive: Path, tmp_path: Path) -> None:
    add(archive, "device.json", b"", stat.S_IFCHR | 0o644)
    refused(archive, "no plain file", tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["texts.json", "TEXTS.json"])
def test_same_name_twice_is_refused(archive: Path, tmp_path: Path, name: str) -> None:
    add(archive, name)
    refused(archive, "twice", tmp_path / "out")


def test_bomb_is_refused_by_what_it_would_unpack_to(archive: Path, tmp_path: Path) -> None:
    add(archive, "zeros.json", bytes(20_000_000), compress_type=zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 100_000
    refused(archive, "20,0", tmp_path / "out")


def test_total_size_has_a_limit(archive: Path, tmp_path: Path) -> None:
    refused(archive, "at most 100 bytes", tmp_path / "out", limit=100)


def test_other_compression_is_refused(archive: Path, tmp_path: Path) -> None:
    add(archive, "a.json", compress_type=zipfile.ZIP_LZMA)
    refused(archive, "packed otherwise", tmp_path / "out")


def test_entry_that_is_not_listed_is_refused(archive: Path) -> None:
    add(archive, "more.json", b"{}")
    with pytest.raises(DataError, match=r"also more\.json") as caught:
        Bundle.load(archive)
    assert str(archive) in str(caught.value), "names the zip, not where it was unpacked"


def test_changed_byte_in_a_zip_is_refused(archive: Path) -> None:
    data = archive.read_bytes()
    assert data.count(b"# Card") == 1
    archive.write_bytes(data.replace(b"# Card", b"# Lard"))
    with pytest.raises(DataError, match=r"bundle\.zip"):
        Bundle.load(archive)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_zip_that_was_cut_short_is_refused(archive: Path, keep: float) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises(DataError, match="whole"):
        Bundle.load(archive)


def test_missing_path_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        Bundle.load(tmp_path / "nothing.zip")
