"""Skin colours against the definition of the individual typology angle and OpenCV's conversion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from skintag.data.synthetic.skin import ITA_EDGES, draw_ita, ita_of, lab_to_srgb, skin_lab, smooth_noise


@pytest.mark.parametrize("ita", [-58.0, -30.0, 0.0, 19.0, 41.0, 55.0, 70.0])
def test_skin_colour_has_the_angle_asked_for(ita: float) -> None:
    lab = skin_lab(ita)
    assert ita_of(lab) == pytest.approx(ita)
    # arctan((L* - 50) / b*) by hand
    assert np.degrees(np.arctan((lab[0] - 50) / lab[2])) == pytest.approx(ita)


def test_lab_to_srgb_agrees_with_opencv() -> None:
    lab = np.array([skin_lab(ita) for ita in np.linspace(-60, 70, 14)])
    theirs = cv2.cvtColor(lab.astype(np.float32)[None], cv2.COLOR_LAB2RGB)[0]
    np.testing.assert_allclose(lab_to_srgb(lab), theirs, atol=2e-3)


def test_each_fitzpatrick_type_is_drawn_in_its_class_of_angles() -> None:
    edges = [90.0, *ITA_EDGES, -90.0]
    for fitzpatrick in range(1, 7):
        ita = draw_ita(np.full(2000, fitzpatrick), np.random.default_rng(0))
        upper, lower = edges[fitzpatrick - 1], edges[fitzpatrick]
        assert lower < np.median(ita) < upper
        assert np.mean((ita > lower) & (ita <= upper)) > 0.75, (
            fitzpatrick
        )  # the rest overlaps with neighbours


def test_noise_is_the_same_field_at_every_size() -> None:
    small, large = (smooth_noise(np.random.default_rng(5), (6, 6), (size, size)) for size in (60, 120))
    shrunk = cv2.resize(large, (60, 60), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.ravel(), shrunk.ravel())[0, 1] > 0.999
