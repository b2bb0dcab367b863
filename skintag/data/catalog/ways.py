"""Ways in which one picture of a pair may have been turned by quarters or mirrored."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from skintag.data.catalog.likeness import FREQUENCIES

# mirrored along x, along y, transposed: the eight symmetries of a square
_TURNS: Final = tuple((x, y, t) for t in (False, True) for y in (False, True) for x in (False, True))


WHOLE: Final = range(1)
"""The first way: unchanged."""
TURNED: Final = range(1, len(_TURNS))
"""Then the turned and mirrored ones."""


def turn(square: NDArray[np.uint8], way: int) -> NDArray[np.uint8]:
    """A grey picture uint8 [s, s] turned or mirrored, uint8 [s, s]."""
    along_x, along_y, transposed = _TURNS[way]
    turned = square[:: -1 if along_y else 1, :: -1 if along_x else 1]
    return np.ascontiguousarray(turned.T if transposed else turned)


def turn_descriptors(descriptors: NDArray[np.float32], way: int) -> NDArray[np.float32]:
    """What `likeness.describe` gives for turned thumbnails: a mirrored cosine changes sign if its frequency is odd."""
    along_x, along_y, transposed = _TURNS[way]
    sign = np.where(np.arange(FREQUENCIES) % 2, -1, 1).astype(np.float32)
    turned = descriptors * (sign if along_x else 1) * (sign[:, None] if along_y else 1)
    return np.ascontiguousarray(turned.transpose(0, 2, 1) if transposed else turned)
