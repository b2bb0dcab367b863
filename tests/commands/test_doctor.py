"""The doctor: installed libraries, extras, raw folders against what was published."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from skintag.commands import doctor
from skintag.commands.doctor import ABSENT, GOOD, ODD, raw_folders


def ham(folder: Path, rows: int) -> Path:
    """A raw folder of HAM10000 with so many rows and no image."""
    folder.mkdir(parents=True)
    with (folder / "HAM10000_metadata.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"])
        table.writerows(
            [f"HAM_{i}", f"ISIC_{i:07d}", "nv", "histo", "50", "male", "back"] for i in range(rows)
        )
    return folder


def test_folder_that_is_not_there_is_said_with_what_to_set(tmp_path: Path) -> None:
    [finding] = raw_folders({"ham10000": str(tmp_path / "ham10000")})
    assert finding.state == ABSENT
    assert "paths.raw=" in finding.said


def test_other_counts_than_published_are_looked_at(tmp_path: Path) -> None:
    [finding] = raw_folders({"ham10000": str(ham(tmp_path / "ham10000", 7))})
    assert finding.state == ODD
    assert finding.said.startswith("7 rows, 0 with an image")
    assert "published: 10,015 rows" in finding.said


def test_missing_images_are_counted(tmp_path: Path) -> None:
    [finding] = raw_folders({"ham10000": str(ham(tmp_path / "ham10000", 10_015))})
    assert finding.state == ODD
    assert "the 10,015 that are missing" in finding.said


def test_metadata_that_cannot_be_read_end_nothing(tmp_path: Path) -> None:
    (tmp_path / "ham10000").mkdir()
    found = list(raw_folders({"ham10000": str(tmp_path / "ham10000"), "ddi": str(tmp_path / "ddi")}))
    assert [finding.state for finding in found] == [ODD, ABSENT]


def test_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "xgboost" else known(name))
    lost = [finding.what for finding in doctor._libraries() if finding.state != GOOD]
    assert lost == ["xgboost"]


def test_command_prints_every_part_and_ends_well(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skintag", "doctor", f"paths.raw={tmp_path}"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for title in ("Installed", "Extras", "Machine", "Raw folders (five)", "pip install 'skintag[ray]'"):
        assert title in done.stdout
