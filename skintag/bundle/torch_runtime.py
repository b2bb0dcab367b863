"""A bundle's network in torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn.modules.module import register_module_parameter_registration_hook

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
        values = {**values, "compile_backbone": False}
        _check_sizes(values, folder / WEIGHTS)
        return LesionNetwork.of(values, load_file(folder / WEIGHTS))
    except Exception as error:  # timm, torch and safetensors have errors of their own, by the dozen
        found = f"{type(error).__name__}: {str(error)[:500]}"
        fix = f"use the versions of libraries in provenance.json, or {AGAIN}"
        raise DataError(folder / SETTINGS, expected="a LesionNetwork", found=found, fix=fix) from error


def _check_sizes(values: dict[str, Any], weights: Path) -> None:
    """Refuse settings of another network than the weights are of, before it takes its memory: it may be a huge one.

    Raises:
        ValueError: tensors are missing, left over or of other shapes.
    """
    with safe_open(weights, framework="pt") as file:
        found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (no dict)
    with torch.device("meta"), _at_most(2 * len(found) + 100):
        wanted = {
            name: list(tensor.shape) for name, tensor in LesionNetwork.blank(values).state_dict().items()
        }
    lacking = [name for name, shape in wanted.items() if found.get(name) != shape]
    if lacking:
        name = lacking[0]
        raise ValueError(
            f"{len(lacking)} tensors that the settings ask for are others in {weights.name}, e.g. {name} is "
            f"{found.get(name, 'not there')}, expected {wanted[name]}"
        )


@contextmanager
def _at_most(parameters: int) -> Iterator[None]:
    """Raise ValueError as soon as modules that are made in the block have more parameters than that."""
    made = 0

    def count(*_: object) -> None:
        nonlocal made
        made += 1
        if made > parameters:
            raise ValueError(f"more than {parameters} tensors, far more than there are weights")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()
