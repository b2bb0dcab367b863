"""What an adapter gives: a model in ordered parts, and what its own configuration says of its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from skintag.models.layers import LayerGroup, Stage

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Tower:
    """A model without classifier, cut into parts."""

    model: nn.Module
    """Normalised pixels float [B, 3, S, S] in, pooled features [B, D] out, where it is run whole."""
    groups: list[LayerGroup]
    """Its parameters: stem, blocks in order, final part."""
    stages: list[Stage]
    """Its forward pass, cut at the groups; one stage alone where the architecture is not known."""
    embedding_size: int
    """D."""
    mean: Triple
    """Of the pixels that it was trained on, red, green, blue, of 1."""
    std: Triple
    """As `mean`."""


@dataclass(frozen=True)
class Native:
    """What a model's own configuration says of the pictures that it takes, and of how it is built."""

    image_size: int
    """Side of its square input, pixels."""
    interpolation: str
    """`bilinear` or `bicubic`; another name where it asks for what there is not here."""
    padding: bool = False
    """Whether a picture is filled up to a square with black."""
    mean: Triple | None = None
    """Of the pixels; None where the library itself knows."""
    std: Triple | None = None
    """As `mean`."""
    architecture: Mapping[str, Any] = field(default_factory=dict)
    """What the library builds it from, as plain values; empty where its name is enough."""
