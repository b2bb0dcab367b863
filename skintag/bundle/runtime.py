"""What computes a bundle's outputs: the LesionModule in torch, or its ONNX export in onnxruntime."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.manifest import AGAIN
from skintag.bundle.onnx_content import refuse_external
from skintag.core.errors import ConfigError, DataError
from skintag.core.io import atomic_path, write_json

if TYPE_CHECKING:
    from skintag.models.lesion_module import LesionModule

RUNTIMES: Final = ("torch", "onnx", "onnx_int8")
WEIGHTS: Final = "model/weights.safetensors"
SETTINGS: Final = "model/module.json"
ONNX_FILES: Final = {"onnx": "model/model.onnx", "onnx_int8": "model/model_int8.onnx"}
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Outputs:
    """What the network says of [n] pictures; float32."""

    malignant: Floats
    """p(malignant), [n]."""
    conditions: Floats | None
    """Probabilities of the conditions, [n, K]; None where the model learned none."""
    embeddings: Floats
    """[n, D]."""


class Runtime(Protocol):
    """Pictures in, outputs out."""

    def __call__(self, pixels: NDArray[np.uint8]) -> Outputs:
        """Outputs of pictures uint8 [n, S, S, 3] RGB."""
        ...


class TorchRuntime:
    """The LesionModule itself, in float32 and evaluation mode."""

    def __init__(self, module: LesionModule, device: str = "cpu") -> None:
        import torch

        try:
            self.device = torch.device(device)
            self.module = module.to(self.device).eval()
        except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
            raise ConfigError(f"device={device}: {str(error).splitlines()[0]}; use device=cpu") from error

    def __call__(self, pixels: NDArray[np.uint8]) -> Outputs:
        import torch

        images = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)  # [n, 3, S, S]
        with torch.inference_mode():
            output = self.module({"image": images})
            malignant, conditions = self.module.objective.probabilities(output)
        some = (malignant, conditions, output.embedding)
        p, k, rows = (None if x is None else x.float().cpu().numpy() for x in some)
        assert p is not None
        assert rows is not None
        return Outputs(p, k, rows)


class OnnxRuntime:
    """An export of the LesionModule; input `image`, outputs `p_malignant`, `p_condition`, `embedding`."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import onnxruntime as ort

        refuse_external(path, AGAIN)
        options = ort.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has errors of its own, by the dozen
            found = f"{type(error).__name__}: {str(error)[:300]}"
            raise DataError(path, expected="an ONNX model", found=found, fix=AGAIN) from error
        names = {output.name for output in self.session.get_outputs()}
        inputs = {given.name for given in self.session.get_inputs()}
        if inputs != {"image"} or not {"p_malignant", "embedding"} <= names:
            found = f"{', '.join(sorted(inputs))} -> {', '.join(sorted(names))}"
            expected = "image -> p_malignant, p_condition (optional), embedding"
            raise DataError(path, expected=expected, found=found, fix="export with skintag export")
        self._names = [n for n in ("p_malignant", "p_condition", "embedding") if n in names]

    def __call__(self, pixels: NDArray[np.uint8]) -> Outputs:
        values = self.session.run(self._names, {"image": np.ascontiguousarray(pixels)})
        found = {n: np.asarray(v, np.float32) for n, v in zip(self._names, values, strict=True)}
        return Outputs(found["p_malignant"], found.get("p_condition"), found["embedding"])


def write_module(module: LesionModule, folder: Path) -> None:
    """Write a module's weights as safetensors, and its hyperparameters, which are plain values, as JSON."""
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as part:
        save_file(state, part)
    write_json(folder / SETTINGS, _plain(dict(module.hparams)))


def read_module(folder: Path) -> LesionModule:
    """What `write_module` wrote, on the CPU and in evaluation mode.

    Raises:
        DataError: settings or weights that do not make a LesionModule.
    """
    from safetensors.torch import load_file

    from skintag.models.lesion_module import LesionModule

    try:
        values = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        no_source = {"pretrained": False, "checkpoint": None, "package": None, "key_order": "name"}
        values = {**values, "backbone": {**values["backbone"], **no_source}, "compile_backbone": False}
        module = LesionModule(**values)
        module.load_state_dict(load_file(folder / WEIGHTS), strict=True)
    except Exception as error:  # timm, torch and safetensors have errors of their own, by the dozen
        found = f"{type(error).__name__}: {str(error)[:500]}"
        fix = f"use the versions of libraries in provenance.json, or {AGAIN}"
        raise DataError(folder / SETTINGS, expected="a LesionModule", found=found, fix=fix) from error
    return module.eval()


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
