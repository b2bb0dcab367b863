"""Writing: whole or not at all, the same bytes whatever the workers, never over something else."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skintag.core.errors import DataError
from skintag.core.io import read_json
from skintag.data.synthetic import SyntheticSettings, contact_sheet, write_benchmark, writer

SMALL = SyntheticSettings(images=60, scale=0.12)


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("benchmark"), SMALL, workers=1)


def test_two_workers_write_the_same_bytes_as_none(written: Path, tmp_path: Path) -> None:
    other = write_benchmark(tmp_path / "two", SMALL, workers=2)
    assert digests(other) == digests(written)


def test_another_seed_writes_other_pictures(written: Path, tmp_path: Path) -> None:
    settings = replace(SMALL, seed=1, images=12, datasets=("ddi",))
    other = write_benchmark(tmp_path, settings, workers=1)
    assert not set(digests(other / "ddi" / "images").values()) & set(
        digests(written / "ddi" / "images").values()
    )


def test_a_second_call_writes_nothing(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("planned again")

    monkeypatch.setattr(writer, "plan_benchmark", fail)
    assert write_benchmark(written, SMALL, workers=1) == written
    assert write_benchmark(written, replace(SMALL, datasets=list(SMALL.datasets)), workers=1) == written


def test_other_settings_in_the_folder_are_refused(written: Path) -> None:
    before = digests(written)
    with pytest.raises(DataError, match=r"shortcut \(0.5 there, 1.0 asked for\)"):
        write_benchmark(written, replace(SMALL, shortcut=1), workers=1)
    assert digests(written) == before


def test_a_folder_with_real_data_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ham10000").mkdir()
    (tmp_path / "ham10000" / "HAM10000_metadata.csv").write_text("real")
    with pytest.raises(DataError, match="may hold real data"):
        write_benchmark(tmp_path, SMALL, workers=1)
    assert [p.name for p in tmp_path.iterdir()] == ["ham10000"]


def test_an_interrupted_write_leaves_no_half_folder_and_goes_on(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, drawn = writer.write_photo, []

    def full_disk(job: writer.Job) -> None:
        if "fitzpatrick17k" in job.path:
            raise OSError(28, "No space left on device")
        original(job)

    monkeypatch.setattr(writer, "write_photo", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_benchmark(tmp_path, SMALL, workers=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", "bcn20000", "ham10000", "settings.json"]

    def counted(job: writer.Job) -> None:
        drawn.append(job.path)
        original(job)

    monkeypatch.setattr(writer, "write_photo", counted)
    write_benchmark(tmp_path, SMALL, workers=1)
    assert not [path for path in drawn if "ham10000" in path]
    assert digests(tmp_path) == digests(written)


def test_two_calls_at_once_write_one_benchmark(tmp_path: Path) -> None:
    small = replace(SMALL, images=12, datasets=("ddi",))
    both = threading.Barrier(2)

    def write(_: int) -> Path:
        both.wait()
        return write_benchmark(tmp_path / "both", small, workers=0)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    alone = write_benchmark(tmp_path / "alone", small, workers=0)
    assert digests(tmp_path / "both") == digests(alone)


def test_truth_has_a_row_for_each_metadata_row_and_says_what_was_planted(written: Path) -> None:
    truth = pd.read_csv(written / "truth.csv", keep_default_na=False)
    assert len(truth) == SMALL.images
    assert truth["image_id"].is_unique
    on_disk = {
        f"{path.relative_to(written).parts[0]}/{path.stem}"
        for path in written.rglob("*.*g")
        if path.suffix != ".json"
    }
    assert set(truth.loc[truth["has_file"], "image_id"]) == on_disk
    assert set(truth.loc[truth["copy_of"] != "", "copy_of"]) <= set(truth["image_id"])
    facts = read_json(written / "truth.json")
    assert facts["settings"] == SMALL.as_dict()
    assert facts["rows"] == truth["dataset"].value_counts().reindex(facts["rows"]).to_dict()
    assert set(facts["ruler_rate_difference"]) == {"dermoscopic", "clinical", "smartphone"}


def test_truth_agrees_with_the_metadata(written: Path) -> None:
    truth = pd.read_csv(written / "truth.csv", keep_default_na=False).set_index("image_id")
    ham = pd.read_csv(written / "ham10000" / "HAM10000_metadata.csv").set_index("image_id")
    mine = truth[truth["dataset"] == "ham10000"]
    assert (
        ham.loc[[i.removeprefix("ham10000/") for i in mine.index], "dx"].to_numpy() == mine["label"]
    ).all()
    assert mine.groupby("lesion").ngroups == ham["lesion_id"].nunique()


def test_near_duplicates_are_near_but_not_identical(tmp_path: Path) -> None:
    settings = SyntheticSettings(images=60, scale=0.3, datasets=("fitzpatrick17k",))
    folder = write_benchmark(tmp_path, settings, workers=1)
    truth = pd.read_csv(folder / "truth.csv", keep_default_na=False).set_index("image_id")

    def phash(image_id: str) -> imagehash.ImageHash:
        with Image.open(folder / "fitzpatrick17k" / "images" / f"{image_id.partition('/')[2]}.jpg") as image:
            return imagehash.phash(image)

    there = truth[truth["has_file"]]
    copies = there[there["copy_of"].isin(there.index)]
    assert len(copies) >= 5
    near = [phash(str(i)) - phash(source) for i, source in copies["copy_of"].items()]
    singles = there.index.difference(copies.index)
    far = [phash(a) - phash(b) for a, b in pairwise(singles)]
    assert max(near) <= 8
    assert np.quantile(far, 0.05) > 8


def test_contact_sheet_shows_every_dataset(written: Path, tmp_path: Path) -> None:
    sheet = cv2.imread(str(contact_sheet(written, tmp_path / "sheet.png", columns=5, rows_per_dataset=1)))
    assert sheet is not None
    assert sheet.shape == (5 * 154, 5 * 128, 3)
    with pytest.raises(DataError, match="no such file"):
        contact_sheet(tmp_path / "nothing", tmp_path / "sheet2.png")


def test_command_line_prints_the_table_and_refuses_a_typo(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "skintag", "synthetic"]
    knobs = [f"out={tmp_path}/raw", "images=12", "datasets=[ddi]", "scale=0.1", "workers=1"]
    done = subprocess.run([*command, *knobs], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "ddi" in done.stdout
    assert "V-VI" in done.stdout
    assert done.stdout.rstrip().endswith("raw")
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]  # Hydra leaves no folder of its own
    wrong = subprocess.run(
        [*command, "shortcuts=1"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert wrong.returncode == 2
    assert "did you mean 'shortcut'" in wrong.stderr
