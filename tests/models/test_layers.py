from __future__ import annotations

import timm
import torch

from skintag.models.layers import layer_groups, run_stages, stages

TINY = {"embed_dim": 64, "depth": 4, "num_heads": 2, "img_size": 56}


def tiny_vit(**options):
    return timm.create_model("vit_so400m_patch14_siglip_384", num_classes=0, **TINY, **options)


def lite0():
    return timm.create_model("tf_efficientnet_lite0", num_classes=0)


def test_every_parameter_is_in_exactly_one_group():
    for model in (tiny_vit(), lite0(), timm.create_model("resnet18", num_classes=0)):
        names = [name for group in layer_groups(model) for name in group.parameters]
        assert sorted(names) == sorted(name for name, _ in model.named_parameters())


def test_blocks_of_a_transformer_are_its_layers_and_final_norm_and_pooling_stand_apart():
    groups = layer_groups(tiny_vit())
    assert [group.name for group in groups] == ["stem", *(f"block_{i}" for i in range(4)), "final"]
    assert all(name.startswith("blocks.3.") for name in groups[4].parameters)
    assert {name.split(".")[0] for name in groups[5].parameters} == {"norm", "attn_pool"}


def test_blocks_of_a_convolutional_network_are_its_residual_blocks():
    groups = layer_groups(lite0())
    assert len(groups) == 18  # stem, 16 blocks, final
    assert groups[0].parameters == ("conv_stem.weight", "bn1.weight", "bn1.bias")
    assert {name.rsplit(".", 2)[0] for name in groups[15].parameters} == {"blocks.5.3"}
    assert groups[17].parameters == ("conv_head.weight", "bn2.weight", "bn2.bias")


def test_network_that_ends_in_its_last_block_has_an_empty_final_part():
    groups = layer_groups(timm.create_model("resnet18", num_classes=0))
    assert (len(groups), groups[-1].parameters) == (10, ())


@torch.no_grad()
def test_stages_one_after_the_other_equal_the_whole_model():
    class_token = timm.create_model("vit_tiny_patch16_224", num_classes=0, depth=2, img_size=64)
    for model, size in ((tiny_vit(), 56), (class_token, 64), (lite0(), 64)):
        model.eval()
        pixels = torch.randn(2, 3, size, size)
        assert torch.equal(run_stages(stages(model), pixels), model(pixels))


def test_stages_and_groups_are_cut_at_the_same_places():
    for model in (tiny_vit(), lite0()):
        name_of = {id(parameter): name for name, parameter in model.named_parameters()}
        for stage, group in zip(stages(model), layer_groups(model), strict=True):
            held = {name_of[id(p)] for module in stage.modules for p in module.parameters()}
            # the position embedding is the model's own, in no module of the stem
            assert held == set(group.parameters) - {"pos_embed"}


def test_unknown_architecture_is_one_stage():
    model = timm.create_model("resnet18", num_classes=0)
    (stage,) = stages(model)
    assert stage.modules == (model,)
