"""Proportions, groups and reproducibility of what is planned, before anything is drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skintag.core.errors import ConfigError
from skintag.data.synthetic.plan import Corpus, plan_corpus
from skintag.data.synthetic.settings import DATASETS, SyntheticSettings
from skintag.data.synthetic.vocabulary import rounded, rows_per_cell, rows_per_dataset, vocabulary
from skintag.data.synthetic.writer import plan_benchmark


@pytest.fixture(scope="module")
def corpora() -> dict[str, Corpus]:
    return {corpus.dataset: corpus for corpus in plan_benchmark(SyntheticSettings(images=1500))}


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_rounding_keeps_every_partial_sum_within_a_half(quota: list[float]) -> None:
    whole = rounded(np.array(quota))
    assert (whole >= 0).all()
    assert np.abs(np.cumsum(whole) - np.cumsum(quota)).max() <= 0.5 + 1e-9


@given(st.integers(60, 5000))
def test_dataset_sizes_sum_to_the_images_asked_for(images: int) -> None:
    sizes = rows_per_dataset(images, DATASETS)
    assert sum(sizes.values()) == images
    assert min(sizes.values()) >= 12
    by_real_size = ["bcn20000", "fitzpatrick17k", "ham10000", "pad_ufes_20", "ddi"]
    assert max(np.diff([sizes[name] for name in by_real_size])) <= 1  # in that order up to rounding


def test_cells_share_rows_in_proportion_above_their_minimum() -> None:
    assert rows_per_cell(np.array([6.0, 3.0, 1.0]), 100).tolist() == [60, 30, 10]
    # 4 each, the other 88 as 6:3:1 are 52.8, 26.4 and 8.8
    assert rows_per_cell(np.array([6.0, 3.0, 1.0]), 100, least=4).tolist() == [57, 30, 13]
    assert rows_per_cell(np.array([1.0, 0.0, 1.0]), 10, least=4).tolist() == [5, 0, 5]


def test_every_dataset_has_every_malignancy_of_its_source_in_ten_groups(corpora: dict[str, Corpus]) -> None:
    for dataset, corpus in corpora.items():
        expected = set(vocabulary(dataset)["malignancy"])
        groups = corpus.photos.groupby("malignancy")["lesion"].nunique()
        assert set(groups.index) == expected
        # a grouped split of 70/10/20 needs about ten groups for each part to have one
        assert groups.drop(["", "premalignant"], errors="ignore").min() >= 10, dataset


@pytest.mark.parametrize("dataset", ["ham10000", "bcn20000", "fitzpatrick17k", "pad_ufes_20"])
def test_label_shares_are_near_the_real_ones(dataset: str, corpora: dict[str, Corpus]) -> None:
    words = vocabulary(dataset)
    real = words.groupby("malignancy")["rows"].sum() / words["rows"].sum()
    drawn = corpora[dataset].photos["malignancy"].value_counts(normalize=True)
    assert np.abs(real - drawn.reindex(real.index)).max() < 0.06


def test_all_labels_of_the_small_vocabularies_are_there(corpora: dict[str, Corpus]) -> None:
    for dataset in ("ham10000", "bcn20000", "pad_ufes_20"):
        assert set(corpora[dataset].photos["label"]) == set(vocabulary(dataset)["label"])
    assert corpora["fitzpatrick17k"].photos["label"].nunique() > 100  # of 114


def test_lesions_have_several_photographs_with_one_label_and_one_skin(corpora: dict[str, Corpus]) -> None:
    for dataset, least in (("ham10000", 1.2), ("bcn20000", 2.0), ("pad_ufes_20", 1.1)):
        photos = corpora[dataset].photos
        assert len(photos) / photos["lesion"].nunique() > least
        assert photos.groupby("lesion")[["label", "ita", "diameter"]].nunique().max().max() == 1
        assert photos.groupby("lesion")["photo_seed"].nunique().equals(photos.groupby("lesion").size())
    patients = corpora["pad_ufes_20"].photos.groupby("patient")
    assert patients["lesion"].nunique().max() > 1
    assert patients["ita"].nunique().max() == 1


def test_malignant_lesions_of_ham_have_more_photographs_than_nevi() -> None:
    photos = plan_corpus("ham10000", 3000, SyntheticSettings()).photos
    mean = photos.groupby("label")["lesion"].agg(lambda lesion: len(lesion) / lesion.nunique())
    assert mean["mel"] > 1.6 > 1.35 > mean["nv"] > 1.15


def test_about_a_fifth_of_fitzpatrick17k_is_near_duplicated(corpora: dict[str, Corpus]) -> None:
    photos = corpora["fitzpatrick17k"].photos
    copies = photos[photos["copy_of"] >= 0]
    originals = photos.loc[copies["copy_of"]]
    assert 0.18 < (len(copies) + copies["copy_of"].nunique()) / len(photos) < 0.24
    assert (originals["copy_of"] == -1).all()
    assert (originals["photo_seed"].to_numpy() == copies["photo_seed"].to_numpy()).all()
    assert (originals["label"].to_numpy() == copies["label"].to_numpy()).all()


def test_ddi_confounds_tone_with_diagnosis_as_the_real_one() -> None:
    photos = plan_corpus("ddi", 656, SyntheticSettings()).photos
    malignant = photos[photos["malignancy"] == "malignant"]
    dark = malignant[malignant["fitzpatrick"] >= 5]
    assert len(malignant) == pytest.approx(171, abs=4)
    assert len(dark) == pytest.approx(48, abs=3)
    assert (dark["look"] != "bcc").all()
    assert (dark["label"] == "mycosis-fungoides").sum() == pytest.approx(26, abs=4)
    tones = pd.cut(photos["fitzpatrick"], [0, 2, 4, 6]).value_counts(sort=False)
    np.testing.assert_allclose(tones, [208, 241, 207], atol=5)


def test_fitzpatrick17k_skin_types_follow_the_real_shares() -> None:
    photos = plan_corpus("fitzpatrick17k", 2000, SyntheticSettings()).photos
    shares = photos["fitzpatrick"].value_counts(normalize=True).sort_index()
    real = np.array([2947, 4808, 3308, 2781, 1533, 635]) / (16577 - 565)
    np.testing.assert_allclose(shares, real, atol=0.02)


def test_knobs_change_what_they_promise_and_nothing_else() -> None:
    def planned(**knobs: float) -> pd.DataFrame:
        return plan_corpus("bcn20000", 300, SyntheticSettings(**{"label_noise": 0.0, **knobs})).photos

    base = planned()
    assert base.equals(planned(dark_skin_contrast=0.1, domain_gap=0.0))
    assert base.drop(columns="ruler").equals(planned(shortcut=1.0).drop(columns="ruler"))
    noisy = planned(label_noise=0.5)
    same = ["label", "malignancy", "fitzpatrick", "ita", "lesion", "ruler", "photo_seed"]
    assert base[same].equals(noisy[same])
    assert (base["drawn_label"] != noisy["drawn_label"]).any()


@pytest.mark.parametrize(
    ("knobs", "key"),
    [
        ({"images": 10}, "images"), ({"shortcut": 1.5}, "shortcut"), ({"signal": -1}, "signal"),
        ({"datasets": ("ham1000",)}, "did you mean 'ham10000'"), ({"datasets": ()}, "datasets"),
        ({"scale": 0.0}, "scale"), ({"label_noise": 0.9}, "label_noise"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(knobs: dict[str, object], key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        SyntheticSettings(**knobs)  # type: ignore[arg-type]
