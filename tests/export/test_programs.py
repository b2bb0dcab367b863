"""Formats of other runtimes, as far as their libraries are installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from skintag.export import programs
from skintag.export.deployed import DeployedModel
from skintag.export.runners import open_runner


def assert_agrees(kind: str, path: Path, deployed: DeployedModel, n: int) -> None:
    images = np.random.default_rng(n).integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)
    scores = open_runner(kind, path)(images)
    with torch.inference_mode():
        malignant, conditions, embedding = deployed(torch.from_numpy(images))
    np.testing.assert_allclose(scores.malignant, malignant, atol=1e-4)
    assert scores.conditions is not None
    np.testing.assert_allclose(scores.conditions, conditions, atol=1e-4)
    np.testing.assert_allclose(scores.embeddings, embedding, atol=1e-3)


def test_torch_export_takes_any_batch(deployed: DeployedModel, tmp_path: Path) -> None:
    programs.write_torch_export(deployed, tmp_path / "model.pt2")
    for n in (1, 3):
        assert_agrees("torch_export", tmp_path / "model.pt2", deployed, n)


def test_executorch_agrees_with_torch(deployed: DeployedModel, tmp_path: Path) -> None:
    pytest.importorskip("executorch")
    programs.write_executorch(deployed, tmp_path / "model.pte")
    assert_agrees("executorch", tmp_path / "model.pte", deployed, 3)


def test_core_ml_takes_an_image(deployed: DeployedModel, tmp_path: Path) -> None:
    coremltools = pytest.importorskip("coremltools")
    programs.write_coreml(deployed, tmp_path / "model.mlpackage")
    spec = coremltools.utils.load_spec(str(tmp_path / "model.mlpackage"))
    (image,) = spec.description.input
    assert (image.name, image.type.imageType.width, image.type.imageType.height) == ("image", 32, 32)
    assert [output.name for output in spec.description.output] == list(deployed.output_names)
