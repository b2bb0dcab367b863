"""A run's models on distorted test images: the clean ones score as in the run, the others differ as they must."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from skintag.commands.robustness import task
from skintag.core.errors import ConfigError, DataError, ImageError
from skintag.data.distortions.distortions import CLEAN, DISTORTIONS, GaussianBlur, Noise, distortion_seeds
from skintag.data.distortions.images import DistortedImages, batches_of
from skintag.data.distortions.sheet import distortion_sheet
from skintag.data.loading.settings import LoaderSettings
from skintag.evaluation.predictions.predictions import Predictions
from skintag.models.head_scores import head_scores
from skintag.runs.folder import RunFolder
from skintag.runs.model import Towers, frozen_backbone_of
from skintag.runs.robustness import score_distorted
from tests.conftest import CONFIGS, train


@pytest.fixture(scope="module")
def run(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return RunFolder(shutil.copytree(finished_run, tmp_path_factory.mktemp("distorted") / "run"))


@pytest.fixture(scope="module")
def scored(run: RunFolder) -> pd.DataFrame:
    return score_distorted(run)


def assert_clean_as_in_the_run(run: RunFolder, scored: pd.DataFrame) -> None:
    """The clean frames' scores are the run's own; a tree may jump where rounding carries a value across a cut."""
    clean = scored[scored["distortion"] == CLEAN].set_index(["model", "image_id"])
    columns = [c for c in clean if c.startswith("p_")]
    for model in run.predictions.models:
        own = run.predictions.test(model).frame.set_index("image_id")[columns]
        away = (own - clean.loc[model][columns]).abs().max(axis=1)
        assert away.notna().all()
        assert away.quantile(0.9 if model.startswith("xgboost") else 1.0) < 1e-5, model


def test_clean_images_score_as_they_did_in_the_run(run: RunFolder, scored: pd.DataFrame) -> None:
    assert_clean_as_in_the_run(run, scored)


def test_row_per_distortion_model_and_test_image(run: RunFolder, scored: pd.DataFrame) -> None:
    n = len(run.predictions.test("head"))
    assert len(scored) == 12 * n * len(run.predictions.models)
    assert list(dict.fromkeys(scored["distortion"])) == [CLEAN, *DISTORTIONS]
    for name, rows in scored.groupby("distortion"):
        severity = DISTORTIONS[str(name)].severity if name != CLEAN else np.nan
        np.testing.assert_array_equal(rows["severity"], severity)
        table = Predictions(rows.drop(columns=["distortion", "severity"]))  # a table like the run's own
        left = ["p_malignant", *(c for c in table.frame if c.startswith("p_condition"))]
        own = run.predictions.frame.query("split == 'test'").reset_index(drop=True)
        pd.testing.assert_frame_equal(table.frame.drop(columns=left), own.drop(columns=left))


def test_each_distortion_changes_what_looks_at_pictures(scored: pd.DataFrame) -> None:
    wide = scored.set_index(["model", "image_id", "distortion"])["p_malignant"].unstack()  # noqa: PD010
    moved = wide.sub(wide[CLEAN], axis=0).abs().groupby("model").mean()
    for model in ("head", "logistic_frozen", "logistic_finetuned", "mlp_frozen"):
        assert (moved.loc[model].drop(CLEAN) > 1e-5).all(), moved.loc[model]
    assert (moved.loc["majority"] == 0).all()


def test_scores_are_those_of_the_distorted_picture(run: RunFolder, scored: pd.DataFrame) -> None:
    image_id = run.predictions.test("head").frame["image_id"].iloc[7]
    clean = run.data.pipeline(run.data.store.read_many(run.data.store.positions([image_id])), [image_id])
    pixels = clean[0].permute(1, 2, 0).numpy()
    for name in ("noise_heavy", "rotation_45", "combined"):
        distort = DISTORTIONS[name]
        changed = distort(pixels, int(distortion_seeds([image_id], distort)[0]))
        with torch.inference_mode():
            embedding = run.module().backbone(torch.from_numpy(changed).permute(2, 0, 1)[None]).numpy()
            frozen = frozen_backbone_of(run)(torch.from_numpy(changed).permute(2, 0, 1)[None]).numpy()
        rows = scored.query("distortion == @name and image_id == @image_id").set_index("model")
        assert rows.loc["head", "p_malignant"] == pytest.approx(
            float(head_scores(run.module(), embedding).malignant[0]), abs=1e-5
        )
        expected = run.probes()["mlp_frozen"][1].predict(frozen).malignant[0]
        assert rows.loc["mlp_frozen", "p_malignant"] == pytest.approx(float(expected), abs=1e-5)


def test_same_call_same_scores_and_what_is_written_is_what_is_returned(
    run: RunFolder, scored: pd.DataFrame
) -> None:
    again = score_distorted(run)
    pd.testing.assert_frame_equal(again, scored, check_exact=True)
    pd.testing.assert_frame_equal(RunFolder(run.path).robustness, scored, check_exact=True)
    said = json.loads((run.path / "robustness.json").read_text())
    assert said["images"] == len(run.predictions.test("head"))
    assert said["distortions"]["jpeg_heavy"] == {"kind": "jpeg", "severity": 10, "unit": "quality"}


def test_limit_draws_the_same_images_again_and_more_of_them(run: RunFolder, scored: pd.DataFrame) -> None:
    chosen = {}
    for limit in (5, 11):
        some = score_distorted(run, {"blur": GaussianBlur(0.05)}, models=["head"], limit=limit)
        chosen[limit] = set(some["image_id"])
        assert len(chosen[limit]) == limit
        assert set(some["distortion"]) == {CLEAN, "blur"}
        clean = some[some["distortion"] == CLEAN].set_index("image_id")["p_malignant"]
        own = run.predictions.test("head").frame.set_index("image_id")["p_malignant"]
        np.testing.assert_allclose(clean, own[clean.index], atol=1e-5)
    assert chosen[5] < chosen[11]
    other = score_distorted(run, {}, models=["majority"], limit=11, seed=1)
    assert set(other["image_id"]) != chosen[11]


def test_seed_moves_the_noise_alone(run: RunFolder) -> None:
    both = {"noise": Noise(30), "blur": GaussianBlur(0.03)}
    first, second = (
        score_distorted(run, both, models=["head"], seed=seed).set_index("distortion") for seed in (0, 1)
    )
    for name in (CLEAN, "blur"):
        pd.testing.assert_frame_equal(first.loc[name], second.loc[name])
    assert not np.allclose(first.loc["noise", "p_malignant"], second.loc["noise", "p_malignant"], atol=1e-6)


def test_frozen_trunk_is_run_once_for_both_towers(run: RunFolder) -> None:
    towers = Towers(run, run.module(), ["finetuned", "frozen"])
    assert towers.shared
    images = torch.randint(0, 256, (3, 3, 56, 56), dtype=torch.uint8)
    with torch.inference_mode():
        made = towers(images)
        torch.testing.assert_close(made["finetuned"], run.module().backbone(images), rtol=0, atol=0)
        torch.testing.assert_close(made["frozen"], frozen_backbone_of(run)(images), rtol=0, atol=0)
    assert not torch.equal(made["finetuned"], made["frozen"])


def test_trunk_that_differs_is_not_shared(run: RunFolder) -> None:
    other = RunFolder(run.path)
    with torch.no_grad():
        other.module().backbone.model.patch_embed.proj.weight.mul_(1.5)  # type: ignore[operator]
    towers = Towers(other, other.module(), ["finetuned", "frozen"])
    assert not towers.shared
    images = torch.randint(0, 256, (2, 3, 56, 56), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(towers(images)["frozen"], frozen_backbone_of(run)(images), rtol=0, atol=0)


def test_run_with_a_frozen_backbone(compose_run: Callable[..., DictConfig], tmp_path: Path) -> None:
    small = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "probe=logistic")
    config = compose_run(*small, "finetune=frozen")
    train(config, tmp_path)
    run = RunFolder(tmp_path, config)
    table = score_distorted(run, {"noise_heavy": DISTORTIONS["noise_heavy"]})
    assert set(table["model"]) == {"head", "logistic_frozen"}
    assert_clean_as_in_the_run(run, table)


@pytest.mark.long
def test_worker_processes_make_the_same_frames(run: RunFolder) -> None:
    positions = run.data.store.positions(run.predictions.test("head").frame["image_id"][:20])
    images = DistortedImages(run.data.store, positions, run.data.pipeline, [DISTORTIONS["combined"]], seed=3)
    here = torch.cat([images[0], images[1]], dim=1)  # type: ignore[list-item]
    assert here.shape == (2, 20, 3, 56, 56)
    loader = LoaderSettings(num_workers=1)
    there = torch.cat(list(batches_of(images, loader, torch.device("cuda"))), dim=1)
    torch.testing.assert_close(there, here, rtol=0, atol=0)


def test_damaged_picture_is_named(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(run.data.store), "read", lambda self, i: b"\xff\xd8\xff")
    with pytest.raises(ImageError, match="/"):
        score_distorted(run, {}, models=["head"], limit=2)


def test_sheet_has_a_row_per_image_and_a_column_per_distortion() -> None:
    images = [np.full((40, 40, 3), 90, np.uint8), np.full((60, 30, 3), 200, np.uint8)]
    sheet = distortion_sheet(images)
    assert sheet.mode == "RGB"
    cell = sheet.width // 12
    dark = np.asarray(sheet)[
        -cell // 2, [cell // 8, 5 * cell + cell // 8]
    ]  # clean and brightness_dark, second row
    assert dark.tolist() == [[200] * 3, [100] * 3]


def test_command_scores_every_run_below_a_folder(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    config = OmegaConf.load(CONFIGS / "robustness.yaml")
    assert isinstance(config, DictConfig)
    config = OmegaConf.masked_copy(config, [key for key in config if key not in ("defaults", "hydra")])
    config.run, config.limit, config.models = str(run.path.parent), 3, ["head"]
    task(config)
    assert "robustness.parquet" in capsys.readouterr().out
    broken = Path(shutil.copytree(run.path, run.path.parent / "broken"))  # before "run", and it ends nothing
    (broken / "checkpoints" / "best.ckpt").unlink()
    (run.path / "robustness.parquet").unlink()
    try:
        with pytest.raises(DataError, match=r"1 that cannot: .*broken"):
            task(config)
    finally:
        shutil.rmtree(broken)
    assert RunFolder(run.path).robustness["image_id"].nunique() == 3
    with Image.open(run.path / "plots" / "distortions.png") as sheet:
        assert sheet.width > 12 * 100


def test_what_cannot_be_scored_is_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'head'"):
        score_distorted(run, models=["heat"])
    with pytest.raises(ConfigError, match="limit=0"):
        score_distorted(run, limit=0)
    with pytest.raises(ConfigError, match="clean"):
        score_distorted(run, {"clean": Noise(3)})
    with pytest.raises(ConfigError, match="models is empty"):
        score_distorted(run, models=[])
    gone = RunFolder(run.path, prepared=tmp_path / "gone")
    with pytest.raises(DataError, match="gone"):
        score_distorted(gone)


def test_probe_that_was_not_copied_along_is_named(run: RunFolder, tmp_path: Path) -> None:
    half = Path(shutil.copytree(run.path, tmp_path / "half"))
    shutil.rmtree(half / "probes" / "frozen")
    with pytest.raises(DataError, match="mlp_frozen"):
        score_distorted(RunFolder(half), {}, limit=2)
    assert set(score_distorted(RunFolder(half), {}, models=["head"], limit=2)["model"]) == {"head"}
