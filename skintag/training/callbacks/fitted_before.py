"""Which probes an earlier part of a run has fitted, and on what: `probes/fitted.json`."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from skintag.core.checksums import file_crc32
from skintag.core.errors import SkinTagError
from skintag.core.hashing import content_key
from skintag.core.io import read_json, write_json
from skintag.core.provenance import versions
from skintag.probes.base import Probe
from skintag.probes.data import ProbeData

_FILE: Final = "fitted.json"


class FittedBefore:
    """Finds a probe that was fitted on the very same data with the same settings and libraries.

    Args:
        folder: of the run's probes.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    @staticmethod
    def key(probe: Probe, train: ProbeData, val: ProbeData) -> str:
        """Of all that decides what a fit gives."""
        data = [_digest(part) for part in (train, val)]
        return content_key(probe.name, probe.settings, data, versions())

    def find(self, model: str, kind: type[Probe], place: Path, key: str) -> Probe | None:
        """The probe that was fitted so and is whole; None where there is none.

        Args:
            model: its name in the predictions table.
            kind: its class.
            place: the folder of its files.
            key: see `key`.
        """
        said = self._read().get(model)
        try:
            if said != {"key": key, "crc32": file_crc32(place / f"{kind.name}.json")}:
                return None
            return kind.load(place)
        except (OSError, SkinTagError):  # gone or damaged: it is fitted again
            return None

    def add(self, model: str, probe: Probe, place: Path, key: str) -> None:
        """Write down that a probe was fitted, once its files are written."""
        said = {"key": key, "crc32": file_crc32(place / f"{probe.name}.json")}
        write_json(self._path, {**self._read(), model: said})

    def _read(self) -> dict[str, Any]:
        try:
            return dict(read_json(self._path))
        except (OSError, ValueError, TypeError, SkinTagError):
            return {}


def _digest(data: ProbeData) -> str:
    """SHA-256 of the rows; their shapes and types belong to them."""
    digest = sha256(str(data.n_conditions).encode())
    for array in (data.embeddings, data.target, data.condition, data.weight):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
