"""`table=`, `data=table` and `skintag labels`: from a folder of one's own to a prepared one, typed as a user would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skintag.commands.cli import CONFIG_DIR
from skintag.commands.compose import compose
from skintag.commands.labels import overrides_of
from skintag.commands.own_tables import with_own_tables
from skintag.core.errors import ConfigError

ABOUT = """
table: photos.csv
images: photos
domain: clinical
columns: {image_id: file, label: diagnosis, patient: patient}
labels: labels.csv
groups: [patient]
"""


def skintag(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skintag", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def describe(root: Path, file: str, **keys: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    path = root / file
    path.write_text(ABOUT + "".join(f"{key}: {value}\n" for key, value in keys.items()))
    return path


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A folder as a user has it: six pictures of three patients, and no label table yet."""
    describe(tmp_path, "my clinic.yaml")
    (tmp_path / "photos").mkdir()
    rows = ["file,diagnosis,patient"]
    for i in range(6):
        noise = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "photos" / f"{i}.jpg")
        rows.append(f"{i}.jpg,{('Melanoma', 'nevus', 'my own word')[i % 3]},P{i // 2}")
    (tmp_path / "photos.csv").write_text("\n".join([*rows, ""]))
    return tmp_path


def test_from_photos_to_a_prepared_folder_without_python(clinic: Path) -> None:
    drafted = skintag("labels", "draft", "photos.csv", "column=diagnosis", "out=labels.csv", cwd=clinic)
    assert drafted.returncode == 0, drafted.stderr
    assert "3 labels, 2 of them filled in" in drafted.stdout
    assert "to fill in: 1: my own word" in drafted.stdout
    again = skintag("labels", "draft", "photos.csv", "column=diagnosis", "out=labels.csv", cwd=clinic)
    assert again.returncode == 2
    assert "may be filled in" in again.stderr

    refused = skintag("prepare", "data=table", "table=my clinic.yaml", cwd=clinic)
    assert refused.returncode == 1
    assert "1 of 3 rows still empty: row 3: 'my own word'" in refused.stderr
    labels = clinic / "labels.csv"
    labels.write_text(labels.read_text().replace("my own word,,,", "my own word,other_unknown,benign,false"))

    done = skintag("prepare", "data=table", "table=my clinic.yaml", "data.workers=1", cwd=clinic)
    assert done.returncode == 0, done.stderr
    report = json.loads((clinic / "data" / "prepared" / "table" / "report.json").read_text())
    assert list(report["datasets"]) == ["my_clinic"]
    found = report["datasets"]["my_clinic"]
    assert (found["rows"], found["images"]) == (6, 6)
    assert found["conditions"] == {
        "melanoma": [2, 2], "melanocytic_nevus": [2, 2], "other_unknown": [2, 2],
    }  # fmt: skip
    assert report["relations"]["groups"] == 3


def test_a_table_is_a_further_source_under_its_name(tmp_path: Path) -> None:
    one, two = describe(tmp_path, "One.yaml"), describe(tmp_path, "b.yml", name="two")
    given = with_own_tables(["data=five", f"table={one}"], CONFIG_DIR, "prepare")
    assert given == ["data=five", f"+data.sources.one={one}"]
    assert with_own_tables(given, CONFIG_DIR, "prepare") == given
    several = with_own_tables([f"table=[{one},{two}]"], CONFIG_DIR, "train")
    assert several == [f"+data.sources.one={one}", f"+data.sources.two={two}"]
    assert with_own_tables([f"table={one}"], CONFIG_DIR, "evaluate") == [f"table={one}"]
    assert with_own_tables(["table=null"], CONFIG_DIR, "train") == []


def test_a_run_has_the_five_and_ones_own(tmp_path: Path) -> None:
    about = describe(tmp_path / "a folder, with (signs)", "clinic.yaml")
    settings = compose("data=five", f"table={about}")
    assert list(settings.data.sources) == [
        "ham10000",
        "bcn20000",
        "fitzpatrick17k",
        "ddi",
        "pad_ufes_20",
        "clinic",
    ]
    assert settings.data.sources["clinic"] == str(about)
    assert list(compose("data=table", f"table={about}").data.sources) == ["clinic"]
    assert list(compose("data=six").data.sources)[-1] == "milk10k"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("photos.csv", "expected a YAML file that describes a dataset"),
        ("one.yaml,two.yaml", r"several tables are given as table=\[one.yaml,two.yaml\]"),
        ("[{0}/one.yaml,{0}/copy/one.yaml]", "both called one"),
        ("{0}/2024.yaml", "write a name into the file"),
        ("{0}/bad.yaml", "name=A B: expected small letters"),
    ],
)
def test_a_table_that_cannot_be_added_is_refused(tmp_path: Path, table: str, said: str) -> None:
    for name in ("one.yaml", "copy/one.yaml", "2024.yaml"):
        describe((tmp_path / name).parent, Path(name).name)
    describe(tmp_path, "bad.yaml", name="A B")
    with pytest.raises(ConfigError, match=said):
        with_own_tables([f"table={table.format(tmp_path)}"], CONFIG_DIR, "prepare")


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"already at 'data\.sources\.ddi'"):
        compose("data=five", f"table={describe(tmp_path, 'ddi.yaml')}")


def test_words_of_a_draft_are_taken_to_the_letter() -> None:
    assert overrides_of(["my photos.csv", "column=Diagnose (final)", "out=l.csv", "--help"]) == [
        "csv='my photos.csv'", "column='Diagnose (final)'", "out=l.csv", "--help",
    ]  # fmt: skip
    assert overrides_of(["column='a b'"]) == ["column='a b'"]
    with pytest.raises(ConfigError, match=r"several files: a\.csv, b\.csv"):
        overrides_of(["a.csv", "b.csv"])
