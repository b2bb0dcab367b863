"""The ONNX file: the torch model's answers, for any batch, from bytes of pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from skintag.core.errors import ConfigError
from skintag.export.deployed_model import DeployedModel
from skintag.export.formats import open_runner
from skintag.export.metadata import metadata_of
from skintag.export.onnx_file import write_onnx
from skintag.export.onnx_notes import OPSET
from skintag.models.lesion_module import LesionModule
from skintag.models.objectives import Erm
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import BackboneSettings, FinetuneSettings


@pytest.fixture(scope="module")
def path(module: LesionModule, deployed: DeployedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    write_onnx(deployed, path, metadata_of(module))
    return path


def pictures(n: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_deployed_model_answers_as_the_module_and_leaves_it_as_it_is(
    module: LesionModule, deployed: DeployedModel
) -> None:
    images = pictures(3)
    with torch.inference_mode():
        mine = deployed(torch.from_numpy(images))
        batch = {"image": torch.from_numpy(images).permute(0, 3, 1, 2), "row": torch.arange(3)}
        its = module.predict_step(batch)
    for a, name in zip(mine, deployed.output_names, strict=True):
        torch.testing.assert_close(a, its[name], atol=1e-6, rtol=1e-5)
    assert module.backbone.memory_format == torch.channels_last
    assert module.backbone.fully_frozen


def test_pictures_of_another_size_are_refused(deployed: DeployedModel) -> None:
    with pytest.raises(ConfigError, match="image_size=32"):
        deployed(torch.zeros(1, 48, 48, 3, dtype=torch.uint8))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_onnx_agrees_with_torch_for_any_batch(path: Path, deployed: DeployedModel, n: int) -> None:
    images = pictures(n)
    scores = open_runner("onnx", path)(images)
    with torch.inference_mode():
        malignant, conditions, embedding = deployed(torch.from_numpy(images))
    assert scores.conditions is not None
    np.testing.assert_allclose(scores.malignant, malignant, atol=1e-4)
    np.testing.assert_allclose(scores.conditions, conditions, atol=1e-4)
    np.testing.assert_allclose(scores.embeddings, embedding, atol=1e-3)
    assert np.ptp(embedding.numpy(), axis=1).min() > 0.01  # not an agreement of nothings


def test_pixels_go_in_as_bytes_and_probabilities_come_out(path: Path) -> None:
    model = onnx.load(path)
    (image,) = model.graph.input
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    shape = [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim]
    assert shape[1:] == [32, 32, 3]
    assert isinstance(shape[0], str)
    assert [output.name for output in model.graph.output] == [
        "p_malignant",
        "p_condition",
        "embedding",
        "map",
    ]
    assert {o.domain: o.version for o in model.opset_import}[""] == OPSET
    scores = open_runner("onnx", path)(pictures(4))
    assert ((scores.malignant > 0) & (scores.malignant < 1)).all()
    np.testing.assert_allclose(scores.conditions.sum(axis=1), 1, atol=1e-5)


def test_file_says_what_it_is_and_nothing_of_this_machine(path: Path) -> None:
    model = onnx.load(path)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said["model"] == "mobilenetv3_small_050"
    assert said["image_size"] == "32"
    assert json.loads(said["conditions"])[0] == "melanoma"
    assert len(json.loads(said["conditions"])) == 10
    content = path.read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in content
    assert b"site-packages" not in content


@pytest.mark.long
def test_model_without_conditions_has_two_outputs(tmp_path: Path) -> None:
    tower = BackboneSettings(
        "vit_so400m_patch14_siglip_384", 28, {"embed_dim": 32, "depth": 1, "num_heads": 2}
    )
    module = LesionModule(tower, FinetuneSettings(), Erm(), OptimizerSettings()).eval()
    write_onnx(DeployedModel(module), tmp_path / "model.onnx", metadata_of(module))
    images = pictures(3, 28)
    scores = open_runner("onnx", tmp_path / "model.onnx")(images)
    assert scores.conditions is None
    with torch.inference_mode():
        malignant, embedding = DeployedModel(module)(torch.from_numpy(images))
    np.testing.assert_allclose(scores.malignant, malignant, atol=1e-4)
    np.testing.assert_allclose(scores.embeddings, embedding, atol=1e-3)
