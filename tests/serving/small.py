"""A tiny bundle with everything that one for phones has: a network that says what colour a picture is, and a resize."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper, save
from PIL import Image

from skintag.bundle.archive import unpack
from skintag.bundle.manifest import FileEntry, Manifest
from skintag.export.resize_onnx import write_resize

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "version_0_1"
SIDE = 32
_OPSET = [helper.make_opsetid("", 18)]


def write_bundle(folder: Path, *, shift: float = 0.0, resize: bool = True, fit: str = "squash") -> Path:
    """A bundle of side 32; `shift` is added to its logit, so that two bundles say different things."""
    unpack(FIXTURES / "bundle_onnx.zip", folder)
    for name in ("ood", "probes"):  # of other embeddings
        shutil.rmtree(folder / name)
    write_network(folder / "model" / "model.onnx", shift)
    if resize:
        write_resize(folder / "model" / "resize.onnx", SIDE)
    values = json.loads((folder / "preprocessing.json").read_text())
    (folder / "preprocessing.json").write_text(json.dumps({**values, "image_size": SIDE, "fit": fit}))
    return sign(folder)


def sign(folder: Path) -> Path:
    """Write the manifest of whatever lies in the folder."""
    (folder / "bundle.json").unlink(missing_ok=True)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = tuple(FileEntry.of(folder, path) for path in paths)
    Manifest("tiny", "head", "onnx", "drawn", "0", files).write(folder)
    return folder


def write_network(path: Path, shift: float) -> None:
    """Mean colour in [0, 1] as embedding [n, 3]; its red decides; maps of 4 x 4 means of red."""
    condition = np.zeros((3, 10), np.float32)
    condition[0, 0], condition[1, 4], condition[2, 8] = 4, 4, 4  # red: melanoma, green: nevus, blue: inflamed
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["levels"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["levels", "most"], ["share"]),
            helper.make_node("ReduceMean", ["share", "sides"], ["embedding"], keepdims=0),
            helper.make_node("MatMul", ["embedding", "red"], ["logit"]),
            helper.make_node("Add", ["logit", "shift"], ["shifted"]),
            helper.make_node("Sigmoid", ["shifted"], ["p_column"]),
            helper.make_node("Squeeze", ["p_column", "one"], ["p_malignant"]),
            helper.make_node("MatMul", ["embedding", "condition"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["p_condition"], axis=1),
            helper.make_node("Transpose", ["share"], ["planes"], perm=[0, 3, 1, 2]),
            helper.make_node("AveragePool", ["planes"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Gather", ["pooled", "zero"], ["map"], axis=1),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("p_malignant", TensorProto.FLOAT, ["batch"]),
            helper.make_tensor_value_info("p_condition", TensorProto.FLOAT, ["batch", 10]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, ["batch", 4, 4]),
        ],
        [
            numpy_helper.from_array(np.float32(255), "most"),
            numpy_helper.from_array(np.array([1, 2], np.int64), "sides"),
            numpy_helper.from_array(np.array([1], np.int64), "one"),
            numpy_helper.from_array(np.array(0, np.int64), "zero"),
            numpy_helper.from_array(np.array([[6], [-3], [-3]], np.float32), "red"),
            numpy_helper.from_array(np.float32(shift), "shift"),
            numpy_helper.from_array(condition, "condition"),
        ],
    )
    _save(graph, path)


def _save(graph: Any, path: Path) -> None:
    model = helper.make_model(graph, opset_imports=_OPSET, ir_version=9)
    checker.check_model(model, full_check=True)
    save(model, path)


def plain(red: int, green: int = 80, blue: int = 80, size: tuple[int, int] = (96, 64)) -> NDArray[np.uint8]:
    """One colour with a grain, uint8 [H, W, 3]; `size` is width and height."""
    rng = np.random.default_rng(red)
    pixels = np.full((size[1], size[0], 3), (red, green, blue), np.float64)
    return np.clip(pixels + rng.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG", **options: object) -> bytes:
    """A file of these pixels."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def form(name: str = "image", data: bytes | None = None, **fields: str) -> dict[str, Any]:
    """What a client's `post` takes."""
    picture = encoded(plain(120)) if data is None else data
    return {"files": [(name, ("anna-mueller.png", picture, "image/png"))], "data": fields}
