"""A bundle's network in torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from skintag.bundle.manifest import AGAIN
from skintag.bundle.runtime import SETTINGS, WEIGHTS
from skintag.core.errors import ConfigError, DataError
from skintag.core.outputs import Outputs
from skintag.models.network import LesionNetwork


class TorchRuntime:
    """The network itself, in float32 and evaluation mode.

    Args:
        network: it is moved to the device and set to evaluation mode.
        device: as torch calls it, e.g. `cpu` or `cuda`.

    Raises:
        ConfigError: there is no such device.
    """

    def __init__(self, network: LesionNetwork, device: str = "cpu") -> None:
        try:
            self.device = torch.device(device)
            self.network = network.to(self.device).eval()
        except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
            raise ConfigError(f"device={device}: {str(error).splitlines()[0]}; use device=cpu") from error

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.uint8]) -> Outputs:
        """What it says of pictures uint8 [n, S, S, 3] RGB."""
        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)  # [n, 3, S, S]
        return self.network.probabilities({"image": images}).arrays()


def read_network(folder: Path) -> LesionNetwork:
    """The network that a bundle holds the weights of, on the processor and in evaluation mode.

    Raises:
        DataError: settings or weights that do not make a network.
    """
    try:
        values = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        return LesionNetwork.of({**values, "compile_backbone": False}, load_file(folder / WEIGHTS))
    except Exception as error:  # timm, torch and safetensors have errors of their own, by the dozen
        found = f"{type(error).__name__}: {str(error)[:500]}"
        fix = f"use the versions of libraries in provenance.json, or {AGAIN}"
        raise DataError(folder / SETTINGS, expected="a LesionNetwork", found=found, fix=fix) from error
