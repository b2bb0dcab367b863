"""A model that reaches for other files is refused, wherever in it the tensor lies; nothing but bytes is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skintag.bundle.onnx_content import refuse_external
from skintag.core.errors import DataError

INSIDE = numpy_helper.from_array(np.arange(64, dtype=np.float32), "inside")


def outside(name: str = "secret") -> TensorProto:
    """A tensor whose data lies in a file of the machine."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def graph(nodes: list = (), initializers: list = (), **more: object) -> onnx.GraphProto:  # type: ignore[assignment]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [64])
    return helper.make_graph(list(nodes), "g", [], [output], list(initializers), **more)  # type: ignore[arg-type]


def sparse() -> onnx.SparseTensorProto:
    made = onnx.SparseTensorProto(dims=[4])
    made.values.CopyFrom(outside("secret"))
    return made


def constant(tensor: TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["y"], value=tensor)


def with_function() -> onnx.ModelProto:
    model = helper.make_model(graph([helper.make_node("Mine", [], ["y"], domain="own")]))
    opsets = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("own", "Mine", [], ["y"], [constant(outside())], opsets))
    return model


def with_training() -> onnx.ModelProto:
    model = helper.make_model(graph([constant(INSIDE)]))
    model.training_info.add().algorithm.CopyFrom(graph([], [outside()]))
    return model


def in_branch() -> onnx.ModelProto:
    yes, no = graph([constant(INSIDE)]), graph([constant(outside())])
    return helper.make_model(graph([helper.make_node("If", ["c"], ["y"], then_branch=yes, else_branch=no)]))


@pytest.mark.parametrize(
    "model",
    [
        helper.make_model(graph([], [INSIDE, outside()])),
        helper.make_model(graph([], [], sparse_initializer=[sparse()])),
        helper.make_model(graph([constant(outside())])),
        helper.make_model(graph([helper.make_node("Many", [], ["y"], values=[INSIDE, outside()])])),
        in_branch(),
        with_function(),
        with_training(),
    ],
    ids=["initialiser", "sparse", "constant", "list", "branch", "function", "training"],
)
def test_tensor_in_another_file_is_refused(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="secret outside"):
        refuse_external(path)


def test_location_without_the_flag_is_refused_too(tmp_path: Path) -> None:
    tensor = outside()
    tensor.ClearField("data_location")
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph([], [tensor])).SerializeToString())
    with pytest.raises(DataError, match="secret outside"):
        refuse_external(path)


def test_model_in_one_file_passes(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph([constant(INSIDE)], [INSIDE])).SerializeToString())
    refuse_external(path)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    whole = helper.make_model(graph([constant(INSIDE)], [INSIDE])).SerializeToString()
    path = tmp_path / "model.onnx"
    draw = np.random.default_rng(0)
    for data in (
        b"",
        whole[:-3],
        whole[: len(whole) // 2],
        b"\x08",
        b"\x80" * 40,
        b"\x0b\x0c" * 9,
        b"\x3a\xff\xff\x7f",
    ):
        path.write_bytes(data)
        with pytest.raises(DataError, match="an ONNX model"):
            refuse_external(path)
    for _ in range(200):  # whatever it is, it ends, and in one of two ways
        path.write_bytes(draw.bytes(int(draw.integers(1, 200))))
        try:
            refuse_external(path)
        except DataError:
            continue
