"""Which images a bundle's weights have seen, so that nobody tests a student of it on its training images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from skintag.data.view.seen import Seen

SEEN: Final = "model/trained_on.safetensors"
"""Beside the weights, under the name that `skintag.data.view.seen.FILE` is."""


def seen_by(folder: Path) -> Seen:
    """What a bundle says; nothing where it does not say. Raises DataError where the file is damaged."""
    from skintag.data.view.seen import read_seen

    return read_seen(folder / SEEN)
