"""The floor: the class shares of train for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skintag.core.io import atomic_path
from skintag.probes.arrays import arrays_of
from skintag.probes.base import FitRecord, Probe
from skintag.probes.data import ProbeData


@dataclass(eq=False)
class MajorityProbe(Probe):
    """Gives every image the weighted class shares of train. Looks at no embedding."""

    name: ClassVar[str] = "majority"
    looks_at_embeddings: ClassVar[bool] = False

    def _fit(self, train: ProbeData, val: ProbeData, record: FitRecord) -> dict[str, float]:
        weight = train.weight.astype(np.float64)
        self._malignant = np.average(train.target, weights=weight)
        share = np.bincount(record.codes(train.condition), weights=weight)
        self._conditions = share / share.sum()
        return {}

    def _predict(self, x: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        return np.full(len(x), self._malignant), np.tile(self._conditions, (len(x), 1))

    def _save(self, folder: Path) -> None:
        with atomic_path(folder / "majority.npz") as part, part.open("wb") as stream:
            np.savez(stream, malignant=self._malignant, conditions=self._conditions)

    def _load(self, folder: Path, record: FitRecord) -> None:
        shapes: dict[str, tuple[int, ...]] = {"malignant": (), "conditions": (len(record.conditions),)}
        arrays = arrays_of(folder / "majority.npz", shapes)
        self._malignant, self._conditions = np.float64(arrays["malignant"]), arrays["conditions"]
