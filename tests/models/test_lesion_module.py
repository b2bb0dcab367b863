from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor, nn

from skintag.core.errors import ConfigError
from skintag.models.head import HeadSettings
from skintag.models.lesion_module import LesionModule
from skintag.models.objective import OBJECTIVES, Objective, build_objective
from skintag.models.objectives import Erm, Focal
from skintag.models.optimizer import OptimizerSettings
from skintag.models.settings import FinetuneSettings


class Batches:
    """Ready-made batches as a loader that leaves out the first `skip`, as one has to that goes on."""

    def __init__(self, batches: list[dict[str, Tensor]], skip: int = 0) -> None:
        self.batches, self.skip = batches, skip

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return iter(self.batches[self.skip :])


@pytest.fixture
def make_module(siglip_tiny):
    def make(objective: Objective | None = None, unlocked=1, tower=siglip_tiny, **options) -> LesionModule:
        return LesionModule(
            tower,
            FinetuneSettings(unlocked_groups=unlocked),
            objective or Erm(),
            OptimizerSettings(head_lr=1e-2, backbone_lr=1e-3),
            HeadSettings(hidden=16),
            **options,
        )

    return make


def make_trainer(folder: Path, **options) -> Trainer:
    settings = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "default_root_dir": folder,
    }
    return Trainer(**{**settings, **options})


def fit(module: LesionModule, train: list, val: list, folder: Path, **options) -> Trainer:
    trainer = make_trainer(folder, **options)
    trainer.fit(module, Batches(train), Batches(val) if val else None)
    return trainer


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_trains_validates_tests_and_predicts(name, make_module, make_batch, tmp_path):
    module = make_module(build_objective({"name": name}))
    batches = [make_batch(6, seed=i) for i in range(2)]
    trainer = fit(module, batches, batches, tmp_path)
    assert {"val/loss", "val/auroc", "val/worst_group_loss"} <= set(trainer.callback_metrics)
    (tested,) = trainer.test(module, Batches(batches), verbose=False)
    assert tested["test/loss"] == pytest.approx(trainer.callback_metrics["test/loss"].item())
    first, _ = trainer.predict(module, Batches(batches))
    shapes = {key: tuple(value.shape) for key, value in first.items()}
    assert shapes == {"row": (6,), "p_malignant": (6,), "p_condition": (6, 10), "embedding": (6, 64)}
    learns_conditions = module.objective.condition_width(10) > 0
    assert first["p_condition"].isnan().all() == (not learns_conditions)
    assert {first[k].dtype for k in ("p_malignant", "p_condition", "embedding")} == {torch.float32}


def test_training_lowers_the_loss_and_moves_only_what_learns(make_module, make_batch, tmp_path):
    module, batch = make_module(), make_batch(8)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    losses: list[float] = []

    class Listen(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            losses.append(float(outputs["loss"]))

    fit(module, [batch] * 12, [], tmp_path, callbacks=[Listen()])
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])
    moved = {name for name, value in module.state_dict().items() if not torch.equal(before[name], value)}
    towers = {name.split(".")[2] for name in moved if name.startswith("backbone")}
    assert towers == {"blocks", "norm", "attn_pool"}
    assert {name[:24] for name in moved if ".blocks." in name} == {"backbone.model.blocks.3."}


def test_validation_loss_is_the_mean_over_samples_not_over_batches(make_module, make_batch, tmp_path):
    module = make_module(Focal(1.0))
    batches = [make_batch(7, seed=1), make_batch(2, seed=2)]
    (values,) = make_trainer(tmp_path).validate(module, Batches(batches), verbose=False)
    module.eval()
    with torch.no_grad():
        losses = [b["weight"] * module.objective.per_sample(module(b), b)["loss"] for b in batches]
    assert values["val/loss"] == pytest.approx(torch.cat(losses).mean().item(), rel=1e-5)
    assert abs(values["val/loss"] - torch.stack([x.mean() for x in losses]).mean().item()) > 1e-4


def test_one_class_in_validation_gives_nan_auroc(make_module, make_batch, tmp_path):
    batch = make_batch(4)
    batch["target"] = torch.zeros_like(batch["target"])
    (values,) = make_trainer(tmp_path).validate(make_module(), Batches([batch]), verbose=False)
    assert math.isnan(values["val/auroc"])
    assert math.isfinite(values["val/loss"])


class Rates(Callback):
    """The head's learning rate at every optimizer step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.seen.append(optimizer.param_groups[-1]["lr"])


def test_schedule_counts_optimizer_steps_under_accumulation(make_module, make_batch, tmp_path):
    rates = Rates()
    batches = [make_batch(2, seed=i) for i in range(8)]
    fit(make_module(), batches, [], tmp_path, max_epochs=5, accumulate_grad_batches=4, callbacks=[rates])
    assert len(rates.seen) == 10
    assert max(rates.seen) == rates.seen[0] == pytest.approx(1e-2)  # 5% of 10 steps: no warm-up step
    assert rates.seen[-1] == pytest.approx(1e-2 * 0.5 * (1 + math.cos(math.pi * 0.9)))


def test_checkpoint_loads_with_weights_only_and_rebuilds_the_module(make_module, make_batch, tmp_path):
    module = make_module(build_objective({"name": "hierarchical"}), n_conditions=11)
    batches = [make_batch(4)]
    trainer = fit(module, batches, [], tmp_path)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    torch.load(tmp_path / "last.ckpt", weights_only=True)
    again = LesionModule.from_checkpoint(tmp_path / "last.ckpt")
    assert not again.training
    with torch.no_grad():
        want, got = module.eval().predict_step(batches[0]), again.predict_step(batches[0])
    assert all(torch.equal(want[key], got[key]) for key in want)
    assert got["p_condition"].shape == (4, 11)
    lightnings_own = LesionModule.load_from_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    assert lightnings_own.hparams == module.hparams


def test_checkpoint_of_a_packaged_tower_needs_the_package_no_more(make_module, pretrained_lite0, tmp_path):
    module = make_module(tower=pretrained_lite0, unlocked=0)
    trainer = make_trainer(tmp_path)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = LesionModule.from_checkpoint(tmp_path / "last.ckpt")
    assert again.backbone.settings.package is None
    assert again.backbone.weights_fingerprint() == module.backbone.weights_fingerprint()


class Stop(Callback):
    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == self.after:
            trainer.save_checkpoint(Path(trainer.default_root_dir) / "cut.ckpt")
            raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["multitask", "group_dro"])
def test_resumed_run_equals_one_that_was_not_cut(name, make_module, make_batch, tmp_path):
    batches = [make_batch(4, seed=i) for i in range(4)]
    options = {"max_epochs": 2, "accumulate_grad_batches": 2}

    def start() -> LesionModule:
        seed_everything(torch.seed() % 2**31, verbose=False)  # the module must not depend on it
        return make_module(build_objective({"name": name}))

    whole = start()
    fit(whole, batches, [], tmp_path, **options)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        fit(start(), batches, [], tmp_path, callbacks=[Stop(after=3)], **options)
    resumed, trainer = start(), make_trainer(tmp_path, **options)
    trainer.fit(resumed, Batches(batches, skip=2), ckpt_path=tmp_path / "cut.ckpt", weights_only=True)
    assert trainer.global_step == 4
    state = resumed.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in whole.state_dict().items())


def test_dropout_differs_between_seeds_epochs_batches_and_ranks_and_repeats_within(make_module, monkeypatch):
    drawn: dict[tuple[int, ...], set[float]] = {}
    for change in range(5):
        seed, epoch, batch_idx, rank = (int(change == place) for place in range(4))
        module = make_module(seed=seed)
        monkeypatch.setattr(LesionModule, "current_epoch", epoch)
        monkeypatch.setattr(LesionModule, "global_rank", rank)
        for _ in range(2):  # the same again, wherever the generator stood
            module.on_train_batch_start({}, batch_idx)
            drawn.setdefault((seed, epoch, batch_idx, rank), set()).add(torch.rand(1).item())
    assert [len(numbers) for numbers in drawn.values()] == [1] * 5
    assert len(set.union(*drawn.values())) == 5


def test_first_weights_depend_on_the_seed_alone(make_module):
    torch.manual_seed(1)
    first = make_module(seed=3).head.hidden.weight
    torch.manual_seed(2)
    assert torch.equal(make_module(seed=3).head.hidden.weight, first)
    assert not torch.equal(make_module(seed=4).head.hidden.weight, first)


def test_stored_embeddings_give_what_the_frozen_backbone_gives(make_module, make_batch, tmp_path):
    module, batch = make_module(unlocked=0).eval(), make_batch(5)
    stored = {key: value for key, value in batch.items() if key != "image"}
    stored["embedding"] = module.backbone(batch["image"])
    with torch.no_grad():
        want, got = module.predict_step(batch), module.predict_step(stored)
    assert all(torch.allclose(want[k], got[k], equal_nan=True) for k in want)
    before = module.backbone.weights_fingerprint()
    fit(module.train(), [stored], [stored], tmp_path)
    assert module.backbone.weights_fingerprint() == before


def test_stored_embeddings_are_refused_while_the_backbone_learns(make_module, make_batch):
    batch = {**make_batch(3), "embedding": torch.zeros(3, 64)}
    with pytest.raises(ConfigError, match="finetune=frozen"):
        make_module(unlocked=2)(batch)


def test_bf16_keeps_outputs_and_loss_in_float32(make_module, make_batch, tmp_path):
    module, batch = make_module(), make_batch(6)
    trainer = fit(module, [batch], [batch], tmp_path, precision="bf16-mixed")
    (predicted,) = trainer.predict(module, Batches([batch]))
    assert {predicted[k].dtype for k in ("p_malignant", "embedding")} == {torch.float32}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module.objective.loss(module(batch), batch)["loss"].dtype == torch.float32


def test_synchronised_batch_norm_is_refused(make_module, lite0, make_batch, tmp_path):
    module = make_module(tower=lite0)
    nn.SyncBatchNorm.convert_sync_batchnorm(module)
    with pytest.raises(ConfigError, match="sync_batchnorm"):
        fit(module, [make_batch(2, size=64)], [], tmp_path)


def test_compile_switch_keeps_the_names(make_module):
    assert list(make_module(compile_backbone=True).state_dict()) == list(make_module().state_dict())


def test_best_checkpoint_follows_the_validation_loss(make_module, make_batch, tmp_path):
    keep = ModelCheckpoint(tmp_path, monitor="val/loss", filename="best")
    fit(
        make_module(), [make_batch(4)], [make_batch(4)], tmp_path, callbacks=[keep], enable_checkpointing=True
    )
    assert (tmp_path / "best.ckpt").is_file()
    assert float(keep.best_model_score) > 0
