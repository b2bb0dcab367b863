"""The graph that brings a photo to the model's square, see `skintag.bundle.resizer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skintag.export.onnx_notes import OPSET, describe

if TYPE_CHECKING:
    from onnx import NodeProto


def write_resize(path: Path, side: int, *, padding: bool = False, interpolation: str = "bilinear") -> None:
    """Write `picture` uint8 [H, W, 3] -> `image` uint8 [S, S, 3], S = `side`: the filter, as wide as the reduction,
    that the loader resizes with, rounded to whole levels; filled up to a square with black before, where it is padded.
    """
    from onnx import TensorProto, checker, helper, numpy_helper, save

    before, constants = _padded() if padding else ([], [])
    cubic: dict[str, Any] = {"cubic_coeff_a": -0.5} if interpolation == "bicubic" else {}
    graph = helper.make_graph(
        [
            *before,
            helper.make_node("Cast", ["filled" if padding else "picture"], ["levels"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["levels"], ["planes"], perm=[2, 0, 1]),
            helper.make_node("Unsqueeze", ["planes", "first"], ["batch"]),
            helper.make_node(
                "Resize", ["batch", "", "", "sizes"], ["square"], mode="cubic" if cubic else "linear", antialias=1,
                exclude_outside=1, coordinate_transformation_mode="half_pixel", **cubic,
            ),
            helper.make_node("Squeeze", ["square", "first"], ["resized"]),
            helper.make_node("Round", ["resized"], ["rounded"]),
            helper.make_node("Clip", ["rounded", "least", "most"], ["clipped"]),
            helper.make_node("Transpose", ["clipped"], ["turned"], perm=[1, 2, 0]),
            helper.make_node("Cast", ["turned"], ["image"], to=TensorProto.UINT8),
        ],
        "resize",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, ["height", "width", 3])],
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [side, side, 3])],
        [numpy_helper.from_array(values, name) for name, values in (*_constants(side), *constants)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    describe(model, {"side": str(side)})
    checker.check_model(model, full_check=True)
    save(model, path)


def _constants(side: int) -> list[tuple[str, np.ndarray]]:
    """What every such graph needs."""
    return [
        ("first", np.array([0], np.int64)), ("sizes", np.array([1, 3, side, side], np.int64)),
        ("least", np.array(0, np.float32)), ("most", np.array(255, np.float32)),
    ]  # fmt: skip


def _padded() -> tuple[list[NodeProto], list[tuple[str, np.ndarray]]]:
    """Nodes that put `picture` into the middle of a black square, `filled`, and the constants that they need."""
    from onnx import helper

    nodes = [
        helper.make_node("Shape", ["picture"], ["shape"], start=0, end=2),
        helper.make_node("ReduceMax", ["shape"], ["longer"], keepdims=1),
        helper.make_node("Sub", ["longer", "shape"], ["lacking"]),
        helper.make_node("Div", ["lacking", "two"], ["before"]),
        helper.make_node("Sub", ["lacking", "before"], ["behind"]),
        helper.make_node("Concat", ["before", "none", "behind", "none"], ["pads"], axis=0),
        helper.make_node("Pad", ["picture", "pads", "black"], ["filled"]),
    ]
    return nodes, [
        ("two", np.array([2], np.int64)), ("none", np.array([0], np.int64)), ("black", np.array(0, np.uint8)),
    ]  # fmt: skip
