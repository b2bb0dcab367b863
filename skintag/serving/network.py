"""A bundle's network on several processors at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.bundle import Bundle
from skintag.bundle.runtime import ONNX_FILES
from skintag.core.outputs import Outputs

Pixels = NDArray[np.uint8]
_PIECE: Final = 4
"""Pictures at a time on one processor: more fall out of its cache. MobileNetV3: 3.0 ms each by 1 to 4, 4.2 by 16."""
SLOW: Final = 0.15
"""Seconds of a picture on one processor, from which all of them work on one rather than each on its own."""


@dataclass(frozen=True)
class Network:
    """The deployed model of a bundle."""

    bundle: Bundle
    """Loaded with one thread for each run where `threads` is above 1."""
    threads: int = 1
    """Runs side by side."""
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(thread_name_prefix="network")
    )

    def __call__(self, pixels: Pixels) -> Outputs:
        """What it says of pictures uint8 [n, S, S, 3] RGB, and where it looked, if it can tell.

        Raises:
            DataError: its file is damaged.
        """
        if self.threads == 1:
            return self.bundle.outputs(pixels, maps=True)
        share = -(-len(pixels) // self.threads)
        shares = [pixels[i : i + share] for i in range(0, len(pixels), share)]
        others = [self._pool.submit(self._in_pieces, some) for some in shares[1:]]
        parts = [*self._in_pieces(shares[0]), *(part for other in others for part in other.result())]
        return parts[0] if len(parts) == 1 else Outputs.joined(parts)

    def _in_pieces(self, pixels: Pixels) -> list[Outputs]:
        pieces = (pixels[i : i + _PIECE] for i in range(0, len(pixels), _PIECE))
        return [self.bundle.outputs(piece, maps=True) for piece in pieces]

    def close(self) -> None:
        """Let its threads end."""
        self._pool.shutdown(wait=False)


def network_of(load: Callable[[int], Bundle], threads: int) -> Network:
    """The network of a bundle, in the way that is quickest here.

    A small one runs once on each processor, on pictures of its own, which loses nothing to waiting for each other; one
    that takes long for a picture runs on all of them.

    Args:
        load: makes the bundle, for so many threads in a run.
        threads: processors to use.
    """
    bundle = load(1)
    if bundle.manifest.runtime not in ONNX_FILES:
        return Network(bundle)
    side = bundle.preprocessing.image_size
    drawn, seconds = np.zeros((1, side, side, 3), np.uint8), 0.0
    for _ in range(2):  # the first time it also gets its memory
        begun = time.perf_counter()
        bundle.outputs(drawn)
        seconds = time.perf_counter() - begun
    if threads == 1 or seconds < SLOW:
        return Network(bundle, threads)
    return Network(load(threads))
