"""The files of a bundle that a phone needs, held in memory as they were verified: a folder may change under them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from skintag.bundle.bundle import Bundle
from skintag.bundle.manifest import MANIFEST
from skintag.bundle.resizer import RESIZE
from skintag.bundle.runtime import ONNX_FILES
from skintag.core.errors import DataError

_ALWAYS: Final = (
    "taxonomy.json", "texts.json", "triage.json", "calibration.json", "thresholds.json", "preprocessing.json",
    "metrics.json",
)  # fmt: skip
_OOD: Final = "ood/"
MODEL_LIMIT: Final = 200_000_000
"""Bytes of a network that is offered to phones."""
_TYPES: Final = {".json": "application/json", ".onnx": "application/octet-stream"}


class Served:
    """Path -> bytes and SHA-256; never weights of torch, what was trained on, or where it came from."""

    def __init__(self, bundle: Bundle) -> None:
        sizes = {entry.path: entry.bytes for entry in bundle.manifest.files}
        network = ONNX_FILES.get(bundle.manifest.runtime, "")
        self.device = bundle.resizer is not None and sizes.get(network, MODEL_LIMIT) < MODEL_LIMIT
        """Whether a phone can run it."""
        self._files: dict[str, tuple[bytes, str]] = {}
        for entry in bundle.manifest.files:
            wanted = entry.path in _ALWAYS or entry.path.startswith(_OOD)
            if wanted or (self.device and entry.path in (RESIZE, network)):
                data = (bundle.folder / entry.path).read_bytes()
                if (found := sha256(data).hexdigest()) != entry.sha256:
                    fix = "replace a bundle as a whole: write it beside, and rename it"
                    raise DataError(entry.path, expected=f"SHA-256 {entry.sha256}", found=found, fix=fix)
                self._files[entry.path] = data, entry.sha256
        manifest = (bundle.folder / MANIFEST).read_bytes()
        self._files[MANIFEST] = manifest, sha256(manifest).hexdigest()

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def get(self, path: str) -> tuple[bytes, str] | None:
        """Bytes and SHA-256 of a file; None where it is not served."""
        return self._files.get(path)

    @staticmethod
    def media_type(path: str) -> str:
        """Of a file."""
        return next((kind for end, kind in _TYPES.items() if path.endswith(end)), "application/octet-stream")
