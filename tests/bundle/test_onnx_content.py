"""Tensors in other files are found wherever a model can have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skintag.bundle.onnx_content import refuse_external
from skintag.core.errors import DataError


def tensor(name: str, *, outside: bool) -> TensorProto:
    made = numpy_helper.from_array(np.arange(4, dtype=np.float32), name)
    if outside:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value="../../etc/passwd")
    return made


def saved(path: Path, outside: str = "") -> Path:
    """A model with a tensor in each place; that of the place named lies outside."""

    def node(name: str, place: str) -> onnx.NodeProto:
        return helper.make_node("Constant", [], [name], value=tensor(name, outside=outside == place))

    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    inner = helper.make_graph([node("c", "branch")], "branch", [], [y])
    made = helper.make_model(
        helper.make_graph(
            [
                node("b", "constant"),
                helper.make_node("If", ["a"], ["y"], then_branch=inner, else_branch=inner),
            ],
            "graph",
            [],
            [y],
            [tensor("a", outside=outside == "initializer")],
        ),
        functions=[helper.make_function("own", "F", [], ["d"], [node("d", "function")], [helper.make_opsetid("", 18)])],
    )  # fmt: skip
    path.write_bytes(made.SerializeToString())
    return path


def test_weights_inside_are_let_through(tmp_path: Path) -> None:
    refuse_external(saved(tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("where", "name"), [("initializer", "a"), ("constant", "b"), ("branch", "c"), ("function", "d")]
)
def test_a_tensor_outside_is_refused_wherever_it_is(tmp_path: Path, where: str, name: str) -> None:
    path = saved(tmp_path / "model.onnx", outside=where)
    with pytest.raises(DataError, match=f"{name} outside"):
        refuse_external(path)


@pytest.mark.parametrize("content", [b"", b"\x08", b"\x08\x0a\x3a\xff\xff", b"\xff" * 40, b"GIF89a"])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(DataError, match="an ONNX model"):
        refuse_external(path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "model.onnx")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match="an ONNX model"):
        refuse_external(path)
