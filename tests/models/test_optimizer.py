from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skintag.core.errors import ConfigError
from skintag.models.backbone import Backbone
from skintag.models.head import HeadSettings, LesionHead
from skintag.models.optimizer import (
    OptimizerSettings,
    build_optimizer,
    learning_rate_factor,
    parameter_groups,
)


@pytest.fixture
def groups(siglip_tiny):
    backbone = Backbone(siglip_tiny)
    backbone.lock("all")
    head = LesionHead(64, 0, HeadSettings(hidden=8))
    modules = {**dict(backbone.named_parameters()), **dict(head.named_parameters())}
    name_of = {id(parameter): name for name, parameter in modules.items()}
    made = parameter_groups(backbone, [head], OptimizerSettings())
    return {group["name"]: {**group, "names": {name_of[id(p)] for p in group["params"]}} for group in made}


def test_backbone_and_head_have_their_own_rates(groups):
    assert {name: group["lr"] for name, group in groups.items()} == {
        "backbone/decay": 1e-5,
        "backbone/no_decay": 1e-5,
        "head/decay": 1e-4,
        "head/no_decay": 1e-4,
    }


def test_norms_biases_and_position_embeddings_have_no_weight_decay(groups):
    assert groups["head/decay"]["names"] == {"hidden.weight", "malignant.weight"}
    assert groups["head/no_decay"]["names"] == {"norm.weight", "norm.bias", "hidden.bias", "malignant.bias"}
    spared = groups["backbone/no_decay"]["names"]
    assert {"model.pos_embed", "model.attn_pool.latent", "model.norm.weight"} <= spared
    assert not [name for name in groups["backbone/decay"]["names"] if "norm" in name or "bias" in name]
    assert groups["backbone/decay"]["weight_decay"] == groups["head/decay"]["weight_decay"] == 0.01
    assert groups["backbone/no_decay"]["weight_decay"] == groups["head/no_decay"]["weight_decay"] == 0


def test_frozen_parameters_are_left_out(siglip_tiny):
    backbone = Backbone(siglip_tiny)
    head = LesionHead(64, 0, HeadSettings(hidden=8))
    assert {g["name"] for g in parameter_groups(backbone, [head], OptimizerSettings())} == {
        "head/decay",
        "head/no_decay",
    }


def test_rate_rises_linearly_then_falls_on_a_half_cosine():
    factors = [learning_rate_factor(step, steps=12, warmup=0.25, final=0.1) for step in range(13)]
    assert factors[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert factors[7] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 4 / 9)))
    assert factors[12] == pytest.approx(0.1)
    assert sorted(factors[3:], reverse=True) == factors[3:]


def test_every_step_of_a_run_learns_and_none_after_it_rises_again():
    for steps in (1, 2, 7, 100):
        factors = [learning_rate_factor(s, steps=steps, warmup=0.05, final=0.0) for s in range(steps)]
        assert min(factors) > 0
        assert max(factors) == 1
        assert learning_rate_factor(2 * steps, steps=steps, warmup=0.05, final=0.0) == 0


def test_scheduler_sets_the_rates_of_all_groups():
    optimizer, scheduler = build_optimizer(
        nn.Linear(2, 2), [nn.Linear(2, 1)], OptimizerSettings(warmup=0.5, weight_decay=0.2), steps=4
    )
    rates = []
    for _ in range(4):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    factors = torch.tensor([1 / 3, 2 / 3, 1.0, 0.5])
    assert torch.allclose(torch.tensor(rates)[:, 0], 1e-5 * factors)
    assert torch.allclose(torch.tensor(rates)[:, 3], 1e-4 * factors)


def test_run_of_unknown_length_is_refused():
    with pytest.raises(ConfigError, match="max_epochs"):
        build_optimizer(nn.Linear(1, 1), [], OptimizerSettings(), steps=float("inf"))


@pytest.mark.parametrize(
    "senseless", [{"head_lr": -1.0}, {"warmup": 1.0}, {"final_lr": 2.0}, {"weight_decay": -0.1}]
)
def test_settings_out_of_range_are_refused(senseless):
    with pytest.raises(ConfigError, match="optimizer"):
        OptimizerSettings(**senseless)
