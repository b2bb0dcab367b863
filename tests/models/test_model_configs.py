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
from skintag.models.settings import LIBRARIES
from tests.conftest import compose_config

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


BACKBONES = sorted(p.stem for p in (CONFIGS / "backbone").glob("*.yaml"))
# what a user has to name
UNNAMED = {"timm": "resnet18", "open_clip": "ViT-B-16", "transformers": "facebook/dinov2-base"}


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_composes_into_a_run(name, tmp_path):
    more = [f"backbone.name={UNNAMED[name]}"] if name in UNNAMED else []
    more += ["backbone.checkpoint=weights.pth"] if name == "panderm" else []
    settings = instantiate(compose_config(tmp_path, f"backbone={name}", *more).backbone)
    assert settings.library in LIBRARIES
    assert settings.library == "timm" or settings.pretrained


@pytest.mark.parametrize("name", [n for n in BACKBONES if n not in (*UNNAMED, "panderm")])
def test_backbones_are_known_and_run_at_their_native_size(name):
    settings = load("backbone", name)
    config = timm.get_pretrained_cfg(settings.name) if settings.library == "timm" else None
    if settings.pretrained and config is not None:
        assert config.hf_hub_id  # the tag has weights behind it
        assert config.input_size[1] == settings.image_size
    assert settings.image_size > 0


def test_every_pretrained_backbone_says_what_it_learned_from_and_under_which_licence():
    for name in (
        set(BACKBONES) - set(UNNAMED) - {"siglip_tiny", "siglip_so400m", "siglip_base", "efficientnet_lite0"}
    ):
        head = (CONFIGS / "backbone" / f"{name}.yaml").read_text().split("_target_")[0]
        assert "Trained on:" in head, name
        assert "Licence:" in head, name


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
