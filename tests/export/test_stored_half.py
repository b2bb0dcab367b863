"""Weights in half precision: half the file, and the answers of the rounded weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from skintag.bundle.runtime import OnnxRuntime
from skintag.export.deployed_model import DeployedModel
from skintag.export.onnx_file import write_onnx
from skintag.export.stored_half import store_weights_as_half
from tests.export.conftest import mobilenet


def gemm(weights: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, weights.shape[1]])],
        [numpy_helper.from_array(weights, "w")],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_it_computes_with_the_rounded_weights() -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(32, 16)).astype(np.float32)
    model = gemm(weights)
    before = len(model.SerializeToString())
    assert store_weights_as_half(model) == 1
    onnx.checker.check_model(model, full_check=True)
    assert len(model.SerializeToString()) < 0.65 * before
    x = random.normal(size=(3, 32)).astype(np.float32)
    [found] = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    np.testing.assert_allclose(found, x @ weights.astype(np.float16).astype(np.float32), rtol=1e-5, atol=1e-5)


def test_what_does_not_fit_and_what_is_small_stays() -> None:
    huge = np.ones((32, 16), np.float32)
    huge[3, 4] = 70_000  # float16 ends at 65,504
    for weights in (huge, np.full((32, 16), np.nan, np.float32), np.ones((4, 4), np.float32)):
        model = gemm(weights)
        assert store_weights_as_half(model) == 0
        np.testing.assert_array_equal(numpy_helper.to_array(model.graph.initializer[0]), weights)


@pytest.mark.long
def test_a_network_answers_nearly_as_before(tmp_path: Path) -> None:
    whole, half = tmp_path / "model.onnx", tmp_path / "model_half.onnx"
    write_onnx(DeployedModel(mobilenet(64)), whole, {"model": "tiny"})
    model = onnx.load(whole)
    store_weights_as_half(model)
    onnx.save(model, half)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    pictures = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    a, b = (OnnxRuntime(path)(pictures, maps=True) for path in (whole, half))
    np.testing.assert_allclose(a.malignant, b.malignant, atol=5e-3)
    assert a.maps is not None
    assert np.corrcoef(a.maps.ravel(), b.maps.ravel())[0, 1] > 0.999
    assert not np.array_equal(a.malignant, b.malignant)
