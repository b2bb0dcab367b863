"""Weights of layers that compute in float, kept as int8 all the same: the file is small, the arithmetic is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

_WEIGHTS: Final = 1  # position of an operator's weights among its inputs
_SMALLEST: Final = 256  # numbers; below that scales and node cost what they save


def store_weights_as_int8(model: onnx.ModelProto) -> int:
    """Put int8 weights and a DequantizeLinear in the place of float weights; changed in place.

    Symmetric, one scale for each output channel: a weight moves by at most half of 1/127 of its channel's largest.
    onnxruntime folds the two into float weights when it loads the file.

    Args:
        model: any ONNX model; weights that are quantised already stay as they are.

    Returns:
        How many weights were changed.
    """
    graph = model.graph
    floats = {t.name: t for t in graph.initializer if t.data_type == 1 and int(np.prod(t.dims)) >= _SMALLEST}
    added, done = [], set()
    for node in graph.node:
        if not _keeps_float(node) or node.input[_WEIGHTS] not in floats:
            continue
        name = node.input[_WEIGHTS]
        if name not in done:
            stored, node_before = _dequantised(floats[name])
            graph.initializer.extend(stored)
            added.append(node_before)
            done.add(name)
        node.input[_WEIGHTS] = f"{name}_float"
    still = {name for node in graph.node for name in node.input}
    kept = [t for t in graph.initializer if t.name not in done or t.name in still]
    nodes = [*added, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return len(done)


def quantised(weights: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 codes of the weights' shape and a float32 scale for each place along `axis`: weights ~ codes * scale."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights).max(axis=others)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    shape = [-1 if i == axis else 1 for i in range(weights.ndim)]
    return np.clip(np.rint(weights / scale.reshape(shape)), -127, 127).astype(np.int8), scale


def _dequantised(weights: onnx.TensorProto) -> tuple[list[onnx.TensorProto], onnx.NodeProto]:
    """Codes, scales and zeros of a weight, and the node that makes `<name>_float` of them."""
    from onnx import helper, numpy_helper

    codes, scale = quantised(numpy_helper.to_array(weights), axis=0)
    parts: dict[str, np.ndarray] = {"int8": codes, "scale": scale, "zero": np.zeros(len(scale), np.int8)}
    name = weights.name
    stored = [numpy_helper.from_array(value, f"{name}_{kind}") for kind, value in parts.items()]
    inputs, output = [tensor.name for tensor in stored], [f"{name}_float"]
    return stored, helper.make_node("DequantizeLinear", inputs, output, f"{name}_dequantise", axis=0)


def _keeps_float(node: onnx.NodeProto) -> bool:
    """Whether onnxruntime computes it in float, with output channels along the first axis of its weights.

    A MatMul, or a Gemm whose weights are not transposed, it would turn into one on few bits: 1% away.
    """
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    return node.op_type == "Conv" or (node.op_type == "Gemm" and transposed)
