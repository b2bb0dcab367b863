"""Each knob has the effect it promises, measured on plans and on pixels."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from skintag.data.synthetic.looks import CUES, TRAITS, draw_traits, look_table
from skintag.data.synthetic.plan import photo_of, plan_corpus
from skintag.data.synthetic.scene import Photo, draw_photo, lesion_cover
from skintag.data.synthetic.settings import DATASETS, SyntheticSettings
from skintag.data.synthetic.skin import ita_of


def photo(
    look: str = "nevus", *, dataset: str = "ddi", ita: float = 40.0, seed: int = 0, **changes: object
) -> Photo:
    traits = draw_traits(np.array([look], object), 2.0, np.random.default_rng(seed))[0]
    base = Photo(
        dataset=dataset, height=112, width=128, traits=tuple(traits.tolist()), ita=ita, contrast=1.0,
        ruler=False, domain_gap=1.0, lesion_seed=seed, photo_seed=seed + 1000,
    )  # fmt: skip
    return replace(base, **changes)  # type: ignore[arg-type]


def difference(a: Photo, b: Photo) -> float:
    """Mean absolute difference of two drawings in 0..255."""
    return float(np.abs(draw_photo(a).astype(int) - draw_photo(b).astype(int)).mean())


def lab(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def lesion_contrast(p: Photo) -> float:
    """Mean CIE76 difference between the drawing with its lesion and without."""
    with_, without = lab(draw_photo(p)), lab(draw_photo(replace(p, contrast=0.0)))
    return float(np.linalg.norm(with_ - without, axis=-1).mean())


def test_a_drawing_is_a_pure_function_of_its_photo() -> None:
    p = photo("melanoma", ruler=True)
    assert np.array_equal(draw_photo(p), draw_photo(replace(p)))
    assert difference(p, replace(p, photo_seed=7)) > 3
    assert difference(p, replace(p, lesion_seed=7)) > 1


def test_darker_types_are_drawn_darker() -> None:
    angles = []
    for ita in (62.0, 48.0, 34.5, 19.0, -12.0, -50.0):
        pictures = [draw_photo(photo(ita=ita, seed=s, domain_gap=0.0, contrast=0.0)) for s in range(5)]
        angles.append(float(np.mean([ita_of(np.median(lab(p).reshape(-1, 3), axis=0)) for p in pictures])))
    assert (np.diff(angles) < -5).all(), angles
    assert angles[0] == pytest.approx(62, abs=12)
    assert angles[-1] == pytest.approx(-50, abs=12)


def test_signal_separates_the_cues_and_zero_leaves_nothing() -> None:
    table = look_table()
    looks = np.repeat(table.index.to_numpy(object), 150)
    malignant = table["malignant"].reindex(looks).to_numpy() == 1
    gaps = []
    for signal in (0.0, 1.0, 2.0):
        traits = pd.DataFrame(draw_traits(looks, signal, np.random.default_rng(0)), columns=list(TRAITS))
        cues = traits[list(CUES[:3])]
        gaps.append(((cues[malignant].mean() - cues[~malignant].mean()) / cues.std()).to_numpy())
    assert np.abs(gaps[0]).max() < 0.15  # of a standard deviation, and of sampling error
    assert (gaps[0] + 0.3 < gaps[1]).all()
    assert (gaps[1] + 0.2 < gaps[2]).all()


def test_looks_differ_in_colour_as_their_names_say() -> None:
    def redness(look: str) -> float:
        drawn = [lab(draw_photo(photo(look, seed=s, domain_gap=0.0)))[40:72, 48:80] for s in range(6)]
        return float(np.mean([d[..., 1].mean() for d in drawn]))

    def lightness(look: str) -> float:
        drawn = [lab(draw_photo(photo(look, seed=s, domain_gap=0.0)))[40:72, 48:80] for s in range(6)]
        return float(np.mean([d[..., 0].mean() for d in drawn]))

    assert redness("vascular") > redness("nevus") + 8
    assert lightness("melanoma") + 5 < lightness("nevus") < lightness("hypopigmented") - 10


def test_dark_skin_contrast_scales_the_lesion_on_dark_skin_only() -> None:
    settings = SyntheticSettings(dark_skin_contrast=0.4)
    corpus = plan_corpus("fitzpatrick17k", 200, settings)
    contrast = np.array([photo_of(corpus, row, settings).contrast for row in range(len(corpus.photos))])
    dark = (corpus.photos["fitzpatrick"] >= 5).to_numpy()
    assert set(contrast[dark]) == {0.4}
    assert set(contrast[~dark]) == {1.0}
    p = photo("melanoma", ita=-30.0)
    seen = [lesion_contrast(replace(p, contrast=c)) for c in (0.2, 0.4, 0.7, 1.0)]
    assert (np.diff(seen) > 0).all()
    assert seen[1] < 0.65 * seen[3]


@pytest.mark.parametrize("seed", range(4))
def test_the_cover_is_where_the_lesion_was_drawn(seed: int) -> None:
    p = photo("nevus", seed=seed, dataset="ham10000")
    cover = lesion_cover(p)
    changed = np.linalg.norm(lab(draw_photo(p)) - lab(draw_photo(replace(p, contrast=0.0))), axis=-1)
    assert changed[cover > 0.9].mean() > 4 * changed[cover < 0.01].mean()
    assert 0.01 < (cover > 0.5).mean() < 0.8


def test_a_ruler_changes_an_edge_of_the_picture_and_nothing_else() -> None:
    p = photo(dataset="ham10000")
    changed = (draw_photo(p) != draw_photo(replace(p, ruler=True))).any(axis=-1)
    assert 0.002 < changed.mean() < 0.12
    assert not changed[40:72, 48:80].any()  # the middle, where the lesion is


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_shortcut_is_the_difference_of_ruler_rates_in_dermoscopy(strength: float) -> None:
    settings = SyntheticSettings(shortcut=strength)
    for dataset in DATASETS:
        photos = plan_corpus(dataset, 2000, settings).photos
        photos = photos[photos["malignancy"] != ""]
        rate = photos.groupby(photos["malignancy"] != "benign")["ruler"].mean()
        expected = strength if dataset in ("ham10000", "bcn20000") else 0.0
        # within three standard errors of the difference of two proportions
        assert rate[True] - rate[False] == pytest.approx(expected, abs=0.08), dataset


def test_label_noise_draws_the_opposite_malignancy_for_that_share_of_lesions() -> None:
    lesions = plan_corpus("fitzpatrick17k", 1500, SyntheticSettings(label_noise=0.2)).photos
    wrong = (lesions["malignancy"] != "benign") != (lesions["drawn_malignancy"] != "benign")
    assert wrong.mean() == pytest.approx(0.2, abs=0.035)
    clean = plan_corpus("fitzpatrick17k", 300, SyntheticSettings(label_noise=0.0)).photos
    assert (clean["label"] == clean["drawn_label"]).all()


def test_domain_gap_moves_the_datasets_apart() -> None:
    def spread(gap: float) -> float:
        means = []
        for dataset in DATASETS:
            drawn = [
                cv2.resize(draw_photo(photo(dataset=dataset, seed=s, domain_gap=gap)), (16, 16))
                for s in range(5)
            ]
            means.append(np.mean([np.append(d.mean((0, 1)), d[0, 0]) for d in drawn], axis=0))
        return float(np.std(means, axis=0).mean())

    none, half, full = spread(0.0), spread(0.5), spread(1.0)
    assert none < 1e-9  # one way of taking photographs, the same seeds: the same pictures
    assert none < half < full
