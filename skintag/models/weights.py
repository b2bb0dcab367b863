"""Weights from files: read without running code, matched to a model exactly or refused, and fingerprinted."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer, checkpoint_filter_fn
from torch import Tensor, nn

from skintag.core.checksums import check_zip
from skintag.core.errors import ConfigError, DataError, first_few
from skintag.models.layers import FINAL_LAYERS

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
# where the tower lies in a checkpoint of LesionModule
_LESION_MODULE_PREFIX = "backbone.model."


def weights_in_package(package: str) -> Path:
    """The one weights file that an installed Python package ships; the package's own code is not run.

    Raises:
        ConfigError: no such package, or not exactly one weights file in it.
    """
    spec = importlib.util.find_spec(package) if package.isidentifier() else None  # finds, does not import
    if spec is None or not spec.submodule_search_locations:
        distribution = package.replace("_", "-")
        raise ConfigError(f"backbone.package={package!r} is not installed: pip install {distribution}")
    folders = [Path(place) for place in spec.submodule_search_locations]
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in SUFFIXES)
    if len(files) != 1:
        found = first_few([path.name for path in files]) or "none"
        raise ConfigError(
            f"backbone.package={package!r} should ship one weights file, found {found}; "
            "give the file with backbone.checkpoint instead"
        )
    return files[0]


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, a state dict saved by torch, or a Lightning checkpoint, on the CPU.

    Of a checkpoint of LesionModule only the backbone's tensors are given, under timm's names.

    Raises:
        DataError: no such file, not readable with `weights_only=True`, or not a dict of tensors.
    """
    expected = "a .safetensors file or a state dict saved by torch"
    if not path.is_file():
        raise DataError(path, expected=expected, found="no file", fix="correct backbone.checkpoint")
    check_zip(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # every format fails with errors of its own
        fix = "export the weights as safetensors or as a plain state dict"
        raise DataError(path, expected=expected, found=f"{type(error).__name__}: {error}", fix=fix) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        found = f"a {type(loaded).__name__} of other things"
        raise DataError(path, expected=expected, found=found, fix="save model.state_dict() alone")
    own = {name: value for name, value in loaded.items() if name.startswith(_LESION_MODULE_PREFIX)}
    return {name.removeprefix(_LESION_MODULE_PREFIX): value for name, value in (own or loaded).items()}


def load_weights(model: nn.Module, path: Path, *, by_position: bool = False) -> None:
    """Fill `model` (a timm model without classifier) from a file; every tensor must find its place.

    Position embeddings of a vision transformer are resampled to the model's image size.

    Args:
        model: the timm model, changed in place.
        path: what `read_state_dict` reads.
        by_position: the file's names differ from timm's but its tensors come in the same order.

    Raises:
        ConfigError: `by_position` for a .safetensors file, which keeps no order.
        DataError: a tensor is missing, left over, or of another shape.
    """
    if by_position and path.suffix == ".safetensors":
        raise ConfigError(f"backbone.key_order=positional: {path.name} keeps no order; use name")
    state = read_state_dict(path)
    if by_position:
        _strictly(model, _renamed_by_position(state, model.state_dict(), path), path)
    else:
        load_state(model, state, path)


def load_state(model: nn.Module, state: Mapping[str, Tensor], where: object) -> None:
    """Fill a timm model without classifier from tensors by name, as `load_weights` does.

    Where all names of the model lie below one prefix (`encoder.`, `module.`), what lies elsewhere is left out.

    Raises:
        DataError: a tensor is missing, left over, or of another shape.
    """
    kept = _without_classifier(_below_prefix(state, model), model)
    _strictly(
        model, checkpoint_filter_fn(kept, model) if isinstance(model, VisionTransformer) else kept, where
    )


def _below_prefix(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The tensors without the prefix that their names have before the model's; all where there is no one such."""
    wanted = list(model.state_dict())
    first = wanted[0] if wanted else ""
    prefixes = {name.removesuffix(first) for name in state if name.endswith(f".{first}")}
    if first in state or len(prefixes) != 1:
        return dict(state)
    [prefix] = prefixes
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _strictly(model: nn.Module, state: Mapping[str, Tensor], where: object) -> None:
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise DataError(
            where,
            expected=f"the {len(model.state_dict())} tensors of the backbone, by name and shape",
            found=str(error)[:1000],
            fix="check backbone.name and its sizes, or backbone.key_order=positional for another's key names",
        ) from error


def _without_classifier(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The state without the tensors of the classifier, and of other last layers, that the model was built without."""
    classifier = getattr(model, "pretrained_cfg", {}).get("classifier") or ()
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    kept = model.state_dict()
    drop = {f"{name}.{kind}" for name in names for kind in ("weight", "bias")} - set(kept)
    # layers that the model was built without, see drop_final_layers
    gone = tuple(f"{name}." for name in FINAL_LAYERS if isinstance(getattr(model, name, None), nn.Identity))
    return {name: value for name, value in state.items() if name not in drop and not name.startswith(gone)}


def _renamed_by_position(
    state: Mapping[str, Tensor], target: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """The values of `state` under the names of `target`, in order; a classifier at the end is left out."""
    values = list(state.items())
    surplus = values[len(target) :]
    is_classifier = [value.ndim for _, value in surplus] == [2, 1]
    if len(values) < len(target) or (surplus and not is_classifier):
        raise DataError(
            path,
            expected=f"{len(target)} tensors, and after them at most a classifier's weight and bias",
            found=f"{len(values)} tensors",
            fix="check backbone.name, or load by name (backbone.key_order=name)",
        )
    renamed = {}
    for (theirs, value), (ours, wanted) in zip(values, target.items(), strict=False):
        if value.shape != wanted.shape:
            raise DataError(
                f"{path}, tensor {theirs!r}",
                expected=f"{tuple(wanted.shape)}, the shape of {ours!r}",
                found=str(tuple(value.shape)),
                fix="check backbone.name, or load by name (backbone.key_order=name)",
            )
        renamed[ours] = value
    return renamed


def state_fingerprint(state: Mapping[str, Tensor]) -> str:
    """SHA-256 (32 hex digits kept) over names, types, shapes and values.

    The same on every device and for every memory layout (channels last or not).
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:32]
