"""The cards of a result say what the answer says, and nothing of a bundle is taken for HTML."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skintag.serving import cards
from skintag.serving.schemas import _ANALYSIS

PIXELS = np.full((8, 8, 3), 120, np.uint8)


def said(**changes: Any) -> dict[str, Any]:
    """The example that OpenAPI shows, with these changes."""
    return {**_ANALYSIS, **changes}


@pytest.mark.parametrize(
    ("tier", "word"), [("LOW", "Low risk"), ("MODERATE", "Moderate risk"), ("HIGH", "High risk")]
)
def test_a_tier_is_told_by_word_and_icon_and_colour(tier: str, word: str) -> None:
    html = cards.result(said(tier=tier), PIXELS, 0.12, 0.6)
    assert f'data-tier="{tier}"' in html
    assert f"st-{tier.lower()}" in html
    assert word in html
    assert cards.ICONS[tier] in html


def test_everything_of_the_answer_is_there() -> None:
    html = cards.result(said(), PIXELS, 0.12, 0.6)
    for text in (
        "Harmless growth",
        "Mole",
        "Seborrheic keratosis",
        "Melanoma",
        "too few pixels",
        "version 3f2c9a1b04de",
    ):
        assert text in html
    assert "Estimated risk 8 of 100. Moderate begins at 12, high above 60." in html
    assert "does not look like" not in html


def test_what_is_unknown_is_left_out() -> None:
    categories = {"malignant": 0.3, "inflammatory": None, "benign": 0.7}
    html = cards.result(said(categories=categories, conditions=[], map=None, quality=[]), PIXELS, 0.12, 0.6)
    assert "Inflammation" not in html
    assert "looks most like" not in html
    assert "st-map" not in html
    assert "About the photo" not in html


def test_a_strange_picture_says_so_first() -> None:
    html = cards.result(said(out_of_distribution=True), PIXELS, 0.12, 0.6)
    assert html.index("does not look like a photo of a spot") < html.index("data-tier")


def test_a_bundle_cannot_write_html() -> None:
    evil = "<script>alert(1)</script>"
    bundle = dict.fromkeys(("name", "version", "model", "runtime", "note"), evil)
    changes = {"recommendation": evil, "tier_reason": evil, "bundle": bundle}
    changes["conditions"] = [{"name": evil, "probability": 0.5}]
    assert "<script" not in cards.result(said(**changes), PIXELS, 0.12, 0.6)
    assert "<script" not in cards.disclaimer(evil) + cards.failed(evil)


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0"), (0.004, "<1"), (0.125, "13"), (0.5, "50"), (0.994, ">99"), (1, "100")]
)
def test_what_is_not_nothing_does_not_look_like_it(share: float, text: str) -> None:
    assert cards.percent(share) == text


def test_whole_shares_of_the_categories_sum_to_100_and_begin_as_the_meter_has_it() -> None:
    shares = {"malignant": 0.335, "inflammatory": 0.335, "benign": 0.33}
    assert cards.whole_shares(shares) == {"malignant": "34", "inflammatory": "33", "benign": "33"}
    alone = {"malignant": 0.125, "inflammatory": None, "benign": 0.875}
    assert cards.whole_shares(alone) == {"malignant": "13", "benign": "87"}


def test_the_map_is_clear_at_its_least_and_nothing_where_it_is_flat() -> None:
    over = cards.overlay({"height": 1, "width": 3, "values": [-1.0, 0.0, 1.0]})
    assert over is not None
    assert over.shape == (1, 3, 4)
    assert over[0, 0, 3] == 0 < over[0, 1, 3] < over[0, 2, 3]
    assert cards.overlay({"height": 1, "width": 2, "values": [0.0, 0.1]}) is None
    assert cards.overlay(None) is None
