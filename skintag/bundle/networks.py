"""The network that a bundle holds, whichever runtime it is for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from skintag.bundle.manifest import Manifest
from skintag.bundle.runtime import ONNX_FILES, WEIGHTS, OnnxRuntime, Runtime
from skintag.core.errors import DataError

if TYPE_CHECKING:
    from skintag.models.network import LesionNetwork


def open_runtime(
    folder: Path, manifest: Manifest, module: Callable[[], LesionNetwork], device: str, threads: int | None
) -> Runtime:
    """What computes a bundle's outputs.

    Args:
        folder, manifest: of a verified bundle.
        module: gives the network in torch, where the runtime is torch.
        device: of the torch runtime.
        threads: of onnxruntime.
    """
    if manifest.runtime in ONNX_FILES:
        return OnnxRuntime(folder / ONNX_FILES[manifest.runtime], threads)
    from skintag.bundle.torch_runtime import TorchRuntime

    return TorchRuntime(module(), device)


def torch_network(folder: Path, manifest: Manifest) -> LesionNetwork:
    """The network in torch. Raises DataError where the bundle has no torch weights."""
    if not (folder / WEIGHTS).is_file():
        raise DataError(
            f"{manifest.name}: {WEIGHTS}",
            expected="the weights of the torch network, which a teacher needs",
            found=f"none: the bundle was built with runtime={manifest.runtime}",
            fix="build one with runtime=torch, or give the run folder as the teacher",
        )
    from skintag.bundle.torch_runtime import read_network

    return read_network(folder)
