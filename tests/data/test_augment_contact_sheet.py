"""Contact sheets: rows and columns as promised, images from wherever they are, mistakes said plainly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from PIL import Image as Pillow

from skintag.commands.cli import run_command
from skintag.commands.contact_sheet import task
from skintag.core.errors import ConfigError
from skintag.core.vocabulary import DOMAINS
from skintag.data.augment import Augmentation
from skintag.data.augment.bridging import Vignette
from skintag.data.augment.field_light import Lighting
from skintag.data.sheets.contact_sheet import draw_sheet
from skintag.data.sheets.pictures import Picture, SheetSettings, find_pictures
from tests.data.loader_fixtures import prepare


def _save(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.full((40, 60, 3), value, np.uint8)).save(path)
    return path


def _two_steps() -> Augmentation:
    return Augmentation(
        vignette=Vignette(p=0.5, radius=(0.4, 0.4), softness=(0.05, 0.05), shift=(0, 0)),
        lighting=Lighting(p=0.1, stops=(-2, -2), gamma=(1, 1)),
    )


def test_sheet_has_a_row_per_image_and_a_column_per_step_and_sample() -> None:
    settings = SheetSettings(rows=1, samples=2, size=64)
    grey = np.full((80, 80, 3), 160, np.uint8)
    pictures = [Picture("a", "dermoscopic", grey), Picture("b", "clinical", grey)]
    sheet = np.asarray(draw_sheet(_two_steps(), pictures, settings))
    cells = 1 + 2 + 2
    left, top = sheet.shape[1] - cells * 68, sheet.shape[0] - 2 * 68

    def cell(row: int, column: int) -> np.ndarray:
        return sheet[top + row * 68 : top + row * 68 + 64, left + column * 68 : left + column * 68 + 64]

    assert (cell(0, 0) == 160).all()
    assert cell(0, 1).max() == 250  # the vignette is not for dermoscopic pictures: paper
    assert cell(1, 1)[0, 0, 0] < 20 < 150 < cell(1, 1)[32, 32, 0]
    assert (cell(0, 2) == cell(1, 2)).all()
    assert cell(0, 2).max() < 100  # shown at p = 1 whatever its own p is
    assert not np.array_equal(np.unique(cell(1, 3)), [250])


def test_images_of_a_pattern_get_their_domain_from_the_dataset_in_their_path(tmp_path: Path) -> None:
    for k in range(5):
        _save(tmp_path / "ham10000" / "part" / f"{k}.png", 10 * k)
        _save(tmp_path / "pad_ufes_20" / f"{k}.png", 100 + k)
    settings = SheetSettings(rows=2)
    pictures, origin = find_pictures(settings, f"{tmp_path}/**/*.png", None, tmp_path)
    assert [p.domain for p in pictures] == ["dermoscopic"] * 2 + ["smartphone"] * 2
    assert all(p.image.shape == (40, 60, 3) for p in pictures)
    assert all((p.image[0, 0, 0] >= 100) == (p.domain == "smartphone") for p in pictures)
    assert origin.endswith("*.png")
    told, _ = find_pictures(settings, f"{tmp_path}/pad_ufes_20/*.png", "clinical", tmp_path)
    assert {p.domain for p in told} == {"clinical"}


def test_mistakes_in_what_to_show_are_said(tmp_path: Path) -> None:
    _save(tmp_path / "mine" / "a.png", 3)
    with pytest.raises(ConfigError, match="no file matches"):
        find_pictures(SheetSettings(), f"{tmp_path}/*.jpg", None, tmp_path)
    with pytest.raises(ConfigError, match="say domain="):
        find_pictures(SheetSettings(), f"{tmp_path}/mine/*.png", None, tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'clinical'"):
        find_pictures(SheetSettings(), f"{tmp_path}/mine/*.png", "clinic", tmp_path)
    with pytest.raises(ConfigError, match="rows from 1"):
        SheetSettings(rows=0)


def test_without_images_patterns_are_drawn_for_every_domain(tmp_path: Path) -> None:
    pictures, origin = find_pictures(SheetSettings(rows=2), None, None, tmp_path)
    assert [p.domain for p in pictures] == [d for d in DOMAINS for _ in range(2)]
    assert "drawn" in origin
    assert not np.array_equal(pictures[0].image, pictures[1].image)


def test_a_prepared_folder_gives_images_of_each_domain_that_it_has(tmp_path: Path) -> None:
    prepare(tmp_path, {"ham10000": 5, "bcn20000": 4, "ddi": 1})
    pictures, origin = find_pictures(SheetSettings(rows=3), None, None, tmp_path / "prepared")
    assert [p.domain for p in pictures] == ["dermoscopic"] * 3 + ["clinical"]
    assert len({p.image[0, 0].tobytes() for p in pictures}) == 4
    assert origin == str(tmp_path / "prepared")


def test_command_writes_the_sheet_and_prints_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    _save(tmp_path / "ham10000" / "1.png", 90)
    arguments = [f"out={out}", f"images='{tmp_path}/ham10000/*.png'", "size=32", "samples=1", "augment=basic"]
    monkeypatch.setattr(sys, "argv", ["augment", *arguments])
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    run_command("contact_sheet", task)
    with Pillow.open(out) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 6 * 32
    assert str(out) in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ham10000", "sheet.png"]
