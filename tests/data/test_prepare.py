"""Raw folders in, a prepared folder and a true report out; done once, however often it is asked for."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import write_json
from skintag.data.catalog.catalog import read_catalog
from skintag.data.images.files import decode_image
from skintag.data.prepared import writing as writing_module
from skintag.data.prepared.disagreements import DISAGREEMENTS, write_disagreements
from skintag.data.prepared.opening import ORIGIN, catalog_of, ensure_prepared, prepare_data
from skintag.data.prepared.report import Report
from skintag.data.prepared.settings import DataSettings
from skintag.data.prepared.tables import print_report
from skintag.data.prepared.writing import load_report, write_prepared
from skintag.data.shards.reader import ShardStore

HAM_HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
PAD_HEADER = "patient_id,lesion_id,age,gender,fitspatrick,region,diagnostic,img_id,biopsed"


def picture(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    return coarse.resize((80, 60), Image.Resampling.BICUBIC)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """HAM10000: 4 rows, 3 images, one of them empty. PAD-UFES-20: 3 rows, 3 images, one also in HAM10000."""
    ham = tmp_path / "raw" / "ham10000"
    (ham / "HAM10000_images_part_1").mkdir(parents=True)
    (ham / "HAM10000_images_part_2").mkdir()
    rows = [
        "HAM_1,ISIC_0000001,nv,histo,40.0,male,back",
        "HAM_1,ISIC_0000002,nv,histo,40.0,male,back",
        "HAM_2,ISIC_0000003,mel,histo,70.0,female,face",
        "HAM_3,ISIC_0000004,akiec,histo,,unknown,face",
    ]
    (ham / "HAM10000_metadata.csv").write_text("\n".join([HAM_HEADER, *rows, ""]))
    picture(1).save(ham / "HAM10000_images_part_1" / "ISIC_0000001.jpg", quality=95)
    picture(3).save(ham / "HAM10000_images_part_2" / "ISIC_0000003.jpg", quality=95)
    (ham / "HAM10000_images_part_2" / "ISIC_0000004.jpg").write_bytes(b"")
    pad = tmp_path / "raw" / "pad_ufes_20"
    (pad / "images").mkdir(parents=True)
    rows = [
        "PAT_1,10,60,FEMALE,2.0,ARM,BCC,PAT_1_10_100.png,True",
        "PAT_1,11,60,FEMALE,2.0,NECK,NEV,PAT_1_11_101.png,False",
        "PAT_2,12,,,,FACE,ACK,PAT_2_12_102.png,False",
    ]
    (pad / "metadata.csv").write_text("\n".join([PAD_HEADER, *rows, ""]))
    for seed, name in ((10, "PAT_1_10_100"), (11, "PAT_1_11_101"), (3, "PAT_2_12_102")):
        picture(seed).convert("RGBA").save(pad / "images" / f"{name}.png")
    return tmp_path / "raw"


@pytest.fixture
def settings(raw: Path, tmp_path: Path) -> Callable[..., DataSettings]:
    sources = {name: str(raw / name) for name in ("ham10000", "pad_ufes_20")}
    defaults = {"sources": sources, "prepared": str(tmp_path / "prepared"), "workers": 1, "longest_side": 64}
    return lambda **changes: DataSettings(**{**defaults, **changes})


def snapshot(folder: Path) -> dict[str, object]:
    """Every file with its inode and time of change: rewriting one changes these, whatever it holds.

    Manifests, which are small, are written anew by `write_shards` each time: of them, what they hold.
    """
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {
        str(path): path.read_bytes()
        if path.name == "manifest.json"
        else (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in files
    }


def test_prepared_folder_holds_catalog_shards_and_report(settings: Callable[..., DataSettings]) -> None:
    out = write_prepared(settings())
    catalog = read_catalog(out / "catalog.parquet")
    assert catalog["status"].value_counts().to_dict() == {"ok": 5, "missing": 1, "unreadable": 1}
    store = ShardStore(out, ["ham10000", "pad_ufes_20"])
    assert sorted(store.image_ids) == sorted(catalog["image_id"][catalog["status"] == "ok"])
    for number in range(len(store.image_ids)):
        assert decode_image(store.read(number), store.image_ids[number]).shape == (48, 64, 3)


def test_report_counts_what_is_there_and_what_is_not(settings: Callable[..., DataSettings]) -> None:
    report = load_report(write_prepared(settings()))
    ham, pad = report.datasets["ham10000"], report.datasets["pad_ufes_20"]
    assert (ham.rows, ham.images, ham.missing, ham.unreadable, ham.undiagnosed) == (4, 2, 1, 1, 0)
    assert ham.reasons == {"empty": 1}
    assert ham.raw_labels == {"nv": (2, 1), "mel": (1, 1), "akiec": (1, 0)}
    assert ham.conditions == {"melanoma": (1, 1), "actinic_keratosis": (1, 0), "melanocytic_nevus": (2, 1)}
    assert ham.malignancy == {"benign": (2, 1), "premalignant": (1, 0), "malignant": (1, 1)}
    assert ham.fitzpatrick == {"unknown": (4, 2)}
    assert pad.fitzpatrick == {"2": (2, 2), "unknown": (1, 1)}
    assert pad.fst_groups == {"I-II": (2, 2), "unknown": (1, 1)}
    assert report.shards["images"] == 5


def test_report_counts_duplicates_and_groups(settings: Callable[..., DataSettings]) -> None:
    relations = load_report(write_prepared(settings())).relations
    assert (relations.identical, relations.clusters, relations.clustered) == (0, 1, 2)
    assert (relations.across_datasets, relations.across_lesions, relations.across_malignancy) == (1, 1, 1)
    # HAM_1 twice; HAM_2 with PAT_2 by the picture; HAM_3; PAT_1 twice
    assert (relations.groups, relations.largest_group) == (4, 2)


def test_near_identical_pictures_with_two_diagnoses_are_shown(settings: Callable[..., DataSettings]) -> None:
    out = write_prepared(settings())
    page = (out / "disagreements.html").read_text()
    assert page.count("<section>") == 1
    assert page.count('src="data:image/jpeg;base64,') == 2
    assert "ham10000/ISIC_" in page
    assert "pad_ufes_20/PAT_" in page
    assert "http" not in page.replace("http-equiv", "")  # it loads nothing


def test_page_of_disagreements_takes_no_markup_from_a_label_and_goes_when_they_agree(tmp_path: Path) -> None:
    rows = {
        "image_id": ["a/1", "a/2"], "dataset": "a", "path": ["1.jpg", "2.jpg"], "status": "ok",
        "raw_label": ["<script>alert(1)</script>", "nv"], "malignancy": ["malignant", "benign"],
        "duplicate_id": "a/1", "lesion_id": None, "patient_id": ["p&q", None],
    }  # fmt: skip
    write_disagreements(pd.DataFrame(rows), {"a": tmp_path}, tmp_path)
    page = (tmp_path / DISAGREEMENTS).read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "p&amp;q" in page
    assert "No such file" in page  # the pictures are gone
    write_disagreements(pd.DataFrame(rows | {"malignancy": "benign"}), {"a": tmp_path}, tmp_path)
    assert not (tmp_path / DISAGREEMENTS).exists()


def test_unusable_images_are_listed_with_the_reason(settings: Callable[..., DataSettings]) -> None:
    out = write_prepared(settings())
    with (out / "missing.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["image_id"], row["status"], row["reason"]) for row in rows] == [
        ("ham10000/ISIC_0000002", "missing", ""),
        ("ham10000/ISIC_0000004", "unreadable", "empty"),
    ]
    assert rows[1]["path"].endswith("ISIC_0000004.jpg")


def test_second_call_writes_nothing(settings: Callable[..., DataSettings]) -> None:
    before = snapshot(write_prepared(settings()))
    assert len(before) > 8
    assert snapshot(write_prepared(settings())) == before
    assert snapshot(write_prepared(settings(workers=2))) == before


def test_changed_metadata_rewrites_the_catalog_and_no_shard(
    settings: Callable[..., DataSettings], raw: Path
) -> None:
    out = write_prepared(settings())
    before = snapshot(out)
    path = raw / "ham10000" / "HAM10000_metadata.csv"
    path.write_text(path.read_text().replace("mel,histo", "bcc,histo"))
    write_prepared(settings())
    changed = {Path(name).name for name, stamp in snapshot(out).items() if before.get(name) != stamp}
    assert changed == {
        "catalog.parquet",
        "report.json",
        "disagreements.html",
    }  # the label stands on that page
    assert "basal_cell_carcinoma" in load_report(out).datasets["ham10000"].conditions


@pytest.mark.parametrize("stage", ["write_shards", "_write_report", "write_catalog"])
def test_killed_call_leaves_no_catalog_and_goes_on(
    settings: Callable[..., DataSettings], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writing_module, stage, stop)
        with pytest.raises(KeyboardInterrupt):
            write_prepared(settings())
    out = Path(settings().prepared)
    assert not (out / "catalog.parquet").exists()
    shards = {name: stamp for name, stamp in snapshot(out).items() if "shards" in name}
    write_prepared(settings())
    assert read_catalog(out / "catalog.parquet")["status"].eq("ok").sum() == 5
    assert shards.items() <= snapshot(out).items()


def test_folder_without_its_last_file_is_finished_and_not_refused(
    settings: Callable[..., DataSettings],
) -> None:
    asked = settings()
    prepared = ensure_prepared(asked)
    origin = (prepared / ORIGIN).read_bytes()
    (prepared / ORIGIN).unlink()  # as a kill behind catalog.parquet leaves it
    assert ensure_prepared(asked) == prepared
    assert (prepared / ORIGIN).read_bytes() == origin


def test_catalog_goes_with_the_shards_that_it_described(
    settings: Callable[..., DataSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_prepared(settings())
    (out / "shards" / "ham10000" / "manifest.json").unlink()

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing_module, "write_shards", stop)
    with pytest.raises(KeyboardInterrupt):
        write_prepared(settings())
    assert not (out / "catalog.parquet").exists()


def test_new_images_are_not_mixed_into_finished_shards(
    settings: Callable[..., DataSettings], raw: Path
) -> None:
    out = write_prepared(settings())
    before = snapshot(out)
    picture(2).save(raw / "ham10000" / "HAM10000_images_part_1" / "ISIC_0000002.jpg")
    with pytest.raises(DataError, match="delete this folder"):
        write_prepared(settings())
    after = snapshot(out)
    assert {name: after[name] for name in before if "cache" not in name} == {
        name: stamp for name, stamp in before.items() if "cache" not in name
    }


def test_wrong_settings_are_refused(settings: Callable[..., DataSettings]) -> None:
    for changes, said in (
        ({"sources": {}}, "no dataset"),
        ({"sources": {"ham1000": "x"}}, "did you mean 'ham10000'"),
        ({"workers": 0}, "workers"),
        ({"quality": 0}, "quality"),
    ):
        with pytest.raises(ConfigError, match=said):
            settings(**changes)


def test_report_survives_the_disk_and_refuses_another_version(
    settings: Callable[..., DataSettings],
) -> None:
    out = write_prepared(settings())
    report = load_report(out)
    assert Report.from_dict(report.to_dict(), "here") == report
    write_json(out / "report.json", {**report.to_dict(), "version": 0})
    with pytest.raises(DataError, match=r"report\.json"):
        load_report(out)


def test_printed_report_shows_the_counts(settings: Callable[..., DataSettings]) -> None:
    stream = StringIO()
    print_report(load_report(write_prepared(settings())), Console(file=stream, width=120))
    text = stream.getvalue()
    for piece in (
        "ham10000",
        "empty 1",
        "melanocytic_nevus",
        "1 / 2",
        "I-II",
        "nv 1/2",
        "more than one dataset",
    ):
        assert piece in text


def test_verify_reads_shards_whole_and_writes_damaged_ones_again(
    settings: Callable[..., DataSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    out = write_prepared(settings())
    shard = out / "shards" / "ham10000" / "ham10000-00000.tar"
    whole = shard.read_bytes()
    before = snapshot(out)
    write_prepared(settings(), verify=True)
    assert snapshot(out) == before  # sound ones stay
    for at in (
        0,
        700,
        len(whole) // 2,
        len(whole) - 1,
    ):  # a header, an image, another, the padding at the end
        damaged = bytearray(whole)
        damaged[at] ^= 1
        shard.write_bytes(bytes(damaged))
        capsys.readouterr()
        write_prepared(settings(), verify=True)
        assert shard.read_bytes() == whole
        assert f"{shard} is damaged; it is written again" in capsys.readouterr().err
    assert prepare_data(settings(), verify=True) == out


def test_damaged_caches_are_said_and_made_again(
    settings: Callable[..., DataSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    out = write_prepared(settings())
    catalog = read_catalog(out / "catalog.parquet")
    for path in sorted((out / "cache").rglob("*.parquet")):
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 8
        path.write_bytes(bytes(data))
        capsys.readouterr()
        write_prepared(settings())
        assert f"{path} is damaged" in capsys.readouterr().err
        assert read_catalog(out / "catalog.parquet").equals(catalog)


def test_a_damaged_catalog_is_refused_by_name_and_mended_by_prepare(
    settings: Callable[..., DataSettings],
) -> None:
    out = prepare_data(settings())
    path = out / "catalog.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes([whole[200] ^ 1]) + whole[201:])
    with pytest.raises(DataError, match=r"catalog\.parquet(.|\n)*skintag prepare"):
        catalog_of(out, ["ham10000"])
    prepare_data(settings())
    assert path.read_bytes() == whole


def test_a_copied_checkout_takes_its_own_prepared_data(
    settings: Callable[..., DataSettings], raw: Path, tmp_path: Path
) -> None:
    prepare_data(settings())
    shutil.copytree(raw, tmp_path / "elsewhere" / "raw")
    shutil.copytree(tmp_path / "prepared", tmp_path / "elsewhere" / "prepared")
    sources = {name: str(tmp_path / "elsewhere" / "raw" / name) for name in ("ham10000", "pad_ufes_20")}
    there = settings(sources=sources, prepared=str(tmp_path / "elsewhere" / "prepared"))
    assert ensure_prepared(there) == tmp_path / "elsewhere" / "prepared"
    picture(77).save(Path(sources["ham10000"]) / "HAM10000_images_part_1" / "ISIC_0000001.jpg", quality=95)
    with pytest.raises(DataError, match=r"ISIC_0000001\.jpg is not as it was there"):
        ensure_prepared(there)
