"""A result as HTML: the risk meter, the tier, shares, findings and the map, for doors without a web app.

Everything that comes from a bundle is escaped. A tier is told by word and icon as well, never by colour alone.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skintag.serving.card_words import ABCDE, CATEGORIES, FINDINGS, ICONS, NAMES, WORDS

Analysis = Mapping[str, Any]
"""What `skintag.serving.engine.Engine.answers` says of a picture."""
_FLAT: Final = 0.25
"""Logits: less between the least and the most of a map says nothing of a place."""
_OPAQUE: Final = 190
"""Of 255: the map at its strongest place."""


def percent(share: float) -> str:
    """A share as a whole number of a hundred; what is not nothing or all does not look like it."""
    return _said(share * 100, _half_up(share * 100))


def whole_shares(categories: Mapping[str, float | None]) -> dict[str, str]:
    """The categories' shares as `percent` has them, but so that whole numbers sum to 100.

    The first is rounded as it is on the meter, and the others by the largest remainder of what is left; one that the
    model does not tell is left out.
    """
    told = {name: share * 100 for name, share in categories.items() if share is not None}
    first, *others = told
    whole = {first: _half_up(told[first])} | {name: math.floor(told[name]) for name in others}
    missing = 100 - sum(whole.values())
    for name in sorted(others, key=lambda name: whole[name] - told[name])[: max(0, missing)]:
        whole[name] += 1
    return {name: _said(value, whole[name]) for name, value in told.items()}


def _said(value: float, whole: int) -> str:
    if 0 < value < 1:
        return "<1"
    return ">99" if 99 < value < 100 else str(whole)


def _half_up(value: float) -> int:
    """As browsers round; Python's own `round` takes halves to even numbers."""
    return math.floor(value + 0.5)


def result(analysis: Analysis, pixels: NDArray[np.uint8], low: float, high: float) -> str:
    """Everything that is said of one photograph.

    Args:
        analysis: of it.
        pixels: that the model was given, uint8 [S, S, 3] RGB.
        low: scores below it are LOW.
        high: scores above it are HIGH.
    """
    parts = [
        strange(analysis),
        tier(analysis, low, high),
        findings(analysis),
        shares(analysis),
        conditions(analysis),
        photograph(analysis, pixels),
        origin(analysis),
    ]
    return f'<div class="st-result" role="status">{"".join(parts)}</div>'


def strange(analysis: Analysis) -> str:
    """The notice of a picture unlike those that the model was made from; else nothing."""
    if not analysis["out_of_distribution"]:
        return ""
    return (
        f'<section class="st-card st-high" role="alert"><h3>{_icon("HIGH")} This does not look like a photo of a spot '
        "on skin</h3><p>The model has seen nothing like it: do not rely on what follows.</p></section>"
    )


def tier(analysis: Analysis, low: float, high: float) -> str:
    """The card: tier, meter, and what to do."""
    name = analysis["tier"]
    word, what = WORDS[name]
    return (
        f'<section class="st-card st-{name.lower()}" data-tier="{name}">'
        f"<h2>{_icon(name)} <span>{word}<small>{what}</small></span></h2>"
        f"{meter(analysis['malignancy_score'], name, low, high)}</section>"
        f'<section class="st-card"><h3>What to do next</h3><p>{escape(analysis["recommendation"])}</p></section>'
    )


def meter(score: float, name: str, low: float, high: float) -> str:
    """A half circle with the zones of the tiers and a needle at the score."""
    zones = (("LOW", 0.0, low), ("MODERATE", low, high), ("HIGH", high, 1.0))
    arcs = "".join(
        f'<path class="st-zone-{zone.lower()}{" st-on" if zone == name else ""}" d="{_arc(start, end)}"/>'
        for zone, start, end in zones
        if end > start
    )
    said = f"Estimated risk {percent(score)} of 100. Moderate begins at {percent(low)}, high above {percent(high)}."
    turned = min(max(score, 0.0), 1.0) * 180 - 90
    return (
        f'<svg class="st-meter" viewBox="0 0 200 112" role="img" aria-label="{escape(said)}">{arcs}'
        f'<path class="st-needle" transform="rotate({turned:.2f} 100 100)" d="M97.6 100 100 32 102.4 100z"/>'
        f'<circle class="st-needle" cx="100" cy="100" r="6"/></svg>'
        f'<p class="st-number" aria-hidden="true"><b>{escape(percent(score))}</b> / 100 estimated risk</p>'
    )


def findings(analysis: Analysis) -> str:
    """What is wrong with the photograph; else nothing."""
    found = [FINDINGS[one["finding"]] for one in analysis["quality"]]
    if not found:
        return ""
    items = "".join(f"<li>{text}</li>" for text in found)
    return (
        '<section class="st-card st-moderate" data-part="quality"><h3>About the photo</h3>'
        f"<p>The estimate may be off, because the photo</p><ul>{items}</ul></section>"
    )


def shares(analysis: Analysis) -> str:
    """A bar for each of the three categories; one that the model does not tell is left out."""
    told = analysis["categories"]
    bars = "".join(
        _bar(CATEGORIES[name], told[name], said)
        for name, said in whole_shares({name: told[name] for name in CATEGORIES}).items()
    )
    return f'<section class="st-card" data-part="categories"><h3>What kind of spot</h3>{bars}</section>'


def conditions(analysis: Analysis) -> str:
    """The three likeliest conditions; nothing where the model knows none."""
    if not analysis["conditions"]:
        return ""
    bars = "".join(
        _bar(
            NAMES.get(one["name"], one["name"].replace("_", " ").capitalize()),
            one["probability"],
        )
        for one in analysis["conditions"]
    )
    return (
        f'<section class="st-card" data-part="conditions"><h3>What it looks most like</h3>{bars}'
        "<p><small>Shares as the model gives them; they are not calibrated.</small></p></section>"
    )


def photograph(analysis: Analysis, pixels: NDArray[np.uint8]) -> str:
    """What the model was given, and where it looked, laid over it."""
    over, said = overlay(analysis["map"]), ""
    if over is not None:
        said = (
            f'<img class="st-map" src="{_data_url(over)}" alt=""/></div><p>Warmer: these parts raised the estimate '
            "more than others. It says where the model looked, not where a disease is.</p>"
        )
    elif analysis["map"] is not None:
        said = "</div><p>Where the model looked: it is spread evenly.</p>"
    return (
        '<section class="st-card" data-part="photo"><h3>What the model was given</h3><div class="st-photo">'
        f'<img src="{_data_url(pixels)}" alt="The photo, as the model was given it"/>{said or "</div>"}</section>'
    )


def overlay(values: Mapping[str, Any] | None) -> NDArray[np.uint8] | None:
    """The map as a picture uint8 [h, w, 4] RGBA, clear at its least; None where there is none, or it is flat."""
    if values is None:
        return None
    logits = np.asarray(values["values"], np.float64).reshape(values["height"], values["width"])
    least, most = float(logits.min()), float(logits.max())
    if most - least < _FLAT:
        return None
    strength = (logits - least) / (most - least)
    out = np.empty((*strength.shape, 4), np.uint8)
    out[...] = (214, 74, 20, 0)
    out[..., 3] = np.rint(strength * _OPAQUE)
    return out


def origin(analysis: Analysis) -> str:
    """Which bundle answered, why that tier, and what has to stand beside its figures."""
    bundle = analysis["bundle"]
    note = f"<br>About this model: {escape(bundle['note'])}." if bundle["note"] else ""
    return (
        f'<p class="st-small">Model {escape(bundle["name"])}, version {escape(bundle["version"])}. '
        f"Why this tier: {escape(analysis['tier_reason'])}.{note}</p>"
    )


def failed(detail: str) -> str:
    """A file that cannot be read, and what to do."""
    return (
        f'<section class="st-card st-moderate" role="alert"><h3>{_icon("MODERATE")} That did not work</h3>'
        f"<p>{escape(detail)}</p></section>"
    )


def guide() -> str:
    """What to look out for."""
    items = "".join(f"<li><b>{letter}</b> <b>{word}</b>: {text}</li>" for letter, word, text in ABCDE)
    return (
        '<section class="st-card"><h3>ABCDE: what to look out for</h3>'
        f'<ul class="st-abcde">{items}</ul></section>'
    )


def disclaimer(text: str) -> str:
    """Stays in view."""
    return f'<aside class="st-disclaimer" role="note"><b>Please note.</b> {escape(text)}</aside>'


def _bar(word: str, share: float, said: str | None = None) -> str:
    width = min(max(share, 0.0), 1.0) * 100
    return (
        f'<div class="st-bar"><span>{escape(word)}</span><span>{escape(said or percent(share))} of 100</span>'
        f'<div><div style="width:{width:.1f}%"></div></div></div>'
    )


def _icon(name: str) -> str:
    return (
        '<svg class="st-icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{ICONS[name]}</svg>'
    )


def _arc(start: float, end: float) -> str:
    (x0, y0), (x1, y1) = (
        (100 - 80 * math.cos(math.pi * at), 100 - 80 * math.sin(math.pi * at)) for at in (start, end)
    )
    return f"M{x0:.2f} {y0:.2f}A80 80 0 0 1 {x1:.2f} {y1:.2f}"


def _data_url(pixels: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
