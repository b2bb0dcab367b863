"""A bundle's network in torch, and which weights an export was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from skintag.bundle.runtime import SETTINGS, WEIGHTS
from skintag.core.io import atomic_path, write_json
from skintag.models.lesion_module import LesionModule


def write_module(module: LesionModule, folder: Path) -> None:
    """Write a module's weights as safetensors, and its hyperparameters, which are plain values, as JSON."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as part:
        save_file(state, part)
    write_json(folder / SETTINGS, _plain(dict(module.hparams)), checksum=False)


def weights_of(path: Path) -> str:
    """Fingerprint of the weights that an ONNX export says it was made of; empty where it says none or is not there."""
    import onnx

    if not path.is_file():
        return ""
    try:
        said = onnx.load(str(path), load_external_data=False).metadata_props
    except Exception:  # protobuf's own: no export of ours
        return ""
    return next((entry.value for entry in said if entry.key == "weights"), "")


def _plain(value: Any) -> Any:
    """Hyperparameters as JSON has them: mappings as objects, tuples as lists."""
    if hasattr(value, "items"):
        return {str(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
