"""A bundle to serve, with a network of random weights: the one of the tests' fixtures, its network replaced."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from inference import build

from skintag.bundle.archive import unpack
from skintag.bundle.manifest import FileEntry, Manifest
from skintag.export.deployed_model import DeployedModel
from skintag.export.onnx_file import write_onnx
from skintag.export.resize_onnx import write_resize

FIXTURE = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "version_0_1" / "bundle_onnx.zip"


def write_bundle(folder: Path, model: str, size: int) -> None:
    """Write a bundle of timm's `model` at `size` pixels."""
    unpack(FIXTURE, folder)
    for name in ("ood", "probes"):  # of other embeddings
        shutil.rmtree(folder / name)
    write_onnx(DeployedModel(build(model, size)), folder / "model" / "model.onnx", {})
    write_resize(folder / "model" / "resize.onnx", size)
    values = json.loads((folder / "preprocessing.json").read_text())
    (folder / "preprocessing.json").write_text(json.dumps({**values, "image_size": size}))
    (folder / "bundle.json").unlink()
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = tuple(FileEntry.of(folder, path) for path in paths)
    Manifest(f"{model}, random", "head", "onnx", "random weights", "0", files).write(folder)
