"""The plain network is what a LesionModule is but for its training; objectives are one file each."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from lightning import Trainer
from torch.utils.data import DataLoader

from skintag.core.config import instantiate
from skintag.core.errors import ConfigError
from skintag.models.lesion_module import LesionModule
from skintag.models.network import LesionNetwork
from skintag.models.objective import OBJECTIVES, Objective, build_objective
from skintag.models.objectives import GroupDro, Hierarchical
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import FinetuneSettings


@pytest.fixture
def module(siglip_tiny) -> LesionModule:
    return LesionModule(
        siglip_tiny, FinetuneSettings(2), Hierarchical(), OptimizerSettings(), n_conditions=11, seed=3
    )


def checkpoint(module: LesionModule) -> dict:
    return {"hyper_parameters": dict(module.hparams), "state_dict": module.state_dict()}


def test_network_of_a_module_s_checkpoint_says_the_same(module, make_batch, tmp_path):
    torch.save(checkpoint(module), tmp_path / "last.ckpt")
    network = LesionNetwork.from_checkpoint(tmp_path / "last.ckpt")
    assert type(network) is LesionNetwork
    assert not network.training
    assert list(network.state_dict()) == list(module.state_dict())
    assert network.fingerprint() == module.fingerprint()
    batch = make_batch(3)
    for ours, theirs in zip(network(batch), module.eval()(batch), strict=True):
        assert torch.equal(ours, theirs)


def test_network_is_made_again_of_its_own_settings_and_tensors(module):
    network = LesionNetwork.of(module.settings(), module.state_dict())
    again = LesionNetwork.of(network.settings(), network.state_dict())
    assert again.settings() == module.settings()
    assert again.fingerprint() == module.fingerprint()


def test_a_group_dro_checkpoint_keeps_its_sums(siglip_tiny):
    module = LesionModule(siglip_tiny, FinetuneSettings(), GroupDro(3), OptimizerSettings())
    module.objective.ascent += torch.tensor([1.0, 2.0, 3.0])
    network = LesionNetwork.of(module.hparams, module.state_dict())
    assert torch.equal(network.objective.ascent, torch.tensor([1.0, 2.0, 3.0]))


def test_tensors_that_do_not_fit_are_refused_and_a_student_s_map_is_not(module):
    state = module.state_dict()
    LesionNetwork.of(module.hparams, {**state, "projection.weight": torch.zeros(2, 2)})
    with pytest.raises(RuntimeError, match="more"):
        LesionNetwork.of(module.hparams, {**state, "more": torch.zeros(1)})
    with pytest.raises(RuntimeError, match="head"):
        LesionNetwork.of(module.hparams, {k: v for k, v in state.items() if "head" not in k})


def test_probabilities_as_arrays_are_float32_on_the_processor(module, make_batch):
    with torch.inference_mode():
        said = module.eval().probabilities(make_batch(3))
    arrays = said.arrays()
    assert (arrays.malignant.shape, arrays.conditions.shape, arrays.embeddings.shape) == (
        (3,),
        (3, 11),
        (3, 64),
    )
    assert {a.dtype.name for a in (arrays.malignant, arrays.conditions, arrays.embeddings)} == {"float32"}
    assert torch.equal(torch.from_numpy(arrays.malignant), said.malignant)


@pytest.fixture
def squared(monkeypatch):
    """The class of an objective that is not SkinTag's, in a module that was imported."""
    monkeypatch.setattr(OBJECTIVES, "_classes", dict(OBJECTIVES._classes))
    module = types.ModuleType("somebody_s_objective")

    class Squared(Objective):
        """Brier score of malignancy."""

        name = "squared"
        __module__ = "somebody_s_objective"

        def __init__(self, scale: float = 1.0) -> None:
            super().__init__()
            self.scale = scale

        def settings(self):
            return {"name": self.name, "scale": self.scale}

        def per_sample(self, output, batch):
            return {"loss": self.scale * (output.malignant.sigmoid() - batch["target"]) ** 2}

    module.Squared = Squared
    monkeypatch.setitem(sys.modules, "somebody_s_objective", module)
    return Squared


def test_own_objective_is_configured_trained_and_read_back(squared, siglip_tiny, make_batch, tmp_path):
    objective = instantiate({"_target_": "somebody_s_objective.Squared", "scale": 2.0})
    assert type(objective) is squared
    module = LesionModule(siglip_tiny, FinetuneSettings(1), objective, OptimizerSettings())
    options = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False}
    trainer = Trainer(max_steps=2, accelerator="cpu", enable_checkpointing=False, **options)
    trainer.fit(module, DataLoader([make_batch(4)], batch_size=None))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    network = LesionNetwork.from_checkpoint(tmp_path / "last.ckpt")
    assert network.objective.settings() == {"name": "squared", "scale": 2.0}
    assert network.fingerprint() == module.fingerprint()


def test_objective_that_nobody_registered_is_refused():
    with pytest.raises(ConfigError, match=r"objective 'squared' is not known.*known once the module"):
        build_objective({"name": "squared"})
    with pytest.raises(ConfigError, match="may not be instantiated"):
        instantiate({"_target_": "somebody_s_objective.Squared"})


def test_old_names_of_the_objectives_hold():
    for name in OBJECTIVES:
        kind = OBJECTIVES[name]
        assert type(instantiate({"_target_": f"skintag.models.objectives.{kind.__name__}"})) is kind
        assert type(instantiate({"_target_": f"skintag.models.objectives.{name}.{kind.__name__}"})) is kind


def test_base_class_alone_has_no_name():
    class Unnamed(Objective):
        """On the way to others."""

    assert Unnamed not in {OBJECTIVES[name] for name in OBJECTIVES}
