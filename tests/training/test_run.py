"""A run as a whole: what it reuses, what it says about its data, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig

from skintag.core.errors import ConfigError, DataError
from skintag.core.provenance import Stages
from skintag.data.prepared.opening import resolution_note
from tests.conftest import prepare, train

Compose = Callable[..., DictConfig]
SMALL = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "probe=logistic")


def embeddings_report(folder: Path) -> dict[str, dict[str, object]]:
    return json.loads((folder / "provenance.json").read_text())["embeddings"]


def test_second_frozen_run_on_another_balance_extracts_no_embedding(
    compose_run: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frozen = (*SMALL, "finetune=frozen", f"paths.cache={tmp_path}/cache")
    train(compose_run(*frozen, "balance=none"), tmp_path / "first")
    first = embeddings_report(tmp_path / "first")
    assert list(first) == ["frozen"], "an unchanged backbone has one kind of embedding"
    assert first["frozen"]["extracted"] > 0
    capsys.readouterr()
    train(compose_run(*frozen, "balance=domain_fitzpatrick"), tmp_path / "second")
    second = embeddings_report(tmp_path / "second")
    assert second["frozen"]["extracted"] == 0
    assert second["frozen"]["weights"] == first["frozen"]["weights"]
    assert "extracted 0" in capsys.readouterr().err


def test_learning_backbone_gives_embeddings_of_its_own(compose_run: Compose, tmp_path: Path) -> None:
    train(compose_run(*SMALL, "finetune=last_2"), tmp_path)
    report = embeddings_report(tmp_path)
    assert report["finetuned"]["weights"] != report["frozen"]["weights"]


@pytest.mark.long
def test_checkpoint_scored_again_gives_the_same_predictions(compose_run: Compose, tmp_path: Path) -> None:
    train(compose_run(*SMALL, "finetune=last_2"), tmp_path / "fitted")
    best = tmp_path / "fitted" / "checkpoints" / "best.ckpt"
    fresh = (f"paths.cache={tmp_path}/other_cache", "fit=false", f"ckpt_path={best}")
    train(compose_run(*SMALL, "finetune=last_2", *fresh), tmp_path / "scored")
    tables = [pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("fitted", "scored")]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_same_seed_same_numbers_another_seed_others(compose_run: Compose, tmp_path: Path) -> None:
    tables = []
    for number, seed in enumerate((0, 0, 1)):
        train(
            compose_run(*SMALL, f"seed={seed}", f"paths.cache={tmp_path}/{number}"), tmp_path / f"run{number}"
        )
        tables.append(pd.read_parquet(tmp_path / f"run{number}" / "predictions.parquet"))
    pd.testing.assert_frame_equal(tables[0], tables[1], check_exact=True)
    assert tables[0]["image_id"].equals(tables[2]["image_id"]), "split_seed, not seed, moves the split"
    assert not np.allclose(tables[0]["p_malignant"], tables[2]["p_malignant"])


def test_kind_of_data_stands_beside_the_figures(
    compose_run: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(compose_run(*SMALL), tmp_path)
    assert "synthetic" in capsys.readouterr().out
    assert "synthetic" in json.loads((tmp_path / "metrics.json").read_text())["data"]


def test_small_pictures_are_called_low_resolution() -> None:
    catalog = pd.DataFrame(
        {"status": ["ok"] * 3 + ["missing"], "width": [84, 84, 600, 1], "height": [84, 84, 450, 1]}
    )
    assert resolution_note(catalog) == "low-resolution images, median 84 px"
    assert resolution_note(catalog.assign(width=600, height=450)) is None


def test_checkpoint_loads_without_running_code(compose_run: Compose, tmp_path: Path) -> None:
    train(compose_run(*SMALL), tmp_path)
    for name in ("best.ckpt", "last.ckpt"):
        assert "state_dict" in torch.load(tmp_path / "checkpoints" / name, weights_only=True)


def test_wandb_is_offline_without_a_key(
    compose_run: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    config = compose_run(*SMALL, "logger=wandb", "logger.csv=true", "logger.tensorboard=true")
    train(config, tmp_path)
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb")), "nothing was logged offline"
    assert list(tmp_path.glob("tensorboard/events*"))
    metrics = pd.read_csv(tmp_path / "csv" / "metrics.csv")
    assert {"train/loss", "val/loss", "throughput/images_per_second"} <= set(metrics.columns)


def test_shards_of_other_settings_are_refused(compose_run: Compose) -> None:
    with pytest.raises(DataError, match="longest_side"):
        prepare(compose_run("data.longest_side=100"))


def test_synthetic_data_with_other_knobs_is_refused(compose_run: Compose) -> None:
    with pytest.raises(DataError, match="shortcut"):
        prepare(compose_run("data.synthetic.shortcut=0"))


def test_dataset_that_was_not_prepared_is_named(
    compose_run: Compose, workspace: Path, tmp_path: Path
) -> None:
    config = compose_run(*SMALL, "split=external", "split.datasets=[nonesuch]")
    with pytest.raises(ConfigError, match="nonesuch"):
        train(config, tmp_path)


def test_unknown_loader_setting_is_refused_with_near_matches(compose_run: Compose, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        train(compose_run(*SMALL, "+loader.batchsize=3"), tmp_path)


def test_stages_book_parts_out_of_the_whole() -> None:
    stages = Stages({"fit": 10.0})
    stages.split("fit", "probe", 4.0)
    assert stages.seconds == {"fit": 6.0, "probe": 4.0}


def test_what_lightning_refuses_of_the_trainer_is_told_in_its_words_alone(workspace, tmp_path) -> None:
    from skintag.core.errors import ConfigError
    from tests.conftest import compose_config, train

    small = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "probe=quick")
    asked = ("trainer.limit_train_batches=1.0", "trainer.val_check_interval=1000")
    with pytest.raises(
        ConfigError, match=r"trainer: `val_check_interval` \(1000\) must be less than or equal"
    ):
        train(compose_config(workspace, *small, *asked), tmp_path)
