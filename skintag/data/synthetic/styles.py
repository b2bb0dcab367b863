"""How each dataset's photographs are taken: a row of numbers per dataset, and a neutral way."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True)
class Style:
    """One way of taking photographs. Probabilities and amounts are per photograph."""

    fill: float
    """Median of lesion diameter / shorter side of the picture, for a lesion of 8 mm."""
    off_centre: float
    """Standard deviation of the lesion's place, in shorter sides."""
    red: float
    """Gain of the red channel; green and blue likewise."""
    green: float
    blue: float
    cast_spread: float
    """Log standard deviation of the three gains from photograph to photograph."""
    light: float
    """Mean exposure; 1 leaves the skin as its angle says."""
    light_gradient: float
    """Brightness change from one side to the other."""
    texture: float
    """Strength of skin lines and pores."""
    relief: float
    """How much height shows as shading and gloss; 0 under a contact plate with gel."""
    circle: float
    """Probability of the dermoscope's black surround."""
    corners: float
    """Darkening towards the corners."""
    hairs: float
    """Mean number of hairs."""
    bubbles: float
    """Probability of gel bubbles."""
    marker: float
    """Probability of a surgeon's pen mark."""
    background: float
    """Probability that cloth or a wall is seen beside the body part."""
    moles: float
    """Mean number of other small spots around."""
    blur: float
    """Median blur, pixels at scale 0.5."""
    noise: float
    """Standard deviation of sensor noise, in 0..255."""
    quality: float
    """JPEG quality: of the file, or of the phone that made it where the file is a PNG."""


_NEUTRAL = Style(
    fill=0.42, off_centre=0.04, red=1.0, green=1.0, blue=1.0, cast_spread=0.03, light=1.0,
    light_gradient=0.08, texture=0.8, relief=0.4, circle=0.0, corners=0.08, hairs=3.0, bubbles=0.0,
    marker=0.0, background=0.0, moles=0.7, blur=0.6, noise=2.5, quality=92.0,
)  # fmt: skip

_FULL: Final = {
    "ham10000": Style(
        fill=0.52, off_centre=0.03, red=1.10, green=0.90, blue=0.96, cast_spread=0.045, light=1.04,
        light_gradient=0.06, texture=0.30, relief=0.06, circle=0.10, corners=0.25, hairs=7.0, bubbles=0.25,
        marker=0.0, background=0.0, moles=0.0, blur=0.7, noise=1.5, quality=92.0,
    ),
    "bcn20000": Style(
        fill=0.50, off_centre=0.05, red=1.03, green=1.02, blue=0.98, cast_spread=0.07, light=1.02,
        light_gradient=0.10, texture=0.25, relief=0.05, circle=0.45, corners=0.18, hairs=9.0, bubbles=0.35,
        marker=0.03, background=0.0, moles=0.0, blur=1.1, noise=2.0, quality=88.0,
    ),
    "fitzpatrick17k": Style(
        fill=0.42, off_centre=0.06, red=1.02, green=0.99, blue=0.96, cast_spread=0.06, light=1.05,
        light_gradient=0.28, texture=1.0, relief=0.9, circle=0.0, corners=0.10, hairs=2.0, bubbles=0.0,
        marker=0.02, background=0.30, moles=2.0, blur=0.7, noise=3.5, quality=80.0,
    ),
    "ddi": Style(
        fill=0.40, off_centre=0.05, red=1.0, green=1.0, blue=1.02, cast_spread=0.045, light=1.02,
        light_gradient=0.25, texture=1.1, relief=0.9, circle=0.0, corners=0.05, hairs=3.0, bubbles=0.0,
        marker=0.18, background=0.18, moles=1.2, blur=0.8, noise=3.0, quality=95.0,
    ),
    "pad_ufes_20": Style(
        fill=0.44, off_centre=0.06, red=1.06, green=0.98, blue=0.90, cast_spread=0.085, light=0.98,
        light_gradient=0.30, texture=1.6, relief=1.2, circle=0.0, corners=0.15, hairs=4.0, bubbles=0.0,
        marker=0.10, background=0.04, moles=1.5, blur=1.3, noise=6.0, quality=55.0,
    ),
}  # fmt: skip


def style_of(dataset: str, domain_gap: float) -> Style:
    """The dataset's style, moved towards the neutral one as `domain_gap` goes from 1 to 0."""
    full = _FULL[dataset]
    return Style(**{
        f.name: (1 - domain_gap) * getattr(_NEUTRAL, f.name) + domain_gap * getattr(full, f.name)
        for f in fields(Style)
    })  # fmt: skip
