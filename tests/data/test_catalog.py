"""The catalog: every image opened once, remembered, and described whatever its state."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skintag.core.errors import DataError
from skintag.data.catalog import catalog as catalog_module
from skintag.data.catalog import fingerprint
from skintag.data.catalog.catalog import build_catalog, catalog_fingerprint, read_catalog, write_catalog
from skintag.data.catalog.schema import CATALOG_COLUMNS, RECORD_COLUMNS, conform
from skintag.data.sources import SourceTable


def picture(seed: int, size: tuple[int, int] = (90, 60)) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def table(root: Path, dataset: str, paths: list[str | None], **columns: list[object]) -> SourceTable:
    """Records with nothing known but what is given."""
    n = len(paths)
    values = {
        "image_id": [f"{dataset}/{number}" for number in range(n)],
        "dataset": [dataset] * n,
        "domain": ["dermoscopic"] * n,
        "path": paths,
        **columns,
    }
    frame = pd.DataFrame({name: values.get(name, [None] * n) for name in RECORD_COLUMNS}, dtype="object")
    return SourceTable(dataset, root, conform(frame, RECORD_COLUMNS, "test"), ())


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """0 and 1: pictures, 2: the first again, 3: the first at half size, 4: cut short, 5: not there."""
    root = tmp_path / "ham10000"
    root.mkdir()
    picture(0, (120, 80)).save(root / "a.jpg", quality=95)
    picture(1).save(root / "b.png")
    (root / "c.jpg").write_bytes((root / "a.jpg").read_bytes())
    picture(0, (120, 80)).resize((60, 40), Image.Resampling.BOX).save(root / "d.jpg", quality=80)
    (root / "e.jpg").write_bytes((root / "a.jpg").read_bytes()[:-100])
    return root


PATHS = ["a.jpg", "b.png", "c.jpg", "d.jpg", "e.jpg", None]


def build(raw: Path, cache: Path | None = None, workers: int = 2) -> pd.DataFrame:
    return build_catalog([table(raw, "ham10000", PATHS)], workers=workers, cache=cache)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the images that are opened from now on."""
    seen: list[str] = []
    real = fingerprint.fingerprint_file

    def spy(root: Path, path: str) -> dict[str, object]:
        seen.append(path)
        return real(root, path)

    monkeypatch.setattr(fingerprint, "fingerprint_file", spy)
    return seen


def test_rows_say_what_was_found(raw: Path) -> None:
    frame = build(raw)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == CATALOG_COLUMNS
    assert frame["status"].tolist() == ["ok"] * 4 + ["unreadable", "missing"]
    assert frame["reason"].isna().tolist() == [True] * 4 + [False, True]
    assert frame["reason"][4] == "truncated"
    assert frame["content_hash"][1] == hashlib.sha256((raw / "b.png").read_bytes()).hexdigest()
    assert frame["content_hash"].isna().tolist() == [False] * 4 + [True] * 2
    assert frame["phash"].str.len().tolist()[:4] == [16] * 4
    assert (frame["width"][1], frame["height"][1]) == (90, 60)
    assert frame["file_bytes"][4] == (raw / "e.jpg").stat().st_size
    assert frame["duplicate_id"][:4].tolist() == ["ham10000/0", "ham10000/1", "ham10000/0", "ham10000/0"]
    assert frame["duplicate_id"].isna().tolist() == [False] * 4 + [True] * 2
    assert frame["group_id"].tolist() == [f"ham10000/{k}" for k in (0, 1, 0, 0, 4, 5)]


def test_size_is_that_of_the_upright_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0, (90, 60)).save(tmp_path / "a.jpg", exif=exif)
    frame = build_catalog([table(tmp_path, "ham10000", ["a.jpg"])], workers=1, cache=None)
    assert (frame["width"][0], frame["height"][0]) == (60, 90)


def test_pictures_are_joined_across_datasets(raw: Path, tmp_path: Path) -> None:
    other = tmp_path / "bcn"
    other.mkdir()
    picture(1, (180, 120)).save(other / "x.png")  # ham10000/1 at double size
    tables = [
        table(raw, "ham10000", ["a.jpg", "b.png"], lesion_id=["ham10000/l", "ham10000/m"]),
        table(other, "bcn20000", ["x.png", None], lesion_id=["bcn20000/l", "bcn20000/l"]),
    ]
    frame = build_catalog(tables, workers=1, cache=None).set_index("image_id")
    assert frame["group_id"].to_dict() == {
        "bcn20000/0": "bcn20000/0",
        "bcn20000/1": "bcn20000/0",  # by its lesion, though it has no file
        "ham10000/0": "ham10000/0",
        "ham10000/1": "bcn20000/0",  # by the picture
    }


def test_order_of_tables_and_rows_changes_nothing(raw: Path, tmp_path: Path) -> None:
    other = table(tmp_path, "bcn20000", [None, None])
    first = table(raw, "ham10000", PATHS)
    turned = SourceTable("ham10000", raw, first.records[::-1].reset_index(drop=True), ())
    pd.testing.assert_frame_equal(
        build_catalog([first, other], workers=2, cache=None),
        build_catalog([other, turned], workers=1, cache=None),
    )


def test_second_build_opens_no_image_and_says_so(
    raw: Path, tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = build(raw, tmp_path / "cache")
    assert sorted(opened) == PATHS[:5]
    opened.clear()
    pd.testing.assert_frame_equal(first, build(raw, tmp_path / "cache"))
    assert opened == []
    assert "5 of 5 images unchanged" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["content", "time"])
def test_changed_file_is_opened_again(raw: Path, tmp_path: Path, opened: list[str], change: str) -> None:
    first = build(raw, tmp_path / "cache")
    opened.clear()
    stat = (raw / "b.png").stat()
    if change == "content":
        picture(7).save(raw / "b.png")
    os.utime(raw / "b.png", ns=(stat.st_atime_ns, stat.st_mtime_ns + (change == "time")))
    second = build(raw, tmp_path / "cache")
    assert opened == ["b.png"]
    assert (first["content_hash"] != second["content_hash"])[:4].tolist() == [
        False,
        change == "content",
        False,
        False,
    ]


def test_interrupted_build_goes_on_where_it_stopped(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]
) -> None:
    monkeypatch.setattr(fingerprint, "_BATCH", 1)
    spied = fingerprint.fingerprint_file

    def stop_at_d(root: Path, path: str) -> dict[str, object]:
        if path == "d.jpg":
            raise KeyboardInterrupt
        return spied(root, path)

    monkeypatch.setattr(fingerprint, "fingerprint_file", stop_at_d)
    with pytest.raises(KeyboardInterrupt):
        build(raw, tmp_path / "cache", workers=1)
    opened.clear()
    monkeypatch.setattr(fingerprint, "fingerprint_file", spied)
    build(raw, tmp_path / "cache", workers=1)
    assert sorted(opened) == ["d.jpg", "e.jpg"]


def test_what_is_known_is_saved_while_images_are_opened(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed cannot save anything any more."""
    saved: list[int] = []
    real = fingerprint._save
    monkeypatch.setattr(fingerprint, "_SAVE_EVERY", 2)

    def save(rows: pd.DataFrame, store: Path | None) -> None:
        saved.append(len(rows))
        real(rows, store)

    monkeypatch.setattr(fingerprint, "_save", save)
    build(raw, tmp_path / "cache", workers=1)
    assert saved == [2, 4, 5]


def test_damaged_cache_costs_time_only(raw: Path, tmp_path: Path, opened: list[str]) -> None:
    first = build(raw, tmp_path / "cache")
    for path in (tmp_path / "cache" / "fingerprints").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    opened.clear()
    pd.testing.assert_frame_equal(first, build(raw, tmp_path / "cache"))
    assert len(opened) == 5


def test_file_that_vanishes_is_unreadable_and_not_remembered(raw: Path, tmp_path: Path) -> None:
    listed = table(raw, "ham10000", ["a.jpg", "gone.jpg"])
    frame = build_catalog([listed], workers=1, cache=tmp_path / "cache")
    assert frame["reason"].tolist()[1] == "no such file"
    picture(5).save(raw / "gone.jpg")
    assert build_catalog([listed], workers=1, cache=tmp_path / "cache")["status"].tolist() == ["ok", "ok"]


def test_near_duplicates_are_remembered(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build(raw, tmp_path / "cache")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("pictures were compared again")

    monkeypatch.setattr(catalog_module, "near_duplicates", never)
    pd.testing.assert_frame_equal(first, build(raw, tmp_path / "cache"))


def test_no_usable_image_at_all(tmp_path: Path) -> None:
    frame = build_catalog([table(tmp_path, "ham10000", [None, None])], workers=1, cache=tmp_path / "cache")
    assert frame["status"].tolist() == ["missing", "missing"]
    assert frame["duplicate_id"].isna().all()


def test_shared_image_id_is_refused(raw: Path) -> None:
    with pytest.raises(DataError, match="ham10000/0"):
        build_catalog([table(raw, "ham10000", ["a.jpg"])] * 2, workers=1, cache=None)


def test_catalog_survives_the_disk(raw: Path, tmp_path: Path) -> None:
    frame = build(raw)
    write_catalog(frame, tmp_path / "deep" / "catalog.parquet")
    pd.testing.assert_frame_equal(read_catalog(tmp_path / "deep" / "catalog.parquet"), frame)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["catalog.parquet"]


def test_catalog_that_is_none_is_refused(raw: Path, tmp_path: Path) -> None:
    path = tmp_path / "catalog.parquet"
    with pytest.raises(DataError, match="no such file"):
        read_catalog(path)
    path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"catalog\.parquet"):
        read_catalog(path)
    build(raw).drop(columns="group_id").to_parquet(path)
    with pytest.raises(DataError, match="group_id"):
        read_catalog(path)


def test_catalog_of_an_earlier_version_is_read_with_skin_tone_unknown(raw: Path, tmp_path: Path) -> None:
    frame = build(raw)
    path = tmp_path / "catalog.parquet"
    frame.drop(columns="skin_tone").to_parquet(path)
    again = read_catalog(path)
    assert again.equals(frame)
    assert str(again["skin_tone"].dtype) == "Int8"
    assert again["skin_tone"].isna().all()


def test_fingerprint_ignores_order_and_nothing_else(raw: Path) -> None:
    frame = build(raw)
    known = catalog_fingerprint(frame)
    assert catalog_fingerprint(frame[::-1]) == known
    assert catalog_fingerprint(frame[[*reversed(frame.columns)]]) == known
    for column in CATALOG_COLUMNS:
        changed = frame.copy()
        row = changed[column].isna().argmin()  # a known value becomes unknown, an unknown one known
        if changed[column].notna().any():
            changed.loc[row, column] = None
        else:
            changed.loc[row, column] = {"str": "x", "boolean": True}.get(CATALOG_COLUMNS[column], 1)
        assert catalog_fingerprint(changed) != known, column
    swapped = frame.copy()
    swapped.loc[[0, 1], "site"] = ["back", None]
    other = frame.copy()
    other.loc[[0, 1], "site"] = [None, "back"]
    assert catalog_fingerprint(swapped) != catalog_fingerprint(other)
