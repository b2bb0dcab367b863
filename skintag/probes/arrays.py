"""Arrays that a probe was saved as."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def arrays_of(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.floating]]:
    """Arrays of an `.npz`, by name.

    Raises:
        ValueError: one is missing, of another shape or kind, or holds what is no number.
    """
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in shapes}
    for name, array in arrays.items():
        if array.shape != shapes[name] or array.dtype.kind != "f" or not np.isfinite(array).all():
            raise ValueError(
                f"{path.name}: {name} is {array.dtype} {array.shape}, expected numbers {shapes[name]}"
            )
    return arrays
