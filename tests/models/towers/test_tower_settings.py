"""Settings of towers that make no sense are refused in one line, before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from skintag.core.errors import ConfigError
from skintag.models.settings import BackboneSettings
from skintag.models.towers.resolve import complete, hub_of
from tests.models.towers.conftest import save_tiny, settings_of


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"library": "keras"}, "known|did you mean|library"),
        ({"library": "transformers", "sizes": {"depth": 3}}, "backbone.sizes is for towers of timm"),
        ({"mean": [1, 2]}, "three numbers"),
        ({"std": [0, 1, 1]}, "three numbers"),
        ({"interpolation": "lanczos"}, "known: bilinear, bicubic"),
    ],
)
def test_settings_that_make_no_sense_say_what_would(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        BackboneSettings("resnet18", 64, **options)


def test_name_of_no_model_is_said(tmp_path: Path) -> None:
    pytest.importorskip("open_clip", reason="open_clip is not installed")
    with pytest.raises(ConfigError, match="ViT-B-16"):
        complete(BackboneSettings("ViT-B-166", library="open_clip"))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ConfigError, match="model_type 'llama'; known: siglip"):
        complete(BackboneSettings("x", library="transformers", checkpoint=str(tmp_path)))


def test_listed_model_of_open_clip_takes_what_its_weights_say() -> None:
    pytest.importorskip("open_clip", reason="open_clip is not installed")
    own = complete(BackboneSettings("ViT-B-16.openai", library="open_clip", interpolation=None, padding=None))
    assert (own.image_size, own.interpolation, own.architecture["quick_gelu"]) == (224, "bicubic", True)


def test_folder_of_timm_without_its_architecture_is_said(tmp_path: Path) -> None:
    folder = save_tiny("timm", tmp_path / "timm")
    (folder / "config.json").write_text('{"architecture": "no_such_net"}')
    with pytest.raises(ConfigError, match="no architecture of timm"):
        complete(settings_of("timm", folder))


def test_listed_model_names_its_weights_and_where_they_lie() -> None:
    pytest.importorskip("open_clip", reason="open_clip is not installed")
    with pytest.raises(ConfigError, match=r"which weights\? ViT-B-16\.<weights>, e\.g\. openai"):
        complete(BackboneSettings("ViT-B-16", library="open_clip", pretrained=True))
    named = BackboneSettings("ViT-B-16.openai", library="open_clip", pretrained=True)
    assert hub_of(named) == "timm/vit_base_patch16_clip_224.openai"
    assert hub_of(BackboneSettings("org/x", library="transformers", pretrained=True)) == "org/x"
    assert hub_of(BackboneSettings("resnet18.a1_in1k", 64, pretrained=True)) == "timm/resnet18.a1_in1k"
