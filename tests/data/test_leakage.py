"""Pictures that are one are found, pictures that look alike are not, and groups are what a graph says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

import cv2
import imagehash
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from skintag.data.catalog import duplicates
from skintag.data.catalog.keypoints import keypoints
from skintag.data.catalog.leakage import JOINING, duplicate_ids, leakage_groups
from skintag.data.catalog.likeness import (
    SIDE,
    describe,
    evidence,
    field_of_view,
    perceptual_hash,
    prepare_square,
    thumbnail,
)
from skintag.data.images.files import decode_image

Picture = NDArray[np.uint8]
HEIGHT, WIDTH = 150, 200


def noise(rng: np.random.Generator, cells: int, amplitude: float) -> NDArray[np.float64]:
    """Smooth noise [HEIGHT, WIDTH] with about `cells` bumps along a side."""
    coarse = rng.normal(size=(cells, cells)).astype(np.float32)
    return amplitude * cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(float)


@cache
def lesion(seed: int, *, frame: bool = False) -> Picture:
    """A dark irregular spot in the middle of textured skin, as in all dermoscopic photographs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    radius = np.hypot(x, y)
    border = 0.42 + noise(rng, 5, 0.07)
    inside = 1 / (1 + np.exp((radius - border) * 25))
    skin = 190 + noise(rng, 4, 6) + noise(rng, 30, 4)
    colour = np.stack([skin, skin * 0.8, skin * 0.7], axis=2)
    colour -= (inside * (80 + noise(rng, 8, 18) + noise(rng, 20, 8)))[:, :, None]
    if frame:
        colour *= (1 / (1 + np.exp((radius - 0.85) * 40)))[:, :, None]
    return np.clip(colour, 0, 255).astype(np.uint8)


def jpeg(image: Picture, quality: int) -> Picture:
    stream = BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


def resized(image: Picture, factor: float) -> Picture:
    return cv2.resize(
        image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )


def cropped(image: Picture, top: float, left: float, keep: float) -> Picture:
    height, width = image.shape[:2]
    y, x = round(top * height), round(left * width)
    return image[y : y + round(keep * height), x : x + round(keep * width)]


def turned(image: Picture, degrees: float) -> Picture:
    height, width = image.shape[:2]
    warp = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.3)
    return np.asarray(cv2.warpAffine(image, warp, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def scaled(image: Picture, gain: float | tuple[float, ...], offset: float) -> Picture:
    return np.clip(image * np.asarray(gain) + offset, 0, 255).astype(np.uint8)


def watermarked(image: Picture) -> Picture:
    """The same words at the same place, as a web site puts them on all its pictures."""
    marked = image.copy()
    height, width = marked.shape[:2]
    place, font = (width // 10, round(0.9 * height)), cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(marked, "ATLAS.org", place, font, width / 350, (255, 255, 255), 1, cv2.LINE_AA)
    return cv2.addWeighted(marked, 0.7, image, 0.3, 0)


COPIES: dict[str, Callable[[Picture], Picture]] = {
    "half size": lambda x: resized(x, 0.5),
    "double size": lambda x: resized(x, 2),
    "JPEG quality 30": lambda x: jpeg(x, 30),
    "darker": lambda x: scaled(x, 0.7, 0),
    "brighter": lambda x: scaled(x, 1.15, 10),
    "colour cast": lambda x: scaled(x, (0.85, 1.0, 1.1), 0),
    "cropped to 95%": lambda x: cropped(x, 0.025, 0.025, 0.95),
    "cropped in a corner": lambda x: cropped(x, 0.0, 0.04, 0.96),
    "mirrored": lambda x: x[:, ::-1],
    "upside down": lambda x: jpeg(np.ascontiguousarray(x[::-1, ::-1]), 70),
    "turned by 90 degrees": lambda x: resized(np.rot90(x), 0.7),
    "transposed": lambda x: x.transpose(1, 0, 2),
    "watermarked, cropped to 80%": lambda x: jpeg(resized(cropped(watermarked(x), 0.05, 0.15, 0.8), 0.8), 70),
    "cropped to 70%, watermarked": lambda x: jpeg(resized(watermarked(cropped(x, 0.2, 0.1, 0.7)), 1.3), 70),
    "cropped to 62% in a corner": lambda x: jpeg(cropped(x, 0.38, 0.0, 0.62), 80),
    "cropped unevenly": lambda x: jpeg(x[10:105, 30:190], 80),
    "cropped to 45%": lambda x: jpeg(resized(cropped(x, 0.3, 0.25, 0.45), 2), 80),
    "cropped and turned by 30 degrees": lambda x: jpeg(turned(x, 30)[20:130, 30:170], 80),
    "all at once": lambda x: jpeg(scaled(cropped(resized(x, 0.8), 0.02, 0.01, 0.96), 1.1, -5), 60),
}


def thumbs(images: list[Picture]) -> NDArray[np.uint8]:
    return np.stack([thumbnail(np.ascontiguousarray(image)) for image in images])


def near_duplicates(
    images: list[Picture], opener: Callable[[int], Picture] | None = None, workers: int = 1
) -> pd.DataFrame:
    described = [keypoints(np.ascontiguousarray(image)).tobytes() for image in images]
    return duplicates.near_duplicates(
        thumbs(images), described, opener or images.__getitem__, workers=workers
    )


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found_and_nothing_else(name: str, frame: bool) -> None:
    originals = [lesion(seed, frame=frame) for seed in range(8)]
    copies = [COPIES[name](image) for image in originals]
    pairs = near_duplicates(originals + copies)
    found = set(zip(pairs["first"], pairs["second"], strict=True))
    assert found == {(k, k + 8) for k in range(8)}


@pytest.mark.parametrize("frame", [False, True])
def test_spots_in_the_middle_of_the_same_frame_stay_apart(frame: bool) -> None:
    images = [lesion(seed, frame=frame) for seed in range(100, 160)]
    assert near_duplicates(images, workers=2).empty


def test_small_round_spots_on_plain_skin_stay_apart() -> None:
    """Nearly the same picture, but nothing in it says that it is one."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(30):
        image = np.full((HEIGHT, WIDTH, 3), 200.0) + rng.normal(0, 4, (HEIGHT, WIDTH, 1))
        centre = (WIDTH // 2 + int(rng.integers(-3, 4)), HEIGHT // 2 + int(rng.integers(-3, 4)))
        spot = cv2.ellipse(
            np.zeros((HEIGHT, WIDTH)), centre, (13, 11), int(rng.integers(180)), 0, 360, 1.0, -1
        )
        image -= 90 * cv2.GaussianBlur(spot, (0, 0), 2)[:, :, None]
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    assert near_duplicates(images).empty


def test_photographs_on_white_pages_of_one_layout_stay_apart() -> None:
    pages = []
    for seed in range(12):
        page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        page[15:120, 60:140] = resized(lesion(seed), 0.7)[:, 30:110]
        pages.append(page)
    assert near_duplicates(pages).empty


def test_blank_pictures_are_never_near_duplicates() -> None:
    blank = [np.full((80, 80, 3), grey, np.uint8) for grey in (0, 0, 128, 255)]
    assert near_duplicates(blank).empty
    assert (describe(thumbs(blank)[0]) == 0).all()


@pytest.mark.parametrize("count", [0, 1])
def test_no_pair_in_fewer_than_two_pictures(count: int) -> None:
    pairs = duplicates.near_duplicates(np.zeros((count, SIDE, SIDE), np.uint8), [b""] * count, [].__getitem__)
    assert len(pairs) == 0
    assert list(pairs) == ["first", "second", "evidence"]


def test_suspect_that_cannot_be_opened_ends_the_search() -> None:
    """Decided by its thumbnail, it would be joined with what only looks like it, and remembered so."""
    images = [lesion(1), jpeg(lesion(1), 50)]

    def gone(row: int) -> Picture:
        raise FileNotFoundError(row)

    with pytest.raises(FileNotFoundError):
        near_duplicates(images, gone)


def test_workers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [lesion(seed) for seed in range(10)]
    images += [jpeg(image, 50) for image in images]
    monkeypatch.setattr("skintag.data.catalog.shared_keypoints._BLOCK", 4)
    monkeypatch.setattr("skintag.data.catalog.shared_keypoints._CHUNK", 2)
    monkeypatch.setattr("skintag.data.catalog.duplicates._CHUNK", 2)
    one, four = (near_duplicates(images, workers=n) for n in (1, 4))
    pd.testing.assert_frame_equal(one, four)


def test_more_than_one_block_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [lesion(seed) for seed in range(9)]
    images += [resized(image, 0.6) for image in images]
    whole = near_duplicates(images)
    monkeypatch.setattr("skintag.data.catalog.search._BLOCK", 4)
    monkeypatch.setattr("skintag.data.catalog.duplicates._CHUNK", 2)
    monkeypatch.setattr("skintag.data.catalog.shared_keypoints._BLOCK", 4)
    monkeypatch.setattr("skintag.data.catalog.shared_keypoints._CHUNK", 2)
    blocks = near_duplicates(images)
    assert len(blocks) == 9
    pd.testing.assert_frame_equal(whole, blocks)


def test_field_of_view_leaves_out_the_round_frame_but_not_a_dark_lesion() -> None:
    framed = thumbnail(lesion(1, frame=True))
    field = field_of_view(framed)
    assert field[0, 0] == field[-1, -1] == 0
    assert field[SIDE // 2, SIDE // 2] == 1
    black = np.full((SIDE, SIDE), 200, np.uint8)
    black[15:30, 15:30] = 5  # does not touch the border
    assert (field_of_view(black) == 1).all()


def test_evidence_grows_with_what_agrees() -> None:
    image = lesion(3)
    first = prepare_square(thumbnail(image))
    exact = evidence(first, first)
    noisy = evidence(first, prepare_square(thumbnail(jpeg(image, 20))))
    other = evidence(first, prepare_square(thumbnail(lesion(4))))
    assert exact > noisy > 20 > other >= 0


# Photographs of one lesion, or one photograph, under two lesion ids; found by the search, judged by eye.
REAL_PAIRS = """
ISIC_0064007 ISIC_0071850  PAT_701_1321_156 PAT_701_4056_457  ISIC_0060997 ISIC_0072076
ISIC_0063659 ISIC_0071073
ISIC_0062259 ISIC_0063226  ISIC_0054023 ISIC_0064545  ISIC_0065588 ISIC_0065639  ISIC_0063304 ISIC_0064285
ISIC_0057272 ISIC_0072042  ISIC_0025387 ISIC_0029880  ISIC_0027027 ISIC_0029036  ISIC_0057909 ISIC_0072047
ISIC_0034228 ISIC_0034248  ISIC_0027636 ISIC_0027994  ISIC_0055899 ISIC_0071179  ISIC_0057094 ISIC_0060458
ISIC_0055412 ISIC_0071179  ISIC_0027820 ISIC_0028209  ISIC_0056557 ISIC_0067017
"""
# The most alike photographs, of 215 million pairs, that show two lesions.
REAL_LOOKALIKES = """
ISIC_0056869 ISIC_0068010  ISIC_0061903 ISIC_0068010  ISIC_0025034 ISIC_0033427  ISIC_0033408 ISIC_0033702
ISIC_0056533 ISIC_0068010  ISIC_0032780 ISIC_0034061  ISIC_0068010 ISIC_0072467  ISIC_0032705 ISIC_0033601
ISIC_0028401 ISIC_0063663  ISIC_0024916 ISIC_0034178  ISIC_0032020 ISIC_0033580  ISIC_0068010 ISIC_0069952
ISIC_0063313 ISIC_0065294  ISIC_0060581 ISIC_0071106  ISIC_0033948 ISIC_0054290  ISIC_0057094 PAT_665_1260_16
"""


def pairs_in(text: str) -> set[frozenset[str]]:
    names = text.split()
    return {frozenset(pair) for pair in zip(names[::2], names[1::2], strict=True)}


@pytest.mark.real
def test_one_real_lesion_under_two_ids_is_found_and_two_that_look_alike_are_not(real_data: Path) -> None:
    same, others = pairs_in(REAL_PAIRS), pairs_in(REAL_LOOKALIKES)
    names = sorted(frozenset().union(*same, *others))
    files = {path.stem: path for path in real_data.rglob("*") if path.suffix in (".jpg", ".png")}
    images = [decode_image(files[name].read_bytes(), name) for name in names]
    pairs = near_duplicates(images, workers=2)
    found = {frozenset((names[a], names[b])) for a, b in zip(pairs["first"], pairs["second"], strict=True)}
    assert same <= found
    assert not others & found


def test_perceptual_hash_is_imagehash_phash() -> None:
    for seed in range(20):
        grey = np.random.default_rng(seed).integers(0, 256, (32, 32), dtype=np.uint8)
        ours = perceptual_hash(np.repeat(grey[:, :, None], 3, axis=2))
        assert ours == str(imagehash.phash(Image.fromarray(grey)))


def test_duplicate_id_is_the_smallest_of_identical_and_similar_ones() -> None:
    pairs = pd.DataFrame({"first": ["h1", "h9"], "second": ["h2", "h1"]})  # h9 is no longer there
    ids = duplicate_ids(["d", "c", "b", "a", "e"], ["h1", "h1", "h2", "h3", "h4"], pairs)
    assert ids.tolist() == ["b", "b", "b", "a", "e"]


def frame_of(rows: list[tuple[str, str | None, str | None, str | None, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", *JOINING], dtype="object")


def test_groups_join_patient_lesion_and_picture_in_chains() -> None:
    frame = frame_of(
        [
            ("e", "p1", "l1", "h1", "d1"),
            ("d", "p1", "l2", None, None),  # no usable image: joined by its patient
            ("c", None, "l2", "h2", "d2"),  # by the lesion
            ("b", None, None, "h3", "d2"),  # by the picture, in a chain to "e"
            ("a", None, None, "h4", "d4"),  # nulls join nothing
            ("f", None, None, None, None),
        ]
    )
    assert leakage_groups(frame).tolist() == ["b", "b", "b", "b", "a", "f"]


def test_equal_values_of_different_columns_join_nothing() -> None:
    frame = frame_of(
        [("a", "x", None, None, None), ("b", None, "x", None, None), ("c", None, None, "x", None)]
    )
    assert leakage_groups(frame).tolist() == ["a", "b", "c"]


def test_groups_of_nothing() -> None:
    assert leakage_groups(frame_of([])).empty


keys = st.one_of(st.none(), st.integers(0, 6).map(str))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(keys, keys, keys, keys), min_size=1, max_size=25), st.randoms())
@pytest.mark.long
def test_groups_are_the_connected_components_whatever_the_order(
    rows: list[tuple[str | None, ...]], random: object
) -> None:
    frame = frame_of([(f"i{number:02d}", *row) for number, row in enumerate(rows)])
    groups = dict(zip(frame["image_id"], leakage_groups(frame), strict=True))
    truth = {name: name for name in frame["image_id"]}  # plain label propagation
    for _ in rows:
        for column in JOINING:
            for _, members in frame.dropna(subset=[column]).groupby(column)["image_id"]:
                smallest = min(truth[name] for name in members)
                truth.update(dict.fromkeys(members, smallest))
    assert groups == truth
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = frame.iloc[order]
    assert dict(zip(shuffled["image_id"], leakage_groups(shuffled), strict=True)) == groups
