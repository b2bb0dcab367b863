"""Keypoints lie where the picture shows something, and a map between two pictures is the one that was made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from skintag.data.catalog.keypoints import KEYPOINTS, LONGEST, RECORD, keypoints, scaled
from skintag.data.catalog.overlay import fit, overlay_evidence
from skintag.data.catalog.shared_keypoints import keypoint_pairs
from tests.data.test_leakage import Picture, lesion


def skin(seed: int) -> Picture:
    """Pixels of it are pixels of the records."""
    size = (LONGEST, LONGEST * 3 // 4)
    return np.asarray(cv2.resize(lesion(seed), size, interpolation=cv2.INTER_AREA), np.uint8)


def moved(image: Picture, zoom: float, degrees: float) -> tuple[Picture, np.ndarray]:
    """Enlarged and turned about its middle, and the map from the picture to what it became."""
    height, width = image.shape[:2]
    warp = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, zoom)
    return np.asarray(cv2.warpAffine(image, warp, (width, height), flags=cv2.INTER_CUBIC), np.uint8), warp


@pytest.mark.parametrize(("zoom", "degrees"), [(1.0, 0), (1.0, 45), (1.6, 0), (2.0, 10), (1.4, 170)])
def test_map_is_the_one_that_was_made(zoom: float, degrees: float) -> None:
    image = skin(3)
    other, truth = moved(image, zoom, degrees)
    found = fit(keypoints(image), keypoints(other))
    assert found is not None
    middle = np.array([[65, 50, 1], [95, 50, 1], [80, 75, 1]])
    assert np.abs(middle @ found.T - middle @ truth.T).max() < 4
    assert overlay_evidence(scaled(image), scaled(other), found, 96) > 22
    back = cv2.invertAffineTransform(found)
    assert overlay_evidence(scaled(other), scaled(image), back, 96) > 22


@pytest.mark.parametrize(
    ("along", "across", "fits"),
    [(1, 1, True), (2.5, 2.5, True), (0.4, 0.4, True), (3.5, 3.5, False), (0.25, 0.25, False),
     (1.5, 1, True), (1.8, 1, False), (-1, 1, False), (-1, -1, True)],
)  # fmt: skip
def test_maps_that_copying_does_not_make_are_none(along: float, across: float, fits: bool) -> None:
    """Of one descriptor each, at places that lie on a map exactly: enlarged, stretched, mirrored, turned by a half."""
    rng = np.random.default_rng(0)
    first = np.zeros(60, RECORD)
    first["code"] = rng.integers(0, 256, (60, 16))
    places = rng.integers(-20, 21, (60, 2))
    first["x"], first["y"] = (places + 100).T
    second = first.copy()
    second["x"], second["y"] = (np.rint(places * [along, across]) + 100).T.astype(int)
    assert (fit(first, second) is not None) == fits


def test_overlay_of_two_lesions_is_no_evidence() -> None:
    assert overlay_evidence(scaled(skin(3)), scaled(skin(4)), np.eye(2, 3), 96) < 15


def test_the_same_picture_has_the_same_records_and_they_are_spread() -> None:
    """Where one corner has all that is strong, as a watermark has, the rest has its keypoints still."""
    rng = np.random.default_rng(0)
    weak, strong = (
        cv2.resize(rng.normal(180, spread, (60, 80)), (LONGEST, 120), interpolation=cv2.INTER_CUBIC)
        for spread in (8, 80)
    )
    weak[90:, :80] = strong[90:, :80]
    image = np.repeat(np.clip(weak, 60, 255)[:, :, None], 3, axis=2).astype(np.uint8)
    found = keypoints(image)
    np.testing.assert_array_equal(found, keypoints(image))
    assert found.dtype == RECORD
    assert len(found) == KEYPOINTS
    strongest = sorted(cv2.SIFT.create().detect(scaled(image), None), key=lambda point: -point.response)
    assert np.mean([point.pt[1] > 88 for point in strongest[:100]]) > 0.8
    assert np.mean((found["y"] > 88) & (found["x"] < 82)) < 0.2


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (15, 256), (300, 20)])
def test_pictures_of_any_shape_have_keypoints_or_none(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert keypoints(image).dtype == RECORD


def test_blank_pictures_and_none_have_no_pairs() -> None:
    blank = keypoints(np.full((80, 80, 3), 128, np.uint8)).tobytes()
    with ThreadPoolExecutor(1) as pool:
        for described in ([], [blank], [blank, blank, keypoints(skin(1)).tobytes()]):
            pairs = keypoint_pairs(described, pool)
            assert pairs.empty
            assert list(pairs) == ["first", "second", "warp"]


def test_images_without_keypoints_end_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole blocks of them too."""
    monkeypatch.setattr("skintag.data.catalog.shared_keypoints._BLOCK", 2)
    image = skin(1)
    known, copy = keypoints(image).tobytes(), keypoints(moved(image, 1.4, 30)[0]).tobytes()
    with ThreadPoolExecutor(2) as pool:
        pairs = keypoint_pairs([known, b"", b"", b"", copy, b"", b""], pool)
    assert pairs[["first", "second"]].to_numpy().tolist() == [[0, 4]]


def test_thousands_of_words_find_what_few_words_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """However finely the descriptors are divided, a close-up among others is found."""
    images = [skin(seed) for seed in range(40)] + [moved(skin(seed), 1.8, 20)[0] for seed in range(5)]
    described = [keypoints(image).tobytes() for image in images]
    for per_word in (1, 7, 70):
        monkeypatch.setattr("skintag.data.catalog.shared_keypoints._PER_WORD", per_word)
        with ThreadPoolExecutor(2) as pool:
            pairs = keypoint_pairs(described, pool)
        found = set(zip(pairs["first"], pairs["second"], strict=True))
        assert {(seed, 40 + seed) for seed in range(5)} <= found
