"""Tiny models of every kind with random weights, saved in their library's own format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from skintag.models.settings import BackboneSettings

SIDE = 32
KINDS = ("timm", "open_clip", "open_clip_on_timm", "siglip", "clip", "dinov2", "dinov3")
_SHAPE = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64,
    "image_size": SIDE, "patch_size": 8,
}  # fmt: skip
_TEXT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 99,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip


def _seeded(make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = make()
        for parameter in model.parameters():  # zeros and ones would hide what is not used
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def _timm(folder: Path) -> None:
    import timm

    sizes = {"embed_dim": 48, "depth": 3, "num_heads": 4, "img_size": SIDE}
    model = _seeded(lambda: timm.create_model("vit_base_patch16_siglip_224", num_classes=0, **sizes))
    said = {
        "input_size": [3, SIDE, SIDE],
        "mean": [0.4, 0.5, 0.6],
        "std": [0.2, 0.3, 0.25],
        "interpolation": "bicubic",
    }
    config = {
        "architecture": "vit_base_patch16_siglip_224", "num_classes": 0, "pretrained_cfg": said,
        "model_args": {"embed_dim": 48, "depth": 3, "num_heads": 4},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "model.safetensors")


def _open_clip(folder: Path, vision: dict[str, Any], preprocess: dict[str, Any]) -> None:
    open_clip_model = pytest.importorskip("open_clip.model", reason="open_clip is not installed")
    text = {"context_length": 8, "vocab_size": 99, "width": 32, "heads": 2, "layers": 1}
    model = _seeded(lambda: open_clip_model.CLIP(24, vision, text))
    config = {
        "model_cfg": {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": preprocess,
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    state = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")


def _transformers(folder: Path, kind: str) -> None:
    t = pytest.importorskip("transformers", reason="transformers is not installed")
    if kind == "siglip":
        config = t.SiglipConfig(vision_config=_SHAPE, text_config={**_TEXT, "projection_size": 48})
        model = _seeded(lambda: t.SiglipModel(config))
        pictures = t.SiglipImageProcessor(size={"height": SIDE, "width": SIDE}, resample=2)
    elif kind == "clip":
        config = t.CLIPConfig(vision_config=_SHAPE, text_config=_TEXT, projection_dim=16)
        model = _seeded(lambda: t.CLIPModel(config))
        pictures = t.CLIPImageProcessor(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, resample=3
        )
    elif kind == "dinov2":
        shape = {name: value for name, value in _SHAPE.items() if name != "intermediate_size"}
        model = _seeded(lambda: t.Dinov2Model(t.Dinov2Config(**{**shape, "image_size": 56})))
        pictures = t.BitImageProcessor(
            size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, resample=3,
            image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
        )  # fmt: skip
    else:
        model = _seeded(lambda: t.DINOv3ViTModel(t.DINOv3ViTConfig(**_SHAPE, num_register_tokens=4)))
        pictures = t.DINOv3ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    model.save_pretrained(folder)
    pictures.save_pretrained(folder)


def save_tiny(kind: str, folder: Path) -> Path:
    """A tiny model of a kind in a folder; skips the test where its library is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "timm":
        _timm(folder)
    elif kind == "open_clip":
        vision = {"image_size": SIDE, "layers": 3, "width": 64, "head_width": 16, "patch_size": 8}
        _open_clip(folder, vision, {"size": SIDE, "interpolation": "bicubic", "resize_mode": "squash"})
    elif kind == "open_clip_on_timm":
        vision = {
            "image_size": 224,
            "timm_model_name": "vit_tiny_patch16_224",
            "timm_pool": "",
            "timm_proj": "linear",
        }
        _open_clip(folder, vision, {"size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]})
    else:
        _transformers(folder, kind)
    return folder


def settings_of(kind: str, folder: Path, **options: Any) -> BackboneSettings:
    """The settings of a backbone in a folder, which leave everything to its own configuration."""
    library = kind if kind == "timm" else "open_clip" if kind.startswith("open_clip") else "transformers"
    given = {"interpolation": None, "padding": None, "checkpoint": str(folder), **options}
    return BackboneSettings(f"tiny-{kind}", library=library, **given)  # type: ignore[arg-type]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(kind: str, tmp_path: Path) -> Path:
    return save_tiny(kind, tmp_path / kind)


@pytest.fixture
def tower(kind: str, folder: Path) -> BackboneSettings:
    return settings_of(kind, folder)
