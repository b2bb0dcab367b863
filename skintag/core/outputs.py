"""What a model says of images, as arrays: the one type that networks, probes, bundles and exports answer with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outputs:
    """What a model says of [n] images; float32, but for scores read from a table, which are float64."""

    malignant: NDArray[np.floating]
    """Probability of malignancy, [n]."""
    conditions: NDArray[np.floating] | None = None
    """Probabilities of the conditions, [n, K]; None where the model learned none."""
    embeddings: NDArray[np.float32] | None = None
    """What the backbone made of the images, [n, D]; None where there is no backbone, as in a probe."""
    maps: NDArray[np.float32] | None = None
    """Where it looked: what the head says of each position of the last features, logits of malignancy [n, h, w]; None
    where nobody asked, or the network has no such positions."""

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """The images of all parts, one part after the other.

        Raises:
            ValueError: no parts at all, or arrays that only some of them have.
        """
        every = list(parts)
        return cls(
            np.concatenate([part.malignant for part in every]),
            _joined([part.conditions for part in every]),
            _joined([part.embeddings for part in every]),
            _joined([part.maps for part in every]),
        )


def _joined(arrays: list[NDArray] | list[NDArray | None]) -> NDArray | None:
    there = [array for array in arrays if array is not None]
    if there and len(there) < len(arrays):
        raise ValueError(f"{len(there)} of {len(arrays)} parts have what the others lack")
    return np.concatenate(there) if there else None
