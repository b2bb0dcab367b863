"""Dermatoscope artefacts are drawn as asked for, and taken out without touching what is diagnostic."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from skintag.data.augment.bridging import Bubbles, Hairs, Ruler, Vignette
from skintag.data.augment.cleaning import CornerRemoval, HairRemoval, find_field, find_hairs
from skintag.data.images.files import decode_image
from tests.data.augment_fixtures import blackhat, corners, run, skin


def test_vignette_darkens_corners_and_spares_the_middle() -> None:
    image = np.full((128, 128, 3), 180, np.uint8)
    out = run(Vignette(p=1, radius=(0.5, 0.5), softness=(0.02, 0.02), shift=(0, 0)), image)
    assert corners(out) < 20
    assert out[54:74, 54:74].mean() > 175
    y, x = np.mgrid[:128, :128] - 63.5
    lit = (out[..., 0] > 90) == (np.hypot(y, x) < 64)
    assert lit.mean() > 0.98


def test_hairs_are_dark_thin_and_more_with_a_higher_count() -> None:
    image = np.full((256, 256, 3), 190, np.uint8)
    changed = []
    for count in (2, 10, 40):
        step = Hairs(p=1, count=(count, count), length=(0.5, 0.5), width=(0.006, 0.006), opacity=(0.9, 0.9))
        out = run(step, image)
        assert (out.astype(int) <= image).all()
        assert out.min() < 90
        changed.append(float((out[..., 0] < 180).mean()))
    assert 0 < changed[0] < changed[1] < changed[2] < 0.4
    assert blackhat(out) > 5


def test_bubbles_have_bright_points_and_dark_outlines() -> None:
    image = np.full((256, 256, 3), 150, np.uint8)
    out = run(Bubbles(p=1, count=(20, 20), radius=(0.02, 0.04), opacity=(1, 1)), image)
    assert out.max() > 220
    assert out.min() < 130
    assert 0.002 < (out != image).any(axis=-1).mean() < 0.25


def test_ruler_ticks_repeat_at_the_spacing_asked_for() -> None:
    image = np.full((200, 200, 3), 200, np.uint8)
    step = Ruler(p=1, spacing=(0.1, 0.1), length=(0.04, 0.04), margin=(0.05, 0.05), opacity=(0.9, 0.9))
    for seed in range(12):
        dark = run(step, image, seed)[..., 0] < 130
        line = max((dark.any(axis=axis) for axis in (0, 1)), key=np.count_nonzero)  # along the scale
        starts = np.flatnonzero(np.diff(line.astype(int)) == 1)
        if len(starts) >= 8:  # a scale with a base line has no gaps to count
            assert np.median(np.diff(starts)) == pytest.approx(20, abs=1.5)
            break
    else:
        pytest.fail("no ruler without a base line in twelve draws")


@pytest.mark.parametrize("squeeze", [1.0, 0.75])
def test_corner_removal_brightens_dark_corners_and_leaves_no_edge(squeeze: float) -> None:
    side, image = 160, skin(160)
    y, x = np.mgrid[:side, :side] / side - 0.5
    image[np.hypot(x / squeeze**0.5, y * squeeze**0.5) > 0.52] = 6
    found = find_field(image)
    assert found is not None
    assert (found.x, found.y) == pytest.approx((79.5, 79.5), abs=2.5)
    assert found.aspect == pytest.approx(squeeze, rel=0.08)
    for wanted in (0.0, 0.6):
        out = run(CornerRemoval(p=1, zoom_below=(wanted, wanted)), image)
        assert corners(image) < 10
        assert corners(out) > 120
        assert out.min() > 40  # nothing of the border is left


def test_a_small_field_is_zoomed_into() -> None:
    image = skin(160)
    y, x = np.mgrid[:160, :160] / 160 - 0.5
    image[np.hypot(x, y) > 0.33] = 3
    still, zoomed = (run(CornerRemoval(p=1, zoom_below=(w, w)), image) for w in (0.0, 0.6))
    lesion = [
        float((cv2.cvtColor(i, cv2.COLOR_RGB2GRAY)[40:120, 40:120] < 110).mean()) for i in (still, zoomed)
    ]
    assert lesion[1] > 1.8 * lesion[0]


def test_pictures_without_dark_corners_are_left_alone() -> None:
    step = CornerRemoval(p=1, zoom_below=(0.6, 0.6))
    bright = skin()
    dark_lesion = bright.copy()
    dark_lesion[:70, :60] = 12  # a lesion that fills one corner, with straight edges
    for image in (bright, dark_lesion, np.zeros_like(bright), np.full_like(bright, 255)):
        assert run(step, image) is image


@pytest.mark.parametrize("side", [128, 384])
def test_hair_removal_takes_hairs_and_leaves_the_skin(side: int) -> None:
    clean = skin(side)
    hairs = Hairs(p=1, count=(6, 6), length=(0.6, 0.8), width=(0.01, 0.012), opacity=(0.9, 0.95))
    hairy = run(hairs, clean, seed=3)
    out = run(HairRemoval(p=1, width=(0.03, 0.03), length=(0.1, 0.1), contrast=(13, 13)), hairy)
    assert blackhat(out) < blackhat(clean) + 0.3 * (blackhat(hairy) - blackhat(clean))
    error = [np.abs(i.astype(int) - clean).mean() for i in (hairy, out)]
    assert error[1] < 0.35 * error[0]
    touched = (out != hairy).any(axis=-1)
    assert touched.mean() < 4 * (hairy != clean).any(axis=-1).mean()


def test_hair_removal_leaves_dots_and_network_alone() -> None:
    image = np.full((256, 256, 3), 180, np.uint8)
    for y in range(20, 240, 24):
        for x in range(20, 240, 24):
            cv2.circle(image, (x, y), 5, (90, 60, 50), -1, cv2.LINE_AA)  # dots
    cv2.circle(image, (128, 128), 50, (110, 70, 60), -1, cv2.LINE_AA)  # a lesion
    step = HairRemoval(p=1, width=(0.03, 0.03), length=(0.1, 0.1), contrast=(13, 13))
    assert run(step, image) is image


def test_a_picture_full_of_hair_has_nothing_to_be_filled_from() -> None:
    image = np.full((128, 128, 3), 30, np.uint8)
    image[::4] = 200
    assert find_hairs(image, 3, 12.0, 13.0) is None


@pytest.mark.real
def test_round_fields_of_real_pictures_are_found_and_others_left_alone(real_data: Path) -> None:
    found: dict[bool, list[bool]] = {True: [], False: []}
    for file in sorted((real_data / "bcn20000" / "images").glob("*.jpg"))[::80]:
        image = decode_image(file.read_bytes(), str(file))
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        dark = [grey[r, c] < 0.35 * np.median(grey[20:-20, 20:-20]) for r in (2, -3) for c in (2, -3)]
        if all(dark) or not any(dark):
            found[all(dark)].append(find_field(image) is not None)
    assert min(len(found[True]), len(found[False])) > 20
    assert np.mean(found[True]) > 0.9
    assert np.mean(found[False]) < 0.1
