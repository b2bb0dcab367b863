"""An ONNX network that answers what it must not, or wants more than there is, is one readable error."""

from __future__ import annotations

import json
import resource
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from skintag.bundle import runtime as runtime_module
from skintag.bundle.parts import Preprocessing
from skintag.bundle.runtime import OnnxRuntime, check_outputs
from skintag.bundle.torch_runtime import read_network
from skintag.core.errors import ConfigError, DataError
from skintag.core.outputs import Outputs

PIXELS = np.zeros((2, 16, 16, 3), dtype=np.uint8)


def network(path: Path, *, factor: float = 0.001, grows_to: int = 0, dtype: int = TensorProto.UINT8) -> Path:
    """Mean colour as embedding, scaled for a score; `grows_to`: makes a tensor of so many numbers on the way."""
    constants = {
        "axes": np.array([1, 2]), "last": np.array([1]), "factor": np.array(factor, np.float32),
        "one": np.array([1.0], np.float32), "many": np.array([grows_to]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["embedding"], keepdims=0),
        helper.make_node("ReduceMean", ["embedding", "last"], ["mean"], keepdims=0),
    ]
    last = "mean"
    if grows_to:
        nodes += [
            helper.make_node("ReduceMax", ["mean"], ["top"], keepdims=1),
            helper.make_node("Expand", ["top", "many"], ["huge"]),
            helper.make_node("ReduceMax", ["huge"], ["again"], keepdims=1),
            helper.make_node("Add", ["mean", "again"], ["sum"]),
        ]
        last = "sum"
    nodes += [
        helper.make_node("Add", [last, "one"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "factor"], ["p_malignant"]),
    ]
    graph = helper.make_graph(
        nodes, "network",
        [helper.make_tensor_value_info("image", dtype, ["batch", 16, 16, 3])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("p_malignant", "embedding")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_a_sound_network_answers(tmp_path: Path) -> None:
    outputs = OnnxRuntime(network(tmp_path / "model.onnx"))(PIXELS)
    check_outputs(outputs, 2, 10, "here")
    np.testing.assert_allclose(outputs.malignant, 0.001)


def test_one_that_wants_17_gb_is_refused_and_takes_none_of_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = OnnxRuntime(network(tmp_path / "model.onnx", grows_to=17 * 10**9 // 4))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"model\.onnx(.|\n)*within 8 GB of memory"):
        model(PIXELS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10**6  # kilobytes
    assert capfd.readouterr().err == ""


def test_one_that_takes_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"uint8 \[batch, S, S, 3\](.|\n)*tensor\(float\)"):
        OnnxRuntime(network(tmp_path / "model.onnx", dtype=TensorProto.FLOAT))


@pytest.mark.parametrize(
    ("factor", "said"), [(float("nan"), "nan or infinity"), (float("inf"), "nan"), (7.0, "7"), (-1.0, "-1")]
)
def test_what_is_no_probability_is_refused(tmp_path: Path, factor: float, said: str) -> None:
    outputs = OnnxRuntime(network(tmp_path / "model.onnx", factor=factor))(PIXELS)
    with pytest.raises(DataError, match=said):
        check_outputs(outputs, 2, 10, "bundle")


@pytest.mark.parametrize(
    ("malignant", "conditions", "embeddings"),
    [
        ((3,), None, (2, 4)),
        ((2,), (2, 9), (2, 4)),
        ((2,), (3, 10), (2, 4)),
        ((2,), (2, 10), (2,)),
        ((2,), (20,), (2, 4)),
    ],
)
def test_other_shapes_are_refused(
    malignant: tuple[int, ...], conditions: tuple[int, ...] | None, embeddings: tuple[int, ...]
) -> None:
    made = [
        None if shape is None else np.zeros(shape, np.float32)
        for shape in (malignant, conditions, embeddings)
    ]
    with pytest.raises(DataError, match=r"p_malignant \[2\], p_condition \[2, 10\]"):
        check_outputs(Outputs(*made), 2, 10, "bundle")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": 30_000}, {"image_size": 4}, {"image_size": 224.5}, {"image_size": True}, {"image_size": "224"},
        {"longest_side": 10**7}, {"longest_side": 0}, {"jpeg_quality": 101}, {"jpeg_quality": 0}, {"fit": "stretch"},
        {"fit": 3},
    ],
)  # fmt: skip
def test_absurd_preprocessing_is_refused(values: dict[str, object]) -> None:
    sound = {"image_size": 224, "fit": "squash", "longest_side": 512, "jpeg_quality": 95}
    Preprocessing(**sound)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        Preprocessing(**{**sound, **values})  # type: ignore[arg-type]


def test_the_limit_is_one_that_a_large_tower_fits_into() -> None:
    assert runtime_module.MEMORY > 4 * 428_000_000 * 2  # weights of SigLIP-SO400M, and as much again


@pytest.mark.parametrize(
    "change",
    [{"image_size": 30_000}, {"sizes": {"embed_dim": 64_000, "num_heads": 4}}, {"sizes": {"depth": 40_000}}],
)
def test_settings_of_another_network_than_the_weights_are_refused_before_it_is_made(
    bundle_folder: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    shutil.copytree(bundle_folder / "model", tmp_path / "model")
    settings = tmp_path / "model" / "module.json"
    values = json.loads(settings.read_text())
    settings.write_text(json.dumps({**values, "backbone": {**values["backbone"], **change}}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"module\.json(.|\n)*LesionNetwork"):
        read_network(tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10**6  # kilobytes
