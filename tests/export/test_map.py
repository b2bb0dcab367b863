"""Where the network looked: what the head says of each position, the same in torch and in ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from skintag.bundle.runtime import OnnxRuntime
from skintag.export.deployed_model import DeployedModel, WithMap
from skintag.export.onnx_file import write_onnx
from skintag.models.lesion_module import LesionModule
from skintag.models.objectives import Multitask
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import BackboneSettings, FinetuneSettings
from tests.export.conftest import mobilenet

SIDE = 64
PICTURES = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> DeployedModel:
    return DeployedModel(mobilenet(SIDE))


def test_each_position_is_what_the_head_says_of_that_position_alone(model: DeployedModel) -> None:
    image = torch.from_numpy(PICTURES)
    *answers, found = WithMap(model)(image)
    features = model.features(image)
    assert found.shape == (3, *features.shape[2:])
    assert found.shape[1] > 1
    for y in range(found.shape[1]):
        for x in range(found.shape[2]):
            # a picture whose features are everywhere those of the position, pooled as always
            same = features[:, :, y : y + 1, x : x + 1].expand_as(features)
            logit = torch.logit(model.answer(model.pooled(same))[0].double())
            torch.testing.assert_close(found[:, y, x].double(), logit, atol=1e-4, rtol=1e-3)
    for mine, its in zip(answers, model(image), strict=True):
        torch.testing.assert_close(mine, its, atol=1e-5, rtol=1e-4)


@pytest.mark.long
def test_onnx_gives_the_map_where_it_is_asked_for(model: DeployedModel, tmp_path: Path) -> None:
    write_onnx(model, tmp_path / "model.onnx", {})
    runtime = OnnxRuntime(tmp_path / "model.onnx")
    assert runtime(PICTURES).maps is None
    said = runtime(PICTURES, maps=True)
    assert said.maps is not None
    np.testing.assert_allclose(said.maps, WithMap(model)(torch.from_numpy(PICTURES))[-1], atol=1e-4)
    np.testing.assert_array_equal(said.malignant, runtime(PICTURES).malignant)


def test_random_weights_change_the_map() -> None:
    """A map that stayed would show edges of the picture, not what the network goes by (Adebayo et al., 2018)."""
    networks = [mobilenet(SIDE) for _ in range(2)]
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for parameter in networks[1].parameters():
            parameter.copy_(
                parameter.flatten()[torch.randperm(parameter.numel(), generator=generator)].view_as(parameter)
            )
    maps = [WithMap(DeployedModel(n))(torch.from_numpy(PICTURES))[-1].flatten().numpy() for n in networks]
    assert abs(np.corrcoef(maps)[0, 1]) < 0.8


@pytest.mark.parametrize(
    ("name", "sizes"), [("vit_so400m_patch14_siglip_384", {"embed_dim": 32, "depth": 1, "num_heads": 2})]
)
def test_a_transformer_has_none(name: str, sizes: dict[str, int]) -> None:
    module = LesionModule(
        BackboneSettings(name, 28, sizes), FinetuneSettings(), Multitask(), OptimizerSettings()
    )
    assert not DeployedModel(module.eval()).has_map
