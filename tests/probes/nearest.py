"""A probe of somebody else's: one small file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skintag.probes.base import FitRecord, Probe
from skintag.probes.data import ProbeData


@dataclass(eq=False)
class NearestProbe(Probe):
    """Softmax over the negative distances to the classes' means."""

    name: ClassVar[str] = "nearest"

    sharpness: float = 1.0
    """Distances are multiplied by it."""

    def _fit(self, train: ProbeData, val: ProbeData, record: FitRecord) -> dict[str, float]:
        def means(codes: NDArray[np.int64]) -> NDArray[np.float32]:
            return np.stack([train.embeddings[codes == c].mean(axis=0) for c in np.unique(codes)])

        self._malignant, self._conditions = means(train.target), means(record.codes(train.condition))
        return {}

    def _predict(self, x: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        return self._shares(x, self._malignant)[:, 1], self._shares(x, self._conditions)

    def _shares(self, x: NDArray[np.float32], means: NDArray[np.float32]) -> NDArray[np.floating]:
        near = np.exp(-self.sharpness * np.linalg.norm(x[:, None] - means, axis=2)) + 1e-9
        return near / near.sum(axis=1, keepdims=True)

    def _save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "nearest.npz", malignant=self._malignant, conditions=self._conditions)

    def _load(self, folder: Path, record: FitRecord) -> None:
        with np.load(folder / "nearest.npz", allow_pickle=False) as arrays:
            self._malignant, self._conditions = arrays["malignant"], arrays["conditions"]
