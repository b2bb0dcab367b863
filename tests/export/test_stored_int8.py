from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from skintag.export.stored_int8 import quantised, store_weights_as_int8


def network(weights: np.ndarray, op: str, **attributes) -> onnx.ModelProto:
    shape = [None, 3, 8, 8] if op == "Conv" else [None, weights.shape[1 if attributes.get("transB") else 0]]
    node = helper.make_node(op, ["x", "w"], ["y"], **attributes)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(shape))],
        [numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


@pytest.mark.parametrize(
    ("op", "shape", "axis", "attributes"),
    [
        ("Conv", (16, 3, 3, 3), 0, {"pads": [1, 1, 1, 1]}),
        ("Gemm", (32, 40), 0, {"transB": 1}),
    ],
)
def test_file_is_a_quarter_and_computes_with_the_rounded_weights(op, shape, axis, attributes):
    random = np.random.default_rng(0)
    # channels of very different sizes: one scale for all would lose the small ones
    sizes = np.logspace(-3, 0, shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    weights = (random.normal(size=shape) * sizes).astype(np.float32)
    model = network(weights, op, **attributes)
    x = random.normal(size=(2, 3, 8, 8) if op == "Conv" else (2, 40)).astype(np.float32)
    codes, scale = quantised(weights, axis)
    rounded = codes * scale.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    assert np.all(np.abs(rounded - weights) <= scale.max() / 2 + 1e-7)
    expected = run(network(rounded.astype(np.float32), op, **attributes), x)
    assert store_weights_as_int8(model) == 1
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-4, atol=1e-5)
    kinds = {t.name: t.data_type for t in model.graph.initializer}
    assert "w" not in kinds
    assert kinds["w_int8"] == TensorProto.INT8


def test_channel_of_zeros_and_small_weights_stay():
    codes, scale = quantised(np.zeros((2, 3), np.float32), 0)
    assert not codes.any()
    assert (scale == 1).all()
    small = network(np.ones((2, 40), np.float32), "Gemm", transB=1)
    assert store_weights_as_int8(small) == 0


def test_products_that_onnxruntime_would_not_compute_in_float_stay():
    assert store_weights_as_int8(network(np.ones((40, 32), np.float32), "MatMul")) == 0
    assert store_weights_as_int8(network(np.ones((40, 32), np.float32), "Gemm")) == 0
