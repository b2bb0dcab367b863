"""What a checkpoint remembers, and what a resumed or branched-off run makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader

from skintag.core.errors import ConfigError
from skintag.training.checkpoints import AtomicCheckpointIO, BestCheckpoint, LastCheckpoint, PatientStopping
from tests.conftest import train

Compose = Callable[..., DictConfig]
SMALL = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "probe=majority")


class Scripted(pl.LightningModule):
    """Learns a little; its validation losses are given in advance."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.losses, self.layer, self.validated = losses, nn.Linear(1, 1), []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).square().mean()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.validated.append(self.current_epoch)
        self.log("val/loss", self.losses[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(
    folder: Path,
    losses: list[float],
    *,
    resumed: bool = False,
    patience: int = 9,
    every: int = 2,
    **options: object,
) -> tuple[pl.Trainer, Scripted]:
    keep = {"dirpath": folder, "save_top_k": 1, "enable_version_counter": False}
    best = BestCheckpoint(filename="best", monitor="val/loss", resumed=resumed, **keep)
    callbacks = [
        best,
        LastCheckpoint(filename="last", every_n_train_steps=every, **keep),
        LastCheckpoint(filename="last", every_n_epochs=1, save_on_train_epoch_end=True, **keep),
        PatientStopping(monitor="val/loss", patience=patience, resumed=resumed),
        *options.pop("callbacks", []),  # type: ignore[misc]
    ]
    trainer = pl.Trainer(
        max_epochs=len(losses), callbacks=callbacks, logger=False, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False, plugins=[AtomicCheckpointIO()], num_sanity_val_steps=0,
    )  # fmt: skip
    module = Scripted(losses)
    data = DataLoader(torch.ones(4, 1), batch_size=1)
    last = str(folder / "last.ckpt") if resumed else None
    trainer.fit(module, data, DataLoader(torch.ones(1, 1)), ckpt_path=last, weights_only=True)
    return trainer, module


def best_score(trainer: pl.Trainer) -> float:
    return float(trainer.checkpoint_callback.best_model_score)


def test_run_that_had_stopped_early_does_not_train_on_when_resumed(tmp_path: Path) -> None:
    losses = [0.9, 1.0, 1.0, 0.1, 0.1]
    whole, _ = fit(tmp_path, losses, patience=2)
    assert best_score(whole) == pytest.approx(0.9)
    resumed, module = fit(tmp_path, losses, patience=2, resumed=True)
    assert module.validated == []
    assert best_score(resumed) == pytest.approx(0.9)


def test_patience_that_is_asked_for_now_counts(tmp_path: Path) -> None:
    losses = [0.9, 1.0, 1.0, 0.1]
    fit(tmp_path, losses, patience=2)
    resumed, _ = fit(tmp_path, losses, patience=5, resumed=True)
    assert best_score(resumed) == pytest.approx(0.1)


class KillInValidation(pl.Callback):
    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def test_epoch_killed_in_validation_is_validated_after_the_resume(tmp_path: Path) -> None:
    losses = [0.9, 0.5, 0.7]
    # saved after steps 2 and 4; step 4 is the epoch's last, so the checkpoint before it is what is left
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(tmp_path, losses, callbacks=[KillInValidation()])
    resumed, module = fit(tmp_path, losses, resumed=True)
    assert module.validated == [1, 2]
    assert best_score(resumed) == pytest.approx(0.5)


def test_best_is_found_again_in_a_moved_folder(tmp_path: Path) -> None:
    fit(tmp_path / "here", [0.2, 0.8])
    (tmp_path / "here").rename(tmp_path / "there")
    resumed, _ = fit(tmp_path / "there", [0.2, 0.8, 0.9], resumed=True)
    assert best_score(resumed) == pytest.approx(0.2)
    assert Path(resumed.checkpoint_callback.best_model_path) == tmp_path / "there" / "best.ckpt"


def test_checkpoint_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)

    def full(*arguments: object) -> None:
        Path(str(arguments[1])).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        AtomicCheckpointIO().save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_weights_that_have_seen_the_test_images_are_refused(compose_run: Compose, tmp_path: Path) -> None:
    train(compose_run(*SMALL, "split_seed=1"), tmp_path / "one")
    best = f"ckpt_path={tmp_path}/one/checkpoints/best.ckpt"
    with pytest.raises(ConfigError, match="trained on images that this run tests on"):
        train(compose_run(*SMALL, "split_seed=2", "fit=false", best), tmp_path / "other")
    assert train(compose_run(*SMALL, "split_seed=1", "fit=false", best), tmp_path / "same") is not None


@pytest.mark.long
def test_weights_remember_what_the_weights_that_they_began_from_had_seen(
    compose_run: Compose, tmp_path: Path
) -> None:
    def only(*kept: str) -> list[str]:
        names = ("ham10000", "bcn20000", "fitzpatrick17k", "ddi", "pad_ufes_20")
        return [f"~data.sources.{name}" for name in names if name not in kept]

    def checkpoint(name: str) -> str:
        return f"ckpt_path={tmp_path}/{name}/checkpoints/best.ckpt"

    train(compose_run(*SMALL, *only("ham10000")), tmp_path / "a")
    begun = f"backbone.checkpoint={tmp_path}/a/checkpoints/best.ckpt"
    train(compose_run(*SMALL, *only("pad_ufes_20", "fitzpatrick17k"), begun), tmp_path / "b")
    # a third run begins from the second's weights and looks at what the first learned from, under another seed
    third = compose_run(*SMALL, *only("ham10000", "ddi"), "split_seed=1", "fit=false", checkpoint("b"))
    with pytest.raises(
        ConfigError, match=r"b/checkpoints/best.ckpt was trained on images that this run tests on"
    ):
        train(third, tmp_path / "c")
    # and where the second's tower alone is taken
    tower = f"backbone.checkpoint={tmp_path}/b/checkpoints/best.ckpt"
    with pytest.raises(ConfigError, match="was trained on images that this run tests on"):
        train(compose_run(*SMALL, *only("ham10000"), "split_seed=1", tower), tmp_path / "d")
