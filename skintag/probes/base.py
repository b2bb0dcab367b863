"""What every probe is: fitted on train, chosen on val, asked for probabilities, saved without pickle."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Self, cast

import numpy as np
from numpy.typing import NDArray

from skintag.core.checksums import ZIP_ERRORS, Damaged, damaged, file_crc32
from skintag.core.errors import ConfigError, DataError, SkinTagError
from skintag.core.io import read_json, write_json
from skintag.core.outputs import Outputs
from skintag.core.registry import Registry
from skintag.core.settings import settings_of
from skintag.probes.data import ProbeData, check_embeddings

FORMAT: Final = 1
_FIT_AGAIN: Final = "fit the probe again, or copy the whole probes folder"
_NO_PROBE: Final = (*ZIP_ERRORS, KeyError, TypeError, ConfigError, MemoryError)
"""What reading raises of files that hold no probe."""


@dataclass(frozen=True)
class FitRecord:
    """What came out of a fit, beside the model itself."""

    width: int
    """Numbers in an embedding."""
    n_conditions: int
    """Columns of the condition probabilities."""
    conditions: tuple[int, ...]
    """The conditions that train had rows of, rising."""
    rows: int
    """Number of training rows."""
    seconds: float
    """Wall time of the fit."""
    chosen: Mapping[str, float | None]
    """What val chose and how good it was there, e.g. `binary_c`, `binary_val_log_loss`."""

    def __post_init__(self) -> None:
        if self.width < 1 or not 1 <= self.n_conditions <= 10_000:
            raise ValueError(f"an embedding of {self.width} numbers and {self.n_conditions} conditions")
        if not (np.diff([-1, *self.conditions, self.n_conditions]) > 0).all() or not self.conditions:
            raise ValueError(
                f"conditions {self.conditions!r:.60}: expected rising numbers below {self.n_conditions}"
            )

    def codes(self, condition: NDArray[np.int64]) -> NDArray[np.int64]:
        """Conditions [n] as positions in `conditions`, int64 [n]; -1 where train had none of it."""
        table = np.full(self.n_conditions, -1, dtype=np.int64)
        table[list(self.conditions)] = np.arange(len(self.conditions))
        return table[condition]


class Probe(ABC):
    """A model of embeddings. Subclasses are dataclasses whose fields are the settings.

    A subclass that has a `name` is registered by it where it is defined, see `PROBES`.

    Files that `save` writes: `<name>.json` (settings and record), and arrays or trees beside it, named `<name>.*` or
    `<name>_*` and never `.json`; of what a bundle may hold: `.npz`, `.npy`, `.safetensors`, `.ubj` or `.onnx`.
    """

    name: ClassVar[str]
    """Names the files and, in the predictions table, the model."""
    looks_at_embeddings: ClassVar[bool] = True
    """Whether its answers depend on the embeddings; one whose do not is fitted once for all kinds of them."""
    record: FitRecord | None = None
    """What came out of the fit; None before."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls):
            PROBES.add(cls, cls.name)

    @classmethod
    def model_name(cls, feature: str) -> str:
        """What the predictions table calls it where it is fitted on embeddings of that feature."""
        return f"{cls.name}_{feature}" if cls.looks_at_embeddings else cls.name

    @classmethod
    def folder(cls, root: Path, feature: str) -> Path:
        """Where, in a folder of probes, its files lie: below the feature, if it looks at any."""
        return root / feature if cls.looks_at_embeddings else root

    def fit(self, train: ProbeData, val: ProbeData) -> None:
        """Fit on train; whatever there is to choose is chosen on val. A second fit replaces the first.

        Raises:
            DataError: train has one class only, or val no rows.
            ValueError: train and val differ in width or taxonomy.
        """
        self._check_data(train, val)
        conditions = tuple(int(c) for c in np.unique(train.condition))
        width = train.embeddings.shape[1]
        record = FitRecord(width, train.n_conditions, conditions, len(train), seconds=0.0, chosen={})
        start = time.perf_counter()
        chosen = self._fit(train, val, record)
        self.record = replace(record, seconds=time.perf_counter() - start, chosen=chosen)

    def predict(self, embeddings: NDArray[np.float32]) -> Outputs:
        """Probabilities for embeddings float32 [n, d]; those of conditions that train did not have are 0.

        Raises:
            SkinTagError: the probe is not fitted.
            ValueError: another width than the probe was fitted on, or values that are not finite.
        """
        record = self._fitted()
        x = np.ascontiguousarray(embeddings, dtype=np.float32)
        check_embeddings(x)
        if x.shape[1] != record.width:
            raise ValueError(
                f"embeddings have width {x.shape[1]}; probe {self.name!r} expects {record.width}"
            )
        malignant, present = (
            self._predict(x) if len(x) else (np.empty(0), np.empty((0, len(record.conditions))))
        )
        conditions = np.zeros((len(x), record.n_conditions), dtype=np.float32)
        conditions[:, list(record.conditions)] = present
        return Outputs(malignant.astype(np.float32), conditions)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the probe's files into the folder; `<name>.json` comes last and makes them count."""
        record = self._fitted()
        before = self._files(Path(folder))
        self._save(Path(folder))
        after = self._files(Path(folder))
        sums = {path.name: file_crc32(path) for path, state in after.items() if before.get(path) != state}
        meta = {
            "format": FORMAT, "probe": self.name, "settings": self.settings, "record": asdict(record), "files": sums,
        }  # fmt: skip
        write_json(Path(folder) / f"{self.name}.json", meta)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read a saved probe; it predicts what the saved one did.

        Raises:
            DataError: a file is missing, damaged or of another format.
        """
        path = Path(folder) / f"{cls.name}.json"
        try:
            meta = read_json(path)
            if (meta["format"], meta["probe"]) != (FORMAT, cls.name):
                raise ValueError(f"format {meta['format']} of probe {meta['probe']!r}")
            _check_sums(path.parent, meta.get("files", {}))
            probe = cls(**meta["settings"])
            record = settings_of(FitRecord, meta["record"], "record")
            probe._load(Path(folder), record)
            probe.record = record
        except Damaged:
            raise
        except _NO_PROBE as error:
            raise DataError(
                path,
                expected=f"a saved {cls.name!r} probe, format {FORMAT}",
                found=f"{type(error).__name__}: {error}",
                fix=_FIT_AGAIN,
            ) from error
        return probe

    @property
    def settings(self) -> dict[str, Any]:
        """The dataclass fields, as keyword arguments that make an equal, unfitted probe."""
        return {field.name: getattr(self, field.name) for field in fields(cast(Any, self))}

    def unfitted(self) -> Self:
        """Another one with the same settings."""
        return type(self)(**self.settings)

    @abstractmethod
    def _fit(self, train: ProbeData, val: ProbeData, record: FitRecord) -> dict[str, float]:
        """Fit, and return what was chosen; the record says which conditions there are."""

    @abstractmethod
    def _predict(self, x: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """p_malignant [n] and probabilities of the conditions in train [n, c], for n > 0."""

    @abstractmethod
    def _save(self, folder: Path) -> None:
        """Write the model's files."""

    @abstractmethod
    def _load(self, folder: Path, record: FitRecord) -> None:
        """Read them."""

    def _files(self, folder: Path) -> dict[Path, tuple[int, int]]:
        """The probe's files beside its JSON, and what tells whether one was written anew."""
        paths = [path for path in sorted(folder.glob(f"{self.name}[._]*")) if path.suffix != ".json"]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}

    def _fitted(self) -> FitRecord:
        if self.record is None:
            raise SkinTagError(
                f"probe {self.name!r} is not fitted: call fit(train, val) or load(folder) first"
            )
        return self.record

    def _check_data(self, train: ProbeData, val: ProbeData) -> None:
        if (train.embeddings.shape[1], train.n_conditions) != (val.embeddings.shape[1], val.n_conditions):
            raise ValueError("train and val differ in the embeddings' width or in n_conditions")
        positive = int(train.target.sum())
        problem = None
        if positive in (0, len(train)):
            problem = f"train: {len(train) - positive} benign and {positive} malignant rows"
        elif len(np.unique(train.condition)) < 2:
            problem = f"train: condition {train.condition[0]} only"
        elif not len(val):
            problem = "val: no rows"
        elif not np.isin(val.condition, train.condition).any():
            problem = "val: no row of a condition that train has"
        if problem:
            raise DataError(
                f"probe {self.name!r}",
                expected="both classes and at least two conditions in train, and rows of them in val",
                found=problem,
                fix="choose datasets or a split that give both",
            )


def _check_sums(folder: Path, sums: Any) -> None:
    """Compare the files beside a probe's JSON with their CRC-32; a probe of version 0.1 names none.

    Raises:
        ValueError: one is not that which was written, or is named by a path.
    """
    if not isinstance(sums, Mapping):
        raise ValueError(f"files={sums!r:.40}: expected names with checksums")
    for name, said in sums.items():
        if Path(name).name != name:
            raise ValueError(f"a file named {name!r}")
        if (found := file_crc32(folder / name)) != said:
            raise damaged(folder / name, said, found, _FIT_AGAIN)


PROBES: Final[Registry[Probe]] = Registry(
    "probe", "skintag.probes", besides=("arrays", "base", "data", "trees", "ubjson")
)
"""Name -> class; SkinTag's own are the other modules of `skintag.probes`."""
