"""Runs on stored embeddings and activations: what they reuse, and that they end as runs on images do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import DictConfig

from skintag.core.errors import ConfigError
from skintag.data.images.pipeline import ImagePipeline
from skintag.features.activations import ActivationKey, ActivationStore, from_array, to_array
from skintag.training.callbacks.epoch_line import EpochLine
from skintag.training.checkpoints import LastCheckpoint
from tests.conftest import train
from tests.features.test_embeddings import hashes
from tests.training.test_ddp import run as run_ddp

Compose = Callable[..., DictConfig]
SMALL = (
    "backbone=siglip_tiny", "augment=none", "trainer=cpu", "trainer.max_epochs=2", "loader.batch_size=32",
    "trainer.effective_batch_size=32", "logger=csv", "probe=logistic",
)  # fmt: skip


def predictions(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / "predictions.parquet")


def provenance(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "provenance.json").read_text())


def no_more_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an image was decoded")

    monkeypatch.setattr(ImagePipeline, "__call__", refuse)


@pytest.mark.long
@pytest.mark.parametrize("finetune", ["frozen", "last_2"])
@pytest.mark.parametrize("sampling", [False, pytest.param(True, marks=pytest.mark.long)], ids=["", "sampled"])
def test_first_second_and_uncached_run_predict_the_same(
    finetune: str, sampling: bool, compose_run: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    balance = ("balance=domain", "balance.mode=sampling") if sampling else ()
    overrides = (*SMALL, *balance, f"finetune={finetune}", f"paths.cache={tmp_path}/cache")
    off = (f"paths.cache={tmp_path}/other", "cache.activations=false")
    train(compose_run(*overrides, *off), tmp_path / "uncached")
    train(compose_run(*overrides), tmp_path / "first")
    no_more_images(monkeypatch)  # neither trained on, nor embedded
    train(compose_run(*overrides), tmp_path / "second")
    first, second, uncached = (predictions(tmp_path / name) for name in ("first", "second", "uncached"))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert first["image_id"].equals(uncached["image_id"])
    # the same bits on most processors, but no library promises them for batches of another size
    np.testing.assert_allclose(first["p_malignant"], uncached["p_malignant"], atol=1e-3)


@pytest.mark.parametrize("finetune", [pytest.param("frozen", marks=pytest.mark.long), "last_2"])
def test_another_seed_and_balance_reuse_everything(
    finetune: str, compose_run: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = (*SMALL, "trainer.max_epochs=1", f"finetune={finetune}", f"paths.cache={tmp_path}/cache")
    train(compose_run(*overrides), tmp_path / "first")
    no_more_images(monkeypatch)
    train(compose_run(*overrides, "seed=1", "balance=domain_fitzpatrick"), tmp_path / "second")
    first, second = (provenance(tmp_path / name) for name in ("first", "second"))
    assert first["embeddings"]["frozen"]["store"] == second["embeddings"]["frozen"]["store"]
    assert second["embeddings"]["frozen"]["extracted"] == 0
    if finetune == "last_2":
        assert first["activations"]["extracted"] > 0
        assert second["activations"] == {
            "extracted": 0, "reused": len(predictions_rows(tmp_path)), "store": first["activations"]["store"],
        }  # fmt: skip


def predictions_rows(tmp_path: Path) -> list[str]:
    """Every image of the view: those with predictions, and those trained on."""
    view = provenance(tmp_path / "first")["data"]["view"]
    return [""] * sum(view["images"].values())


@pytest.mark.long
def test_weights_of_a_checkpoint_have_activations_of_their_own(compose_run: Compose, tmp_path: Path) -> None:
    one = (*SMALL, "trainer.max_epochs=1", "probe=majority", f"paths.cache={tmp_path}/cache")
    train(compose_run(*one, "finetune=full", "optimizer.backbone_lr=0.01"), tmp_path / "full")
    best = tmp_path / "full" / "checkpoints" / "best.ckpt"
    start = ("finetune=last_2", "fit=true", f"backbone.checkpoint={best}")
    train(compose_run(*one, "finetune=last_2"), tmp_path / "plain")
    train(compose_run(*one, *start), tmp_path / "cached")
    train(compose_run(*one, *start, "cache.activations=false"), tmp_path / "uncached")
    stores = [provenance(tmp_path / name)["activations"]["store"] for name in ("plain", "cached")]
    assert stores[0] != stores[1]
    np.testing.assert_allclose(
        predictions(tmp_path / "cached")["p_malignant"],
        predictions(tmp_path / "uncached")["p_malignant"],
        atol=1e-3,
    )


@pytest.mark.long
@pytest.mark.parametrize("finetune", ["frozen", "last_2"])
def test_run_cut_off_in_mid_epoch_goes_on_to_the_same_end(
    finetune: str, compose_run: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = (
        *SMALL, f"finetune={finetune}", "loader.batch_size=16", "trainer.effective_batch_size=16",
        "callbacks.checkpoint_every_steps=1", f"paths.cache={tmp_path}/cache",
    )  # fmt: skip
    train(compose_run(*overrides), tmp_path / "whole")
    with monkeypatch.context() as cut:
        after = EpochLine.on_train_batch_end
        cut.setattr(
            LastCheckpoint, "_ended", property(lambda _: -math.inf, lambda *_: None)
        )  # never too soon

        def die(self: EpochLine, trainer: Any, *rest: Any) -> None:
            after(self, trainer, *rest)
            if trainer.current_epoch == 1 and rest[-1] == 3:
                raise InterruptedError

        cut.setattr(EpochLine, "on_train_batch_end", die)
        with pytest.raises(InterruptedError):
            train(compose_run(*overrides), tmp_path / "cut")
    train(compose_run(*overrides, f"resume={tmp_path}/cut"), tmp_path / "cut")
    pd.testing.assert_frame_equal(
        predictions(tmp_path / "whole"), predictions(tmp_path / "cut"), check_exact=True
    )


@pytest.mark.long
def test_activations_over_the_limit_are_not_kept_and_that_is_said(
    compose_run: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = (*SMALL, "trainer.max_epochs=1", "probe=majority", "finetune=last_2", "cache.max_gb=0.0001")
    train(compose_run(*one, f"paths.cache={tmp_path}/cache"), tmp_path / "run")
    assert "over cache.max_gb=0.0001" in capsys.readouterr().err
    assert not list((tmp_path / "cache" / "activations").rglob("*.npy"))
    with pytest.raises(ConfigError, match="max_gb"):
        train(compose_run(*one, "cache.activations=true"), tmp_path / "demanded")


@pytest.mark.parametrize(
    ("override", "reason"),
    [("augment=basic", "augmented"), ("finetune=full", "frozen"), ("loader=stream", "stream"),
     ("loader.fit=center_crop", "cut otherwise")],
)  # fmt: skip
def test_demanding_stored_activations_where_there_are_none_is_refused(
    override: str, reason: str, compose_run: Compose, tmp_path: Path
) -> None:
    overrides = (*SMALL, "finetune=last_2", "cache.activations=true")
    with pytest.raises(ConfigError, match=reason):
        train(compose_run(*overrides, override), tmp_path)


def test_wrong_settings_of_the_cache_are_refused(compose_run: Compose, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cache\.activations"):
        train(compose_run(*SMALL, "cache.activations=perhaps"), tmp_path)
    with pytest.raises(ConfigError, match=r"cache\.max_gb"):
        train(compose_run(*SMALL, "cache.max_gb=many"), tmp_path)


@pytest.mark.parametrize("shape", [(5, 6, 4, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activations_come_back_bit_for_bit_in_their_layout(
    shape: tuple[int, ...], dtype: torch.dtype, tmp_path: Path
) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    if len(shape) == 4:
        values = values.to(memory_format=torch.channels_last)
    name = str(dtype).removeprefix("torch.")
    store = ActivationStore(tmp_path, ActivationKey("trunk", "pixels", "32-true/cpu/high", name))
    store.add_tensor(hashes(0, 1, 2), values[:3])
    store.add_tensor(hashes(3, 4), values[3:])
    order = [4, 0, 3, 3, 1]
    located = ActivationStore(tmp_path, store.key).locate(hashes(0, 1, 2, 3, 4))
    back = store.take(located, np.array(order))
    assert back.dtype == dtype
    assert torch.equal(back, values[order])
    assert back.stride() == values[order].stride()
    assert torch.equal(from_array(to_array(values), name), values)


@pytest.mark.long
@pytest.mark.slow
def test_two_processes_share_the_activations_and_the_epochs(workspace: Path, tmp_path: Path) -> None:
    shared = ("trainer=ddp_cpu", "augment=none", f"paths.cache={tmp_path}/cache")
    for name, more in (("first", ()), ("second", ()), ("uncached", ("cache.activations=false",))):
        run_ddp(workspace, tmp_path / name, *shared, *more)
    first, second, uncached = (predictions(tmp_path / name) for name in ("first", "second", "uncached"))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    np.testing.assert_allclose(first["p_malignant"], uncached["p_malignant"], atol=1e-3)
    assert provenance(tmp_path / "first")["activations"]["extracted"] > 0
    assert provenance(tmp_path / "second")["activations"]["extracted"] == 0
