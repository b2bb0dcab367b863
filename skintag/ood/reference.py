"""Is this a lesion photograph like those seen? A distance of embeddings from those of train, its limit set on val.

Reads no image and no torch: embeddings in, scores and flags out, and one small file to ship with a model.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import atomic_path
from skintag.ood.fit import (
    Groups,
    check_same,
    checked_rows,
    class_numbers,
    gaussian_arrays,
    groups_with_a_say,
    knn_arrays,
    least_limit,
    unit_rows,
)
from skintag.ood.settings import KINDS, MAX_ROWS, OodRecord, OodSettings
from skintag.ood.subspace import Subspace

__all__ = ["FILE", "KINDS", "MAX_ROWS", "OodRecord", "OodReference", "OodSettings"]

FILE: Final = "ood.safetensors"
FORMAT: Final = 1
MAX_BYTES: Final = 32 * 2**20
"""A larger file is no reference that this module wrote."""
_CHUNK: Final = 2048  # rows scored at a time

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OodReference:
    """Where the training embeddings lie, and how far from them is too far. Make one with `fit` or `load`."""

    settings: OodSettings
    """What it was made of."""
    record: OodRecord
    """What came out."""
    arrays: dict[str, NDArray[Any]]
    """What is stored: `means` float32 [K, D], `directions` float16 [r, D], `variances` float32 [r]; relative:
    also `background_mean`, `background_directions`, `background_variances`; knn: `rows` float16 [m, r]."""

    @classmethod
    def fit(
        cls,
        train_embeddings: ArrayLike,
        val_embeddings: ArrayLike,
        *,
        kind: str = "knn",
        labels: ArrayLike | None = None,
        val_groups: Groups = None,
        **settings: Any,
    ) -> Self:
        """A reference of train whose threshold keeps `target` of val.

        A threshold that keeps 95% of everything can turn away a third of a rare domain (see
        experiments/out_of_distribution). With `val_groups`, the one threshold is as high as the group that
        needs it most asks for.

        Args:
            train_embeddings: [n, D], two rows or more.
            val_embeddings: [m, D]. Only these choose the threshold.
            kind: see `OodSettings`.
            labels: [n] classes of the training rows, e.g. conditions; `relative_mahalanobis` needs them, `knn` has
                no use for them.
            val_groups: [m] group of each val row, e.g. its domain, or several such groupings by name, e.g. domain and
                skin type; missing values are in none.
            settings: the other fields of `OodSettings`.

        Raises:
            ConfigError: a setting that makes no sense.
            DataError: no rows, widths or lengths that differ, or values that are not finite.
        """
        asked = OodSettings(kind=kind, **settings)
        train = checked_rows(train_embeddings, "train embeddings", 2)
        val = checked_rows(val_embeddings, "val embeddings", 1)
        classes = class_numbers(labels, len(train), asked)
        check_same("val embeddings", f"width {train.shape[1]}, as train has", val.shape[1], train.shape[1])
        arrays, rest, background = (
            knn_arrays(train, asked) if kind == "knn" else gaussian_arrays(train, classes, asked)
        )
        record = OodRecord(np.inf, train.shape[1], len(train), len(val), 1.0, rest, background)
        return cls(asked, record, arrays)._limited(val, val_groups)

    def _limited(self, val: Floats, val_groups: Groups) -> Self:
        """This reference with the threshold that val asks for."""
        scores = self.score(val)  # of the arrays as stored, so that nothing moves when they are read back
        groups = groups_with_a_say(val_groups, len(val), self.settings)
        limit = max(least_limit(scores[rows], self.settings.target) for rows in groups)
        kept = float((scores <= limit).mean())
        return replace(self, record=replace(self.record, threshold=limit, val_kept=kept))

    @property
    def threshold(self) -> float:
        """Scores above it are flagged."""
        return self.record.threshold

    @property
    def nbytes(self) -> int:
        """Bytes of the stored arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def score(self, embeddings: ArrayLike) -> Floats:
        """How unlike train each of [n, D] embeddings is, float64 [n]; more is stranger.

        A row that is not finite is infinitely strange. No rows give no scores.

        Raises:
            DataError: another width than train's.
        """
        rows = np.asarray(embeddings)
        found = rows.shape[1] if rows.ndim == 2 else f"shape {rows.shape}"
        check_same("embeddings", f"[n, {self.record.width}], as the reference has", found, self.record.width)
        out = np.full(len(rows), np.inf)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK].astype(np.float64)
            finite = np.isfinite(part).all(axis=1)
            scored = self._neighbours if self.settings.kind == "knn" else self._distance
            out[start : start + _CHUNK][finite] = scored(part[finite])
        return out

    def flags(self, embeddings: ArrayLike) -> NDArray[np.bool_]:
        """Whether each of [n, D] embeddings is farther than what was seen, bool [n]."""
        return ~(self.score(embeddings) <= self.threshold)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write `ood.safetensors`, a function of the reference alone, and return its path."""
        from safetensors.numpy import save_file

        path = Path(folder) / FILE
        said = {"format": FORMAT, "settings": asdict(self.settings), "record": asdict(self.record)}
        with atomic_path(path) as part:
            save_file(self.arrays, part, metadata={"skintag_ood": json.dumps(said, sort_keys=True)})
        return path

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read a saved reference; it scores as the saved one did, to the last bit.

        Raises:
            DataError: there is none, or it is damaged, too large, or of another format.
        """
        from safetensors import SafetensorError, safe_open

        path = Path(folder) / FILE
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError(f"{path.stat().st_size:,} bytes, more than {MAX_BYTES:,}")
            with safe_open(path, framework="numpy") as file:
                said = json.loads((file.metadata() or {})["skintag_ood"])
                if said["format"] != FORMAT:
                    raise ValueError(f"format {said['format']}")
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            made = cls(OodSettings(**said["settings"]), OodRecord(**said["record"]), arrays)
            made._check()
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, ConfigError) as error:
            raise DataError(
                path,
                expected=f"an out-of-distribution reference of format {FORMAT}",
                found=f"{type(error).__name__}: {error}",
                fix="make the reference again, or copy the whole file",
            ) from error
        return made

    def _space(self, prefix: str, rest: float) -> Subspace:
        return Subspace(self.arrays[f"{prefix}directions"], self.arrays[f"{prefix}variances"], rest)

    def _distance(self, rows: Floats) -> Floats:
        """Squared distance [n] from the nearest class mean, less that from everything where it is relative."""
        space = self._space("", self.record.rest)
        near = np.min([space.squared_distance(rows - mean) for mean in self.arrays["means"]], axis=0)
        if self.settings.kind == "mahalanobis":
            return near
        everything = self._space("background_", self.record.background_rest)
        return near - everything.squared_distance(rows - self.arrays["background_mean"])

    def _neighbours(self, rows: Floats) -> Floats:
        """Distance [n] from the k-th nearest kept row."""
        inside, outside = self._space("", self.record.rest).coordinates(
            unit_rows(rows) - self.arrays["means"][0]
        )
        kept = self.arrays["rows"].astype(np.float64)
        squared = (inside**2).sum(axis=1)[:, None] + (kept**2).sum(axis=1) - 2 * inside @ kept.T  # [n, m]
        k = min(self.settings.neighbours, len(kept)) - 1
        return np.sqrt(np.maximum(np.partition(squared, k, axis=1)[:, k], 0) + outside)

    def _check(self) -> None:
        """Raise ValueError where the arrays do not belong together."""
        width, rank = self.record.width, len(self.arrays["directions"])
        shapes: dict[str, tuple[int | None, ...]] = {
            "means": (None, width), "directions": (rank, width), "variances": (rank,), "rows": (None, rank),
            "background_mean": (width,), "background_directions": (rank, width), "background_variances": (rank,),
        }  # fmt: skip
        needed = {"means", "directions", "variances"}
        needed |= {"rows"} if self.settings.kind == "knn" else set()
        needed |= (
            {name for name in shapes if "background" in name} if "relative" in self.settings.kind else set()
        )
        if set(self.arrays) != needed:
            raise ValueError(f"arrays {sorted(self.arrays)} in place of {sorted(needed)}")
        for name, array in self.arrays.items():
            if array.ndim != len(shapes[name]) or not array.size:
                raise ValueError(f"{name} has shape {array.shape}")
            if any(w is not None and w != n for w, n in zip(shapes[name], array.shape, strict=True)):
                raise ValueError(f"{name} has shape {array.shape} in place of {shapes[name]}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not finite")
