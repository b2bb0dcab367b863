"""`skintag embed`: pictures by folder, glob or CSV, in one line, and no file written over by chance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skintag.commands.image_lists import ImageList, image_list
from skintag.core.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures in two folders, with files that are none beside them."""
    folder = tmp_path / "photos"
    for i, name in enumerate(("b.png", "a.JPG", "more/c.png", "more/[d].png")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30, 3), 40 * i, np.uint8)).save(folder / name)
    (folder / "notes.txt").touch()
    (folder / ".hidden.png").touch()
    return folder


def embed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skintag", "embed", "backbone=siglip_tiny", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_folder_gives_all_pictures_below_it_by_path(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = image_list(str(photos)).names
    assert names == tuple(str(photos / name) for name in ("a.JPG", "b.png", "more/[d].png", "more/c.png"))
    assert "2 other file(s) left out" in capsys.readouterr().err


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="picture files"):
        image_list(str(tmp_path))


def test_csv_names_pictures_in_its_order_relative_to_its_folder_or_another(
    photos: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("id,path\n1,photos/b.png\n2,photos/a.JPG\n3,photos/b.png\n")
    found = image_list(str(table))
    assert found.names == ("photos/b.png", "photos/a.JPG", "photos/b.png")
    assert list(found.paths()) == [tmp_path / name for name in found.names]
    assert image_list(str(table), column="id", root="/elsewhere") == ImageList(
        ("1", "2", "3"), Path("/elsewhere")
    )


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("id,name\n1,a\n", None, "image or path"),
        ("id,name\n1,a\n", "nmae", "did you mean 'name'"),
        ("path\n", None, "expected: rows"),
        ("id,path\n1,a\n2,\n", None, "1 empty, e.g. in line 3"),
        ("", None, "a CSV in UTF-8"),
    ],
)
def test_csv_without_what_is_needed_is_refused(
    text: str, column: str | None, said: str, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        image_list(str(tmp_path / "table.csv"), column=column)


def test_one_line_embeds_a_folder_and_asks_before_it_writes_over_it(photos: Path) -> None:
    (photos / "more" / "broken.png").write_bytes(b"nothing")
    done = embed(photos.parent, "images=photos", "out=e.parquet")
    assert done.returncode == 0, done.stderr
    assert "4 images embedded, 64 numbers each, float32" in done.stdout
    assert "1 could not be read: e.parquet.unreadable.csv" in done.stderr
    frame = pd.read_parquet(photos.parent / "e.parquet")
    assert frame["image"].tolist() == [
        f"photos/{n}" for n in ("a.JPG", "b.png", "more/[d].png", "more/c.png")
    ]
    assert frame["embedding"][0].shape == (64,)
    again = embed(photos.parent, "images=photos", "out=e.parquet")
    assert (again.returncode, "overwrite=true" in again.stderr) == (2, True)
    some = embed(
        photos.parent, "images=photos/more/[d].png", "images=photos/*.png", "out=e.parquet", "overwrite=true"
    )
    assert some.returncode == 0, some.stderr
    names = pd.read_parquet(photos.parent / "e.parquet")["image"].tolist()
    assert names == ["photos/more/[d].png", "photos/b.png"]
    assert not (photos.parent / "e.parquet.unreadable.csv").exists()
    assert sorted(path.name for path in photos.parent.iterdir()) == ["e.parquet", "e.parquet.json", "photos"]


def test_backbone_of_a_run_takes_no_other_beside_it(photos: Path, finished_run: Path) -> None:
    done = embed(photos.parent, "images=photos", "out=e.npy", f"checkpoint={finished_run}")
    assert done.returncode == 2
    assert "leave out backbone=siglip_tiny" in done.stderr


def test_list_of_the_pictures_is_not_written_over(photos: Path) -> None:
    listed = photos.parent / "e.npy.index.csv"
    listed.write_text("path\nphotos/b.png\n")
    done = embed(photos.parent, f"images={listed.name}", "out=e.npy", "overwrite=true")
    assert (done.returncode, "would write over" in done.stderr) == (2, True)
    assert listed.read_text() == "path\nphotos/b.png\n"
