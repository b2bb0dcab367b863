"""From a decoded picture to the tensor: what the loader and the backbone do is what the library's own code does.

Bicubic is Pillow's, as open_clip, timm and the Pillow processors of transformers have it. Bilinear is torch's triangle
filter, as the torchvision processors of transformers have it; Pillow's differs from it by one level of 255 at most.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from skintag.bundle.parts import Preprocessing
from skintag.bundle.preprocess import Preprocessor
from skintag.bundle.resizer import Resizer
from skintag.data.images.decoding import Decoder
from skintag.data.images.pipeline import ImagePipeline
from skintag.data.images.resize import padded
from skintag.export.resize_onnx import write_resize
from skintag.models.backbone import Backbone
from skintag.models.settings import BackboneSettings
from skintag.models.towers.resolve import complete
from tests.models.towers.conftest import SIDE

LEVEL = 1 / 255 / 0.2  # one level of 255, normalised by the smallest std here


def picture(height: int = 57, width: int = 43) -> NDArray[np.uint8]:
    """Smooth and noisy at once; not twice as large as the models' side, so that nothing is decoded at a half."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    noise = np.random.default_rng(3).integers(0, 60, (height, width, 3))
    return np.clip(np.stack([200 * y, 200 * x, 120 * (x + y)], -1) + noise, 0, 255).astype(np.uint8)


def ours(
    settings: BackboneSettings, pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, fit: str
) -> Tensor:
    """Normalised pixels of a decoded picture, by the loader's pipeline and the backbone, [1, 3, S, S]."""
    monkeypatch.setattr(
        Decoder, "__call__", lambda self, data, name, side, box: cut(pixels, box(*pixels.shape[:2]))
    )
    backbone = Backbone(settings)
    own = backbone.settings
    backbone.lock("all")  # the trunk is then the normalisation alone
    way = "pad" if own.padding else fit
    pipeline = ImagePipeline(own.image_size, way, interpolation=str(own.interpolation))
    return backbone.forward_trunk(pipeline([b""], ["x"]))


def cut(pixels: NDArray[np.uint8], box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    y, x, h, w = box
    return pixels[y : y + h, x : x + w]


def by_the_library(kind: str, folder: Path, pixels: NDArray[np.uint8], *, pillow: bool = True) -> Tensor:
    """The library's own transform or processor, [1, 3, S, S]."""
    image = Image.fromarray(pixels)
    if kind == "timm":
        import timm
        from timm.data import create_transform

        said = {"input_size": (3, SIDE, SIDE), "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)}
        config = timm.data.resolve_data_config(
            {**said, "interpolation": "bicubic", "crop_mode": "squash", "crop_pct": 1.0}
        )
        transform: Any = create_transform(**config)
        return transform(image)[None]
    if kind.startswith("open_clip"):
        import open_clip

        return open_clip.create_model_and_transforms(f"local-dir:{folder}")[2](image)[None]
    import transformers as t

    names = {"siglip": "Siglip", "clip": "CLIP", "dinov2": "Bit", "dinov3": "DINOv3ViT"}
    of_pillow = hasattr(t, f"{names[kind]}ImageProcessorPil") and pillow
    processor = getattr(t, f"{names[kind]}ImageProcessor{'Pil' if of_pillow else ''}").from_pretrained(folder)
    return processor(image, return_tensors="pt")["pixel_values"]


@pytest.mark.parametrize("kind", ["timm", "open_clip", "siglip"])
def test_stretched_picture_equals_the_librarys_own(
    kind: str, folder: Path, tower: BackboneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = by_the_library(kind, folder, picture(), pillow=False)
    torch.testing.assert_close(ours(tower, picture(), monkeypatch, "squash"), want, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["open_clip_on_timm", "clip", "dinov2"])
def test_square_picture_equals_the_librarys_own(
    kind: str, folder: Path, tower: BackboneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    square = picture(300, 300) if kind == "open_clip_on_timm" else picture(57, 57)
    want = by_the_library(kind, folder, square)
    for fit in ("squash", "center_crop"):
        torch.testing.assert_close(ours(tower, square, monkeypatch, fit), want, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "kind", ["timm", "open_clip", "open_clip_on_timm", "siglip", "clip", "dinov2", "dinov3"]
)
def test_picture_of_the_models_size_equals_the_librarys_own(
    kind: str, folder: Path, tower: BackboneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = complete(tower).image_size
    want = by_the_library(kind, folder, picture(side, side))
    torch.testing.assert_close(
        ours(tower, picture(side, side), monkeypatch, "squash"), want, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("kind", ["siglip", "dinov3"])
def test_bilinear_is_within_a_level_of_other_ways_to_round(
    kind: str, folder: Path, tower: BackboneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = by_the_library(kind, folder, picture())  # Pillow's, and one that is never rounded
    assert (ours(tower, picture(), monkeypatch, "squash") - want).abs().max() <= LEVEL


@pytest.mark.parametrize("kind", ["siglip"])
def test_padded_picture_equals_the_librarys_own_on_the_padded_one(
    kind: str, folder: Path, tower: BackboneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    want = by_the_library(kind, folder, padded(picture()), pillow=False)
    found = ours(replace(tower, padding=True), picture(), monkeypatch, "squash")
    torch.testing.assert_close(found, want, atol=1e-5, rtol=0)
    assert torch.equal(
        found[0, :, SIDE // 2, 0], torch.full((3,), -1.0)
    )  # black at the left of a high picture


def test_padding_puts_the_picture_into_the_middle() -> None:
    high = padded(picture(6, 3))
    assert high.shape == (6, 6, 3)
    assert np.array_equal(high[:, 1:4], picture(6, 3))
    assert not high[:, 0].any()
    assert not high[:, 4:].any()
    assert padded(picture(5, 5)) is not None
    wide = padded(picture(3, 6))
    assert np.array_equal(wide[1:4], picture(3, 6))


@pytest.mark.parametrize("fit", ["squash", "pad", "center_crop"])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_bundle_does_what_the_loader_does(fit: str, interpolation: str, tmp_path: Path) -> None:
    settings = Preprocessing(SIDE, fit, 512, 95, interpolation=interpolation)
    settings.write(tmp_path)
    assert Preprocessing.read(tmp_path) == settings
    assert ("interpolation" in (tmp_path / "preprocessing.json").read_text()) == (interpolation == "bicubic")
    preprocessor = Preprocessor(settings)
    pixels = picture(90, 120)
    encoded = preprocessor.encoded(pixels, "x")
    loader = (
        ImagePipeline(SIDE, fit, interpolation=interpolation)([encoded], ["x"])[0].permute(1, 2, 0).numpy()
    )
    assert np.array_equal(preprocessor([pixels], ["x"])[0], loader)


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(57, 43), (43, 58), (20, 30), (64, 64)])
def test_resize_graph_is_within_a_level_of_the_loader(
    padding: bool, interpolation: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = picture(*size)
    write_resize(tmp_path / "resize.onnx", SIDE, padding=padding, interpolation=interpolation)
    found = Resizer(tmp_path / "resize.onnx", SIDE)(pixels).astype(int)
    monkeypatch.setattr(Decoder, "__call__", lambda self, data, name, side, box: pixels)
    pipeline = ImagePipeline(SIDE, "pad" if padding else "squash", interpolation=interpolation)
    assert np.abs(pipeline([b""], ["x"])[0].permute(1, 2, 0).numpy().astype(int) - found).max() <= 1


def test_fingerprints_of_before_stay() -> None:
    assert ImagePipeline(64).fingerprint == ImagePipeline(64, interpolation="bilinear").fingerprint
    assert ImagePipeline(64).fingerprint != ImagePipeline(64, interpolation="bicubic").fingerprint
    assert ImagePipeline(64).fingerprint != ImagePipeline(64, "pad").fingerprint
