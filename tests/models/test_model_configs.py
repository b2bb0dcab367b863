"""Every config of backbone, finetune, objective and optimizer makes what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
from hydra.utils import instantiate
from omegaconf import OmegaConf

from skintag.models.backbone import Backbone
from skintag.models.objective import OBJECTIVES
from skintag.models.optimizer import OptimizerSettings

CONFIGS = Path(__file__).parents[2] / "configs"


def load(group: str, name: str):
    return instantiate(OmegaConf.load(CONFIGS / group / f"{name}.yaml"))


def names(group: str) -> set[str]:
    return {path.stem for path in (CONFIGS / group).glob("*.yaml")}


def test_every_objective_has_a_config_with_the_defaults_of_the_code():
    assert names("objective") == set(OBJECTIVES)
    for name, objective in OBJECTIVES.items():
        settings = load("objective", name).settings()
        # how the groups of a view lie is the view's business, not a default of the algorithm
        assert settings.pop("per_domain", 4) == 4
        assert settings == {k: v for k, v in objective().settings().items() if k != "per_domain"}


def test_finetune_configs_unlock_what_their_names_say():
    unlocked = {name: load("finetune", name).unlocked_groups for name in names("finetune")}
    assert unlocked == {
        "frozen": 0, "last_2": 2, "last_4": 4, "last_8": 8, "full": "all", "scratch": "all",
    }  # fmt: skip


def test_optimizer_config_has_the_defaults_of_the_code():
    assert load("optimizer", "adamw") == OptimizerSettings()


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONFIGS / "backbone").glob("*.yaml")))
def test_backbones_are_known_and_run_at_their_native_size(name):
    settings = load("backbone", name)
    config = timm.get_pretrained_cfg(settings.name)
    if settings.pretrained:
        assert config.hf_hub_id  # the tag has weights behind it
        assert config.input_size[1] == settings.image_size


@pytest.mark.parametrize("group", ["backbone", "finetune", "objective", "optimizer"])
def test_configs_begin_with_what_they_are_for_and_their_command(group):
    for name in names(group):
        head = (CONFIGS / group / f"{name}.yaml").read_text().split("_target_")[0]
        assert f"skintag train {group}={name}" in head


def test_the_tower_of_the_tests_has_blocks_enough_for_every_finetune_config():
    backbone = Backbone(load("backbone", "siglip_tiny"))
    for name in names("finetune"):
        backbone.lock(load("finetune", name).unlocked_groups)
        learns = any(parameter.requires_grad for parameter in backbone.parameters())
        assert learns == (name != "frozen"), name
