"""Towers of every library: loaded from its own format, equal to its own model, frozen and cut like any other."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from skintag.core.errors import ConfigError, DataError
from skintag.models.backbone import Backbone
from skintag.models.network import LesionNetwork
from skintag.models.settings import BackboneSettings
from skintag.models.towers import libraries
from skintag.models.towers.resolve import complete
from tests.models.towers.conftest import SIDE


def pictures(side: int, n: int = 2) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, side, side), dtype=torch.uint8, generator=random)


def normalised(backbone: Backbone, images: Tensor) -> Tensor:
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (backbone._mean, backbone._std))
    return (images / 255 - mean) / std


def by_the_library(kind: str, folder: Path, pixels: Tensor) -> Tensor:
    """What the library itself makes of normalised pixels, with its own loading."""
    if kind == "timm":
        import timm
        from safetensors.torch import load_file

        sizes = {"embed_dim": 48, "depth": 3, "num_heads": 4, "img_size": SIDE}
        model = timm.create_model("vit_base_patch16_siglip_224", num_classes=0, **sizes).eval()
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model(pixels)
    if kind.startswith("open_clip"):
        import open_clip

        visual = open_clip.create_model(f"local-dir:{folder}").eval().visual
        if kind == "open_clip_on_timm":
            return visual.trunk(pixels)
        visual.proj = None
        return visual(pixels)
    import transformers as t

    names = {
        "siglip": "SiglipVisionModel",
        "clip": "CLIPVisionModel",
        "dinov2": "Dinov2Model",
        "dinov3": "DINOv3ViTModel",
    }
    model = getattr(t, names[kind]).from_pretrained(folder, local_files_only=True).eval()
    return model(pixels).pooler_output


@torch.no_grad()
def test_embedding_is_that_of_the_library(kind: str, folder: Path, tower: BackboneSettings) -> None:
    backbone = Backbone(tower).eval()
    images = pictures(backbone.settings.image_size)
    want = by_the_library(kind, folder, normalised(backbone, images))
    torch.testing.assert_close(backbone(images), want, atol=1e-5, rtol=1e-5)
    assert backbone.embedding_size == want.shape[1]


def test_size_mean_and_std_are_the_models_own_unless_given(
    kind: str, folder: Path, tower: BackboneSettings
) -> None:
    own = complete(tower)
    assert own.image_size == (224 if kind == "open_clip_on_timm" else SIDE)
    assert own.interpolation == ("bilinear" if kind in ("siglip", "dinov3") else "bicubic")
    mean = {"timm": 0.4, "open_clip": 0.48145466, "clip": 0.48145466, "dinov2": 0.485, "dinov3": 0.485}.get(
        kind, 0.5
    )
    assert own.mean is not None
    assert own.mean[0] == pytest.approx(mean)
    other = complete(replace(tower, mean=[0, 0, 0], std=[1, 1, 1], interpolation="bilinear", padding=True))
    assert (other.mean, other.std, other.interpolation, other.padding) == (
        (0, 0, 0),
        (1, 1, 1),
        "bilinear",
        True,
    )
    assert complete(own) is own


@pytest.mark.parametrize("unlocked", [0, 1, 2, "all"])
def test_trunk_and_tail_equal_the_whole_model(tower: BackboneSettings, unlocked: Any) -> None:
    backbone = Backbone(tower)
    whole = backbone(pictures(backbone.settings.image_size)).detach()
    backbone.lock(unlocked)
    backbone.train()
    activations = backbone.forward_trunk(pictures(backbone.settings.image_size))
    assert not activations.requires_grad
    torch.testing.assert_close(backbone.eval().forward_tail(activations), whole)
    stages = backbone.n_blocks + 2
    assert backbone.trunk_length == {0: stages, 1: stages - 2, 2: stages - 3, "all": 0}[unlocked]


@pytest.mark.parametrize("unlocked", [1, 2, "all"])
def test_gradients_reach_exactly_what_learns(tower: BackboneSettings, unlocked: Any) -> None:
    backbone = Backbone(tower)
    backbone.lock(unlocked)
    backbone.train()
    out = backbone(pictures(backbone.settings.image_size))
    (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    names = dict(backbone.model.named_parameters())
    learns = {name for name, parameter in names.items() if parameter.requires_grad}
    assert {name for name, parameter in names.items() if parameter.grad is not None} == learns
    blocks = [group for group in backbone.groups if group.name.startswith("block")]
    frozen = blocks[: len(blocks) - unlocked] if unlocked != "all" else []
    assert not learns & {name for group in frozen for name in group.parameters}
    assert set(backbone.groups[-1].parameters) <= learns
    assert sorted(name for group in backbone.groups for name in group.parameters) == sorted(names)


def test_what_settings_hold_builds_the_tower_again_without_its_files(
    tower: BackboneSettings, tmp_path: Path
) -> None:
    first = LesionNetwork(tower, {"unlocked_groups": 1}, {"name": "multitask"}).eval()
    values = json.loads(json.dumps(first.settings()))  # as a bundle keeps them
    for file in Path(str(tower.checkpoint)).iterdir():
        file.unlink()
    again = LesionNetwork.of(values, first.state_dict())
    images = {"image": pictures(first.backbone.settings.image_size)}
    assert torch.equal(again(images).malignant, first(images).malignant)
    assert again.fingerprint() == first.fingerprint()
    with torch.device("meta"):  # as a bundle's weights are looked at before they are read
        assert set(LesionNetwork.blank(values).state_dict()) == set(first.state_dict())


def test_checkpoint_of_a_run_gives_the_tower_back(tower: BackboneSettings, tmp_path: Path) -> None:
    backbone = Backbone(tower)
    state = {f"backbone.model.{name}": tensor + 1 for name, tensor in backbone.model.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "best.ckpt")
    again = Backbone(replace(backbone.settings, checkpoint=str(tmp_path / "best.ckpt")))
    for name, tensor in again.model.state_dict().items():
        assert torch.equal(tensor, state[f"backbone.model.{name}"]), name


def test_weights_that_do_not_fit_are_refused(kind: str, folder: Path, tower: BackboneSettings) -> None:
    from safetensors.torch import load_file, save_file

    path = next(folder.glob("*.safetensors"))
    state = load_file(path)
    norms = ("norm1.weight", "ln_1.weight")
    name = next(n for n in state if n.endswith(norms) and not n.startswith(("text", "transformer.")))
    save_file({n: t for n, t in state.items() if n != name}, path)
    with pytest.raises(DataError, match="by name and shape"):
        Backbone(tower)


def test_copies_and_fingerprints(tower: BackboneSettings) -> None:
    backbone = Backbone(tower).eval()
    images = pictures(backbone.settings.image_size)
    for copied in (copy.deepcopy(backbone), pickle.loads(pickle.dumps(backbone))):
        assert torch.equal(copied(images), backbone(images))
        assert copied.weights_fingerprint() == backbone.weights_fingerprint()
        with torch.no_grad():
            for parameter in copied.parameters():
                parameter.zero_()
        assert not torch.equal(copied(images), backbone(images))
    assert Backbone(replace(tower, pooling=None)).trunk_fingerprint() == backbone.trunk_fingerprint()


@pytest.mark.parametrize(
    ("kind", "way"), [("siglip", "mean"), ("clip", "mean"), ("dinov3", "mean"), ("open_clip", "mean")]
)
def test_another_pooling_gives_other_embeddings(
    kind: str, way: str, folder: Path, tower: BackboneSettings
) -> None:
    own, other = Backbone(tower), Backbone(replace(tower, pooling=way))
    images = pictures(SIDE)
    assert other(images).shape == own(images).shape
    assert not torch.allclose(other(images), own(images))
    assert other.weights_fingerprint() != own.weights_fingerprint()
    with pytest.raises(ConfigError, match=r"backbone\.pooling='nothing'"):
        Backbone(replace(tower, pooling="nothing"))


@pytest.mark.parametrize("kind", ["siglip", "clip", "dinov2", "dinov3", "open_clip", "timm"])
def test_another_image_size_runs(kind: str, folder: Path, tower: BackboneSettings) -> None:
    backbone = Backbone(replace(tower, image_size=48))
    assert backbone(pictures(48)).isfinite().all()


@pytest.mark.parametrize("name", ["open_clip", "transformers"])
def test_missing_library_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(module: str) -> None:
        raise ImportError(f"No module named {module!r}")

    monkeypatch.setattr(libraries.importlib, "import_module", missing)
    (tmp_path / "config.json").write_text('{"model_type": "dinov2"}')
    (tmp_path / "preprocessor_config.json").write_text('{"size": 32, "image_mean": 0.5, "image_std": 0.5}')
    with pytest.raises(ConfigError, match=rf"pip install 'skintag\[{name}\]'") as said:
        complete(BackboneSettings("ViT-B-16", library=name, checkpoint=str(tmp_path)))  # type: ignore[arg-type]
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("kind", ["clip"])
def test_code_that_a_folder_brings_is_not_run(kind: str, folder: Path, tower: BackboneSettings) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Model"}
    config["vision_config"] |= {
        "auto_map": {"AutoModel": "evil.Model"},
        "attn_implementation": "someone/kernel",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('run')")
    backbone = Backbone(tower)
    assert not {"auto_map", "attn_implementation"} & set(backbone.settings.architecture)


def test_settings_are_plain_values(tower: BackboneSettings) -> None:
    plain = json.loads(json.dumps(asdict(complete(tower))))
    assert BackboneSettings(**plain) == complete(tower)
