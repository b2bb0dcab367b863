from __future__ import annotations

import copy
import pickle

import pytest
import timm
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from skintag.core.errors import ConfigError
from skintag.models.backbone import Backbone
from skintag.models.settings import BackboneSettings, FinetuneSettings


def images(size: int, n: int = 3, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=random)


def learning(backbone: Backbone) -> set[str]:
    return {name for name, parameter in backbone.model.named_parameters() if parameter.requires_grad}


def running_statistics(backbone: Backbone) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in backbone.model.named_buffers() if "running_" in name}


@torch.no_grad()
def test_embedding_equals_timm_on_normalised_pixels(tower):
    backbone = Backbone(tower).eval()
    pixels = images(tower.image_size)
    mean, std = (torch.tensor(backbone.model.pretrained_cfg[k]).view(3, 1, 1) for k in ("mean", "std"))
    want = backbone.model((pixels / 255 - mean) / std)
    assert torch.allclose(backbone(pixels), want, atol=1e-5)
    assert backbone(pixels).shape == (3, backbone.embedding_size)
    assert backbone(pixels).dtype == torch.float32


def test_siglip_and_lite0_pixels_run_from_minus_one_to_one(tower):
    backbone = Backbone(tower)
    backbone.lock("all")  # the trunk is then the normalisation alone
    size = tower.image_size
    black_white = torch.stack([torch.zeros(3, size, size), torch.full((3, size, size), 255)]).byte()
    low, high = backbone.forward_trunk(black_white).aminmax()
    assert low == -1
    assert high == pytest.approx(1)


@pytest.mark.parametrize("unlocked", [0, 1, 3, "all"])
def test_trunk_and_tail_equal_the_whole_model_exactly(tower, unlocked):
    backbone = Backbone(tower)
    backbone.lock(unlocked)
    backbone.eval()
    pixels = images(tower.image_size)
    activations = backbone.forward_trunk(pixels)
    assert not activations.requires_grad
    with torch.no_grad():
        scaled = torch.addcmul(backbone.offset, pixels.float(), backbone.scale)
        whole = backbone.model(scaled.contiguous(memory_format=backbone.memory_format))
        assert torch.equal(backbone.forward_tail(activations), whole)
    assert torch.equal(backbone(pixels), whole)


@pytest.mark.parametrize(("unlocked", "first_learning"), [(1, "blocks.3"), (2, "blocks.2"), (4, "blocks.0")])
def test_last_blocks_of_a_transformer_learn_with_norm_and_pooling(siglip_tiny, unlocked, first_learning):
    backbone = Backbone(siglip_tiny)
    backbone.lock(unlocked)
    learns = learning(backbone)
    assert sorted({n[:8] for n in learns if n.startswith("blocks")})[0] == first_learning
    assert {"norm.weight", "attn_pool.latent", "attn_pool.kv.weight"} <= learns
    assert "patch_embed.proj.weight" not in learns
    assert "pos_embed" not in learns


@pytest.mark.parametrize(
    ("unlocked", "stacks"),
    [
        (2, {"blocks.5.3", "blocks.6.0"}),
        (4, {"blocks.5.1", "blocks.5.2", "blocks.5.3", "blocks.6.0"}),
        (8, {*(f"blocks.4.{i}" for i in range(3)), *(f"blocks.5.{i}" for i in range(4)), "blocks.6.0"}),
    ],
)
def test_last_blocks_of_a_convolutional_network_learn_with_the_last_convolution(lite0, unlocked, stacks):
    backbone = Backbone(lite0)
    backbone.lock(unlocked)
    learns = learning(backbone)
    assert {n[: len("blocks.0.0")] for n in learns if n.startswith("blocks")} == stacks
    assert {"conv_head.weight", "bn2.weight"} <= learns


def test_nothing_and_everything(tower):
    backbone = Backbone(tower)
    assert learning(backbone) == set()
    assert backbone.fully_frozen
    backbone.lock("all")
    assert learning(backbone) == {name for name, _ in backbone.model.named_parameters()}
    assert not backbone.fully_frozen


def test_lock_undoes_what_was_set_before(tower):
    backbone, fresh = Backbone(tower), Backbone(tower)
    for unlocked in ("all", 1, 1, 0, 2):
        backbone.lock(unlocked)
    fresh.lock(2)
    assert learning(backbone) == learning(fresh)
    modes = [[module.training for module in b.modules()] for b in (backbone, fresh)]
    assert modes[0] == modes[1]


def test_more_blocks_than_there_are_is_refused(siglip_tiny):
    with pytest.raises(ConfigError, match="has 4 blocks; use finetune=full"):
        Backbone(siglip_tiny).lock(5)


def test_gradients_reach_exactly_what_learns(tower):
    backbone = Backbone(tower)
    backbone.lock(2)
    backbone.train()
    # a random projection: the plain sum of a layer-normed output has no gradient
    embedding = backbone(images(tower.image_size))
    (embedding * torch.randn(embedding.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    with_gradient = {name for name, p in backbone.model.named_parameters() if p.grad is not None}
    assert with_gradient == learning(backbone)


def test_frozen_trunk_is_the_same_in_training_and_evaluation():
    settings = BackboneSettings("tf_efficientnet_lite0", 64, sizes={"drop_path_rate": 0.5})
    backbone = Backbone(settings)
    backbone.lock(4)
    in_training = backbone.train().forward_trunk(images(64))
    before = running_statistics(backbone)
    assert torch.equal(in_training, backbone.eval().forward_trunk(images(64)))
    assert all(torch.equal(before[k], v) for k, v in running_statistics(backbone).items())


@pytest.mark.parametrize("policy", ["eval", "train"])
def test_running_statistics_move_only_where_blocks_learn_and_the_policy_says_so(lite0, policy):
    backbone = Backbone(lite0)
    backbone.lock(2, batch_norm=policy)
    backbone.train()
    before = running_statistics(backbone)
    backbone(images(64))
    after = running_statistics(backbone)
    moved = {name.rsplit(".", 1)[0] for name in after if not torch.equal(before[name], after[name])}
    norms = {name for name, module in backbone.model.named_modules() if isinstance(module, _BatchNorm)}
    learns = {name for name in norms if f"{name}.weight" in learning(backbone)}
    assert moved == (learns if policy == "train" else set())
    assert 0 < len(learns) < len(norms)


def test_whatever_the_order_of_train_and_lock_frozen_parts_are_in_evaluation_mode(tower):
    backbone = Backbone(tower)
    backbone.train()
    backbone.lock(1)
    modes = {name: module.training for name, module in backbone.model.named_modules()}
    assert backbone.train().eval().train() is backbone
    assert modes == {name: module.training for name, module in backbone.model.named_modules()}
    assert not modes["blocks.0"]
    assert any(modes.values())


def test_parameterless_dropout_of_the_frozen_stem_is_off():
    sizes = {"embed_dim": 64, "depth": 4, "num_heads": 2, "pos_drop_rate": 0.5, "proj_drop_rate": 0.5}
    backbone = Backbone(BackboneSettings("vit_so400m_patch14_siglip_384", 56, sizes=sizes))
    backbone.lock(1)
    backbone.train()
    pixels = images(56)
    assert torch.equal(backbone.forward_trunk(pixels), backbone.forward_trunk(pixels))
    assert not torch.equal(backbone(pixels), backbone(pixels))  # the learning block has its dropout


def test_gradient_checkpointing_changes_neither_output_nor_gradient(tower):
    backbone = Backbone(tower)
    results = []
    for switch in (False, True):
        backbone.lock(3, grad_checkpointing=switch)
        backbone.train().zero_grad()
        embedding = backbone(images(tower.image_size))
        embedding.square().sum().backward()
        grads = [p.grad.clone() for p in backbone.parameters() if p.grad is not None]
        results.append([embedding.detach(), *grads])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_architecture_without_stages_still_locks_and_runs():
    backbone = Backbone(BackboneSettings("resnet18", 64))
    backbone.lock(2)
    backbone.train()
    backbone(images(64)).square().sum().backward()
    assert {name.split(".")[0] for name in learning(backbone)} == {"layer4"}
    assert all((p.grad is not None) == p.requires_grad for p in backbone.parameters())
    backbone.lock(0)
    assert not backbone(images(64)).requires_grad


def test_compiled_backbone_gives_the_same_and_keeps_its_names(siglip_tiny):
    backbone = Backbone(siglip_tiny)
    backbone.lock(1)
    plain, names = backbone(images(56)).detach(), list(backbone.state_dict())
    backbone.compile(backend="eager")  # traced like any backend, without generating code
    assert torch.allclose(backbone(images(56)), plain, atol=1e-5)
    assert list(backbone.state_dict()) == names


def test_copies_are_independent_of_their_original(tower):
    backbone = Backbone(tower)
    backbone.lock(1)
    for copied in (copy.deepcopy(backbone), pickle.loads(pickle.dumps(backbone))):
        with torch.no_grad():
            for parameter in copied.parameters():
                parameter.zero_()
        assert not torch.equal(copied(images(tower.image_size)), backbone(images(tower.image_size)))


def test_normalisation_is_not_in_the_state_dict(tower):
    assert all(name.startswith("model.") for name in Backbone(tower).state_dict())


def test_random_weights_depend_on_the_seed_alone(siglip_tiny):
    torch.manual_seed(1)
    first = Backbone(siglip_tiny).weights_fingerprint()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert Backbone(siglip_tiny).weights_fingerprint() == first
    assert torch.equal(torch.get_rng_state(), state)  # and leave the global generator alone
    other = BackboneSettings(siglip_tiny.name, 56, sizes=siglip_tiny.sizes, seed=1)
    assert Backbone(other).weights_fingerprint() != first


def test_weights_fingerprint_sees_every_tensor_and_no_layout(lite0):
    backbone = Backbone(lite0)
    fingerprint = backbone.weights_fingerprint()
    backbone.lock("all")
    backbone.model.to(memory_format=torch.contiguous_format)
    assert backbone.weights_fingerprint() == fingerprint
    backbone.model.bn2.running_var[0] += 1e-3
    assert backbone.weights_fingerprint() != fingerprint


def test_preprocessing_fingerprint_sees_the_image_size(lite0):
    other = BackboneSettings(lite0.name, 96)
    assert Backbone(lite0).preprocessing_fingerprint() == Backbone(lite0).preprocessing_fingerprint()
    assert Backbone(lite0).preprocessing_fingerprint() != Backbone(other).preprocessing_fingerprint()


@pytest.mark.parametrize(
    "wrong", [torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 48, 48, dtype=torch.uint8)], ids=["float", "size"]
)
def test_images_of_another_type_or_size_are_refused(lite0, wrong):
    with pytest.raises(ConfigError, match=r"takes uint8 \[B, 3, 64, 64\]"):
        Backbone(lite0)(wrong)


def test_full_size_tower_has_428_million_parameters():
    with torch.device("meta"):
        model = timm.create_model("vit_so400m_patch14_siglip_384", num_classes=0)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6) == 428


def test_settings_that_make_no_sense_say_what_would():
    with pytest.raises(ConfigError, match="did you mean 'tf_efficientnet_lite0'"):
        BackboneSettings("tf_efficientnet_lite00", 64)
    with pytest.raises(ConfigError, match="one place, found pretrained and checkpoint"):
        BackboneSettings("resnet18", 64, pretrained=True, checkpoint="weights.pth")
    with pytest.raises(ConfigError, match="does not take one of them"):
        Backbone(BackboneSettings("tf_efficientnet_lite0", 64, sizes={"embed_dimension": 3}))
    with pytest.raises(ConfigError, match="0, 1, 2"):
        FinetuneSettings(unlocked_groups="last_2")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="batch_norm=eval"):
        FinetuneSettings(unlocked_groups=2, batch_norm="train", grad_checkpointing=True)


def test_missing_hub_weights_say_how_to_go_on(monkeypatch):
    def no_network(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr("skintag.models.towers.timm_tower.timm.create_model", no_network)
    with pytest.raises(ConfigError, match=r"backbone\.checkpoint=<path>"):
        Backbone(BackboneSettings("resnet18", 64, pretrained=True))


@pytest.mark.parametrize(
    "name", ["checkpoint_path", "pretrained_cfg", "cache_dir", "features_only", "num_classes"]
)
def test_sizes_name_no_file_to_load(name):
    with pytest.raises(ConfigError, match=f"backbone.sizes.{name}=.* is not a size"):
        BackboneSettings("tf_efficientnet_lite0", 64, sizes={name: "x"})


def test_features_of_the_blocks_leave_the_last_layers_out(tmp_path):
    whole = Backbone(BackboneSettings("mobilenetv3_small_050", 32, seed=3))
    torch.save(whole.model.state_dict(), tmp_path / "w.pth")
    part = Backbone(
        BackboneSettings("mobilenetv3_small_050", 32, features="blocks", checkpoint=str(tmp_path / "w.pth"))
    ).eval()
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    pooled = whole.eval().model.forward_features(images.float() * whole.scale + whole.offset).mean(dim=(2, 3))
    assert part.embedding_size == 288
    torch.testing.assert_close(part(images), pooled)
    with pytest.raises(ConfigError, match="features=blocks: VisionTransformer"):
        Backbone(BackboneSettings("vit_tiny_patch16_224", 224, features="blocks"))
