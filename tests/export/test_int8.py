"""INT8: what it is calibrated on, and which layers stay in float."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from skintag.core.errors import ConfigError
from skintag.core.vocabulary import HEAD
from skintag.export.deployed_model import DeployedModel
from skintag.export.formats import open_runner
from skintag.export.int8 import Quantised, prepare, write_int8
from skintag.export.onnx_file import write_onnx
from skintag.export.pictures import Pictures
from skintag.export.search import Trial, choose
from skintag.export.settings import ExportSettings
from skintag.export.units import unit_of
from skintag.runs.folder import RunFolder
from tests.export.conftest import QUICK, mobilenet


@pytest.fixture(scope="module")
def source(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in float that takes the run's pictures."""
    path = tmp_path_factory.mktemp("int8") / "model.onnx"
    write_onnx(DeployedModel(mobilenet(run.data.pipeline.image_size)), path, {"model": "tiny"})
    return path


@pytest.fixture(scope="module")
def quantised(
    run: RunFolder, source: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Quantised]:
    path = tmp_path_factory.mktemp("int8") / "model_int8.onnx"
    settings = replace(QUICK, float_layers=("blocks.0", "head"))
    return path, write_int8(source, path, val_pictures(run), settings, {"model": "tiny"})


def val_pictures(run: RunFolder) -> Pictures:
    return Pictures(run, run.predictions.val(HEAD))


@pytest.mark.long
def test_only_val_pictures_are_looked_at(
    run: RunFolder, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    batches = Pictures.batches

    def noted(self: Pictures, size: int) -> Iterator[np.ndarray]:
        seen.update(self.image_ids)
        return batches(self, size)

    monkeypatch.setattr(Pictures, "batches", noted)
    write_int8(source, tmp_path / "m.onnx", val_pictures(run), replace(QUICK, float_layers=()), {})
    val = run.predictions.val(HEAD).frame["image_id"]
    assert seen
    assert seen <= set(val)


@pytest.mark.long
def test_test_pictures_are_refused(run: RunFolder, source: Path, tmp_path: Path) -> None:
    test = Pictures(run, run.predictions.test(HEAD))
    with pytest.raises(TypeError, match="must never see test rows"):
        write_int8(source, tmp_path / "m.onnx", test, QUICK, {})  # type: ignore[arg-type]
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.long
def test_layers_that_are_named_stay_in_float(
    quantised: tuple[Path, Quantised], source: Path, tmp_path: Path
) -> None:
    path, found = quantised
    assert found.float_layers == ("blocks.0.0", "head")
    model = onnx.load(path)
    # the quantiser's own name of what it computes in int8
    dequantised = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    given_back = {node.output[0] for node in dequantised if node.input[0].endswith("_quantized")}
    nodes = {node.name: node for node in model.graph.node}
    in_bytes = {
        unit: {
            nodes[name].input[1] in given_back for name in names if name in nodes and is_heavy(nodes[name])
        }
        for unit, names in prepare(source, tmp_path / "prepared.onnx").items()
    }
    assert in_bytes["blocks.0.0"] == in_bytes["head"] == {False}
    assert in_bytes["conv_stem"] == in_bytes["blocks.1.1"] == in_bytes["blocks.4.0"] == {True}


def is_heavy(node: onnx.NodeProto) -> bool:
    """Whether a node multiplies by weights."""
    return node.op_type in ("Conv", "Gemm", "MatMul")


@pytest.mark.long
def test_weights_are_bytes_per_channel(quantised: tuple[Path, Quantised], source: Path) -> None:
    model = onnx.load(quantised[0])
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    bytes_ = [t for t in stored.values() if t.data_type == onnx.TensorProto.INT8 and len(t.dims) >= 2]
    assert bytes_
    scales = [stored[name] for name in stored if name.endswith("_scale") and stored[name].dims]
    assert any(max(scale.dims) > 1 for scale in scales)
    assert quantised[0].stat().st_size < source.stat().st_size


@pytest.mark.long
def test_scores_stay_near_and_file_says_how(
    quantised: tuple[Path, Quantised], source: Path, run: RunFolder
) -> None:
    images = val_pictures(run).load()
    a, b = (open_runner("onnx", path)(images).malignant for path in (source, quantised[0]))
    assert 0 < np.abs(a - b).mean() < 0.05
    said = {entry.key: entry.value for entry in onnx.load(quantised[0]).metadata_props}
    assert said["float_layers"] == "blocks.0.0,head"
    assert said["calibration"] == "minmax"
    assert said["model"] == "tiny"


@pytest.mark.long
def test_layer_that_is_not_there_is_named(run: RunFolder, source: Path, tmp_path: Path) -> None:
    settings = replace(QUICK, float_layers=("blocks.77",))
    with pytest.raises(ConfigError, match=r"no layer 'blocks\.77'"):
        write_int8(source, tmp_path / "m.onnx", val_pictures(run), settings, {})


@pytest.mark.long
def test_every_node_is_in_one_unit(source: Path, tmp_path: Path) -> None:
    units = prepare(source, tmp_path / "prepared.onnx")
    names = [name for nodes in units.values() for name in nodes]
    assert sorted(names) == sorted(node.name for node in onnx.load(tmp_path / "prepared.onnx").graph.node)
    assert len(set(names)) == len(names)
    assert {"preprocessing", "conv_stem", "blocks.0.0", "blocks.1.1", "blocks.4.0", "head"} <= set(units)


@pytest.mark.parametrize(
    ("weight", "unit"),
    [
        ("backbone.model.blocks.3.1.conv_dw.weight", "blocks.3.1"),
        ("backbone.model.blocks.3.1.se.conv_reduce.bias", "blocks.3.1"),
        ("backbone.model.blocks.3.mlp.fc1.weight", "blocks.3"),
        ("backbone.model.stages.0.blocks.1.conv_dw.weight", "stages.0.blocks.1"),
        ("backbone.model.conv_stem.weight", "conv_stem"),
        ("model.backbone.model.blocks.3.1.conv_dw.weight", "blocks.3.1"),
        ("model.head.linear.weight", "head"),
        ("model.backbone.scale", None),
        ("backbone.scale", None),
        ("head.hidden.weight", "head"),
        ("val_17", None),
    ],
)
def test_unit_of_a_weight(weight: str, unit: str | None) -> None:
    assert unit_of(weight) == unit


class Fake:
    """A network whose blocks each lose something where they are not in float."""

    def __init__(self, **harm: float) -> None:
        self.harm, self.tried = harm, 0
        self.units = {unit: [unit] for unit in harm}

    def __call__(self, float_layers: Sequence[str]) -> Trial:
        self.tried += 1
        return Trial(0.0, sum(v for k, v in self.harm.items() if k not in float_layers))


def test_as_few_layers_as_needed_stay_in_float_the_worst_first() -> None:
    network = Fake(a=0.01, b=0.5, c=0.001, d=0.2)
    choice = choose(network, network.units, ExportSettings(deviation_bound=0.03))
    assert choice.float_layers == ("b", "d")
    assert choice.trial.deviation == pytest.approx(0.011)
    assert network.tried == 1 + 4 + 2


def test_nothing_stays_in_float_where_nothing_breaks() -> None:
    network = Fake(a=0.001, b=0.002)
    assert choose(network, network.units, ExportSettings()).float_layers == ()
    assert network.tried == 1


def test_bound_on_auroc_holds_too() -> None:
    settings = ExportSettings(auroc_bound=0.002, deviation_bound=1)
    assert not Trial(-0.003, 0.0).within(settings)
    assert not Trial(0.003, 0.0).within(settings)
    assert Trial(float("nan"), 0.0).within(settings)


def test_scores_that_are_not_numbers_are_infinitely_far() -> None:
    trial = Trial.of(np.array([0, 1]), np.array([0.1, 0.9]), np.array([0.1, np.nan]))
    assert trial.deviation == np.inf
    assert not trial.within(ExportSettings())


def test_trial_compares_ranking_and_scores() -> None:
    target, reference = np.array([0, 1, 0, 1]), np.array([0.1, 0.8, 0.3, 0.9])
    trial = Trial.of(target, reference, np.array([0.1, 0.2, 0.3, 0.9]))
    assert trial.auroc_difference == pytest.approx(0.75 - 1)
    assert trial.deviation == pytest.approx(0.15)


@pytest.mark.long
def test_pictures_are_drawn_by_name_and_evenly(run: RunFolder) -> None:
    val = val_pictures(run)
    few = val.drawn(8, seed=0, even=True)
    assert few.rows.target.sum() == 4
    assert set(few.image_ids) < set(val.image_ids)
    assert val.drawn(8, seed=0, even=True).image_ids == few.image_ids
    assert val.drawn(8, seed=1, even=True).image_ids != few.image_ids
    assert len(val.drawn(5, seed=0)) == 5
    assert val.drawn(10**6, seed=0) is val
