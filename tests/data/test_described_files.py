"""Names of picture files as people have them, in a dataset of one's own: folders, dots, long names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skintag.core.errors import DataError
from skintag.data.catalog.catalog import CATALOG, read_catalog
from skintag.data.prepared.opening import prepare_data
from skintag.data.prepared.settings import DataSettings
from skintag.data.sources import SourceTable, read_source
from tests.data.test_sources_layouts import paths, touch, values

ABOUT = "table: t.csv\nlabels: ham10000\ndomain: clinical\ncolumns: {image_id: file, label: dx}\n"


def listed(root: Path, *files: str) -> SourceTable:
    """A table that lists these files, read."""
    (root / "t.csv").write_text("".join(["file,dx\n", *(f"{file},nv\n" for file in files)]))
    (root / "x.yaml").write_text(ABOUT)
    return read_source("x", root / "x.yaml")


def test_files_of_one_name_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path, "p1/1.jpg", "p2/1.JPG", "p4/1.jpg")
    table = listed(tmp_path, "p1/1.jpg", "p2\\1.jpg", "./p3/1.jpg")
    assert values(table, "image_id") == ["x/p1/1", "x/p2/1", "x/p3/1"]
    assert paths(table) == ["p1/1.jpg", "p2/1.JPG", None]
    assert "1 images are not in the metadata and not used: p4/1.jpg" in table.notes
    assert "no patient and no lesion is known: only near-duplicates are held together" in table.notes


def test_folders_that_tell_nothing_apart_play_no_part(tmp_path: Path) -> None:
    touch(tmp_path, "moved/1.jpg", "2.png")
    table = listed(tmp_path, "/home/anna/1.jpg", "C:\\photos\\2.png")
    assert values(table, "image_id") == ["x/1", "x/2"]
    assert paths(table) == ["moved/1.jpg", "2.png"]


def test_dots_of_a_phone_become_ids_that_a_shard_takes(tmp_path: Path) -> None:
    name = "WhatsApp Image 2024-05-01 at 10.30.12.jpeg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(
        tmp_path / name
    )
    table = listed(tmp_path, name)
    assert values(table, "image_id") == ["x/WhatsApp Image 2024-05-01 at 10_30_12"]
    assert paths(table) == [name]
    assert "1 image ids have _ where the names of their files have a dot" in table.notes
    settings = DataSettings({"x": str(tmp_path / "x.yaml")}, str(tmp_path / "prepared"), workers=1)
    assert read_catalog(prepare_data(settings) / CATALOG)["status"].tolist() == ["ok"]


@pytest.mark.parametrize(
    ("files", "said"),
    [(["a.b.jpg", "a_b.jpg"], "'x/a_b' in rows 2, 3"), (["ok.jpg", "n" * 120 + ".jpg"], "row 3: 'x/nnn")],
)
def test_ids_that_no_shard_takes_are_refused_before_a_picture_is_opened(
    tmp_path: Path, files: list[str], said: str
) -> None:
    with pytest.raises(DataError) as caught:
        listed(tmp_path, *files)
    assert said in caught.value.found
