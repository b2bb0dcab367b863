"""The graph that brings a photo to the model's square, see `skintag.bundle.resizer`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skintag.export.onnx_notes import OPSET, describe


def write_resize(path: Path, side: int) -> None:
    """Write `picture` uint8 [H, W, 3] -> `image` uint8 [S, S, 3], S = `side`: the triangle filter, as wide as the
    reduction, that the loader resizes with, rounded to whole levels."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    def constant(name: str, values: np.ndarray) -> TensorProto:
        return numpy_helper.from_array(values, name)

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["picture"], ["levels"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["levels"], ["planes"], perm=[2, 0, 1]),
            helper.make_node("Unsqueeze", ["planes", "first"], ["batch"]),
            helper.make_node(
                "Resize", ["batch", "", "", "sizes"], ["square"], mode="linear", antialias=1, exclude_outside=1,
                coordinate_transformation_mode="half_pixel",
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
        [
            constant("first", np.array([0], np.int64)),
            constant("sizes", np.array([1, 3, side, side], np.int64)),
            constant("least", np.array(0, np.float32)),
            constant("most", np.array(255, np.float32)),
        ],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    describe(model, {"side": str(side)})
    checker.check_model(model, full_check=True)
    save(model, path)
