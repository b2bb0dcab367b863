"""A run on a tower of another library, from its folder to a bundle; and test images that pretraining has seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from skintag.bundle import Bundle
from skintag.bundle.describe import description
from skintag.bundle.preprocess import Preprocessor
from skintag.core.io import read_json
from skintag.core.pretraining import Pretraining
from skintag.export.bundle.build import build_bundle
from skintag.export.bundle.settings import BundleSettings
from skintag.runs.checkpoints import seen_in
from skintag.runs.folder import RunFolder
from skintag.runs.report import report_run
from tests.conftest import compose_config, train
from tests.models.towers.conftest import SIDE, save_tiny

SMALL = (
    "debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "experiment=multi", "augment=none",
    "probe=logistic", "finetune=last_2",
)  # fmt: skip


def run(workspace: Path, folder: Path, *overrides: str) -> Path:
    config = compose_config(workspace, *SMALL, *overrides)
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    runtime = {"cwd": str(workspace), "choices": {"split": "grouped"}}
    OmegaConf.save({"hydra": {"runtime": runtime}}, folder / ".hydra" / "hydra.yaml")
    train(config, folder)
    return folder


@pytest.mark.parametrize("kind", ["siglip", "open_clip", "timm"])
def test_run_on_a_folder_ends_in_a_bundle_that_needs_no_folder(
    kind: str, workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = save_tiny(kind, tmp_path / "model")
    library = "transformers" if kind == "siglip" else kind
    given = (
        f"backbone={library}",
        "backbone.name=tiny",
        f"backbone.checkpoint={place}",
        "backbone.pretrained=false",
    )
    folder = run(workspace, tmp_path / "run", *given, "backbone.padding=true", "cache.activations=true")
    said = capsys.readouterr().err
    assert "activations: extracted" in said
    kept = read_json(folder / "backbone.json")
    assert (kept["image_size"], kept["padding"], kept["library"]) == (SIDE, True, library)
    shutil.rmtree(place)
    finished = RunFolder(folder)
    assert finished.settings.backbone.image_size == SIDE
    made = build_bundle(folder, BundleSettings(model="head", ood=None), tmp_path / "bundle")
    bundle = Bundle.load(made)
    assert (bundle.preprocessing.fit, bundle.preprocessing.image_size) == ("pad", SIDE)
    assert bundle.preprocessing.interpolation == ("bilinear" if kind == "siglip" else "bicubic")
    rows = finished.predictions.frame.query("model == 'head' and split == 'test'").head(3)
    names = rows["image_id"].tolist()
    stored = [finished.data.store.read(int(finished.data.store.positions([name])[0])) for name in names]
    pixels = torch.from_numpy(Preprocessor(bundle.preprocessing)(stored, names)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        scores = bundle.module().probabilities({"image": pixels}).arrays().malignant
    np.testing.assert_allclose(scores, rows["p_malignant"], atol=1e-5)


def test_test_images_that_pretraining_has_seen_are_marked_everywhere(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(workspace, tmp_path / "run", "backbone=siglip_tiny", "backbone.pretrained_on=[pad_ufes_20]")
    test = RunFolder(folder).predictions.frame.query("model == 'head' and split == 'test'")
    n = int((test["dataset"] == "pad_ufes_20").sum())
    said = f"{n} test images of pad_ufes_20 were seen in the pretraining of vit_so400m_patch14_siglip_384"
    assert said in " ".join(capsys.readouterr().err.split())
    [entry] = read_json(folder / "leakage_audit.json")["pretraining"]
    assert (entry["dataset"], entry["images"], entry["sure"]) == ("pad_ufes_20", n, "given")
    assert said in read_json(folder / "metrics.json")["data"]
    report_run(folder)
    page = (folder / "report.html").read_text()
    assert "Test images seen in pretraining" in page
    assert "Test images that pretraining has or may have seen" in page
    assert (folder / "tables" / "pretraining.csv").is_file()
    made = build_bundle(folder, BundleSettings(model="head", ood=None), tmp_path / "bundle")
    bundle = Bundle.load(made)
    assert said in bundle.manifest.note
    assert said in description(made)
    assert "Test images seen in pretraining" in (made / "model_card.md").read_text()
    known = Pretraining("vit_so400m_patch14_siglip_384", "pad_ufes_20", "given", "backbone.pretrained_on")
    assert bundle.seen.pretraining == (known,)
    assert seen_in(folder / "checkpoints" / "best.ckpt").pretraining == (known,)


def test_run_that_begins_from_such_weights_is_marked_too(workspace: Path, tmp_path: Path) -> None:
    first = run(workspace, tmp_path / "first", "backbone=siglip_tiny", "backbone.pretrained_on=[pad_ufes_20]")
    best = first / "checkpoints" / "best.ckpt"
    second = run(workspace, tmp_path / "second", "backbone=siglip_tiny", f"backbone.checkpoint={best}")
    [entry] = read_json(second / "leakage_audit.json")["pretraining"]
    assert entry["dataset"] == "pad_ufes_20"


def test_tower_that_the_register_knows_is_marked_by_its_name(workspace: Path, tmp_path: Path) -> None:
    place = save_tiny("siglip", tmp_path / "model")
    given = ("backbone=medsiglip", f"backbone.checkpoint={place}", "backbone.pretrained=false")
    folder = run(workspace, tmp_path / "run", *given, f"backbone.image_size={SIDE}")
    [entry] = read_json(folder / "leakage_audit.json")["pretraining"]
    assert (entry["dataset"], entry["backbone"]) == ("pad_ufes_20", "google/medsiglip-448")
    assert "model-card" in entry["source"]


def test_weights_of_which_nothing_is_known_mark_nothing(finished_run: Path) -> None:
    assert "pretraining" not in read_json(finished_run / "leakage_audit.json")
    assert not (finished_run / "backbone.json").exists()
