"""The data module: what batches hold whatever the workers, and runs that go on where they stopped."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import OmegaConf

from skintag.core.errors import ConfigError, DataError
from skintag.core.settings import settings_of
from skintag.data.augment.basic import ColourJitter, RandomResizedCrop
from skintag.data.augment.pipeline import Augmentation
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.loading.loader import Batch
from skintag.data.loading.settings import LoaderSettings
from skintag.data.view.view import View
from tests.data.loader_fixtures import number_of, prepare, view_of

LONG = pytest.mark.long
CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "loader"
SIZES = {"ham10000": 36, "ddi": 10}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loader")


@pytest.fixture(scope="module")
def catalog(folder: Path) -> pd.DataFrame:
    return prepare(folder, SIZES)


Make = Callable[..., LesionDataModule]


@pytest.fixture
def make(catalog: pd.DataFrame, folder: Path) -> Make:
    """A data module over 38 train, 4 val and 4 test images."""

    def build(
        weights: np.ndarray | None = None, augmentation: Augmentation | None = None, **loader: Any
    ) -> LesionDataModule:
        view = view_of(catalog)
        if weights is not None:
            view = replace(view, frame=view.frame.assign(sampling_weight=weights.astype(np.float32)))
        settings = {"batch_size": 5, "eval_batch_size": 3, "num_workers": 0, **loader}
        return module_of(view, folder, augmentation, **settings)

    return build


def module_of(
    view: View, folder: Path, augmentation: Augmentation | None = None, **loader: Any
) -> LesionDataModule:
    return LesionDataModule(
        view=view,
        prepared=folder / "prepared",
        image_size=16,
        augmentation=augmentation,
        seed=3,
        loader=settings_of(LoaderSettings, loader, "loader"),
    )


AUGMENTATION = Augmentation(  # one that shows on pictures of one colour
    resized_crop=RandomResizedCrop(p=1.0, scale=(0.4, 1.0), ratio=(0.8, 1.25)),
    colour_jitter=ColourJitter(
        p=1.0, brightness=(0.5, 1.5), contrast=(0.9, 1.1), saturation=(0.5, 1.5), hue=(-0.1, 0.1)
    ),
)


def rows_of(batches: list[Batch]) -> list[int]:
    return torch.cat([batch["row"] for batch in batches]).tolist()


def epochs(loader: Any, *which: int) -> list[Batch]:
    out = []
    for epoch in which:
        loader.set_epoch(epoch)
        out += list(loader)
    return out


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        for name in a:
            assert torch.equal(a[name], b[name]), name


@pytest.mark.parametrize("workers", [0, 1])
def test_batch_holds_the_image_and_the_labels_of_its_rows(make: Make, workers: int) -> None:
    data = make(num_workers=workers)
    frame = data.view.frame
    for batch in epochs(data.train_dataloader(), 0):
        rows, n = batch["row"].numpy(), len(batch["row"])
        assert {k: (v.dtype, tuple(v.shape)) for k, v in batch.items()} == {
            "image": (torch.uint8, (n, 3, 16, 16)),
            "row": (torch.int64, (n,)),
            "target": (torch.int64, (n,)),
            "condition": (torch.int64, (n,)),
            "weight": (torch.float32, (n,)),
            "group": (torch.int64, (n,)),
        }
        assert [number_of(i.permute(1, 2, 0).numpy()) for i in batch["image"]] == rows.tolist()
        np.testing.assert_array_equal(batch["target"], frame["target"].to_numpy()[rows])
        np.testing.assert_array_equal(batch["condition"], frame["target_condition"].to_numpy()[rows])
        np.testing.assert_array_equal(batch["weight"], frame["weight"].to_numpy()[rows])
        np.testing.assert_array_equal(batch["group"], frame["group_index"].to_numpy()[rows])
    data.teardown("fit")


def test_each_training_image_is_seen_once_an_epoch_in_another_order(make: Make) -> None:
    loader = make().train_dataloader()
    assert len(loader) == 8
    one, two = rows_of(epochs(loader, 0)), rows_of(epochs(loader, 1))
    assert sorted(one) == sorted(two) == list(range(38))
    assert one != two


@pytest.mark.parametrize("start_method", ["forkserver", pytest.param("fork", marks=LONG)])
def test_number_of_workers_changes_nothing(make: Make, start_method: str) -> None:
    expected = epochs(make(augmentation=AUGMENTATION).train_dataloader(), 0, 1)
    for workers in (1, 2):
        data = make(augmentation=AUGMENTATION, num_workers=workers, start_method=start_method)
        assert_same(epochs(data.train_dataloader(), 0, 1), expected)
        data.teardown("fit")


@pytest.mark.parametrize("mode", ["indexed", "stream"])
def test_batches_that_are_kept_are_not_written_over(make: Make, mode: str) -> None:
    """Of 16 batches all are kept; the memory that workers fill over and over holds 5."""
    data = make(mode=mode, num_workers=1)
    loader = data.train_dataloader()
    kept = epochs(loader, 0, 1)
    copies = [batch["image"].clone() for batch in kept]
    abandoned = iter(loader)
    for _ in range(3):  # an epoch that is given up leaves batches that nobody takes
        next(abandoned)
    again = epochs(loader, 2, 3)
    assert all(torch.equal(batch["image"], copy) for batch, copy in zip(kept, copies, strict=True))
    for batch in kept + again:
        assert [number_of(i.permute(1, 2, 0).numpy()) for i in batch["image"]] == batch["row"].tolist()
    data.teardown("fit")


@pytest.mark.parametrize("workers", [0, 2])
def test_loaded_state_goes_on_behind_the_batches_that_were_taken(make: Make, workers: int) -> None:
    whole = epochs(make().train_dataloader(), 2)
    data = make(num_workers=workers)  # workers prefetch four batches more than are taken
    loader = data.train_dataloader()
    loader.set_epoch(2)
    taken = list(islice(loader, 3))
    state = loader.state_dict()
    assert (len(taken), state["epoch"], state["batches"]) == (3, 2, 3)
    fresh = make().train_dataloader()
    fresh.load_state_dict(state)
    assert fresh.state_dict() == state
    assert len(fresh) == 8
    fresh.set_epoch(2)  # as Lightning does, after loading
    assert_same(list(fresh), whole[3:])
    assert_same(list(fresh), whole)  # once more, and from the start
    fresh.load_state_dict(state)
    assert_same(epochs(fresh, 3), epochs(make().train_dataloader(), 3))  # the state is of another epoch
    data.teardown("fit")


def test_augmentation_of_an_image_changes_from_epoch_to_epoch(make: Make) -> None:
    loader = make(augmentation=AUGMENTATION, batch_size=38).train_dataloader()
    (one,), (two,), (again,) = epochs(loader, 0), epochs(loader, 1), epochs(loader, 0)
    assert_same([one], [again])
    first, second = one["image"][one["row"].argsort()], two["image"][two["row"].argsort()]
    changed = (first != second).flatten(1).any(dim=1)
    assert changed.sum() > 30  # not all: black stays black


def test_weights_make_training_draw_with_replacement(make: Make) -> None:
    weights = np.ones(46)
    weights[:5] = 20
    rows = rows_of(epochs(make(weights=weights).train_dataloader(), 0, 1, 2))
    assert len(rows) == 3 * 38
    assert np.mean(np.array(rows) < 5) > 0.5  # 100 of 133 parts; 13% without weights


def test_validation_and_test_are_in_order_and_the_same_every_time(make: Make) -> None:
    data = make(augmentation=AUGMENTATION)
    val = list(data.val_dataloader())
    assert rows_of(val) == [38, 39, 40, 41]
    assert [len(b["row"]) for b in val] == [2, 2]
    assert_same(val, list(data.val_dataloader()))
    assert rows_of(list(data.test_dataloader())) == [42, 43, 44, 45]


def test_predict_follows_the_rows_asked_for(make: Make) -> None:
    data = make()
    got = list(data.predict_dataloader([40, 3, 3, 17]))
    assert rows_of(got) == [40, 3, 3, 17]
    assert [number_of(i.permute(1, 2, 0).numpy()) for b in got for i in b["image"]] == [40, 3, 3, 17]
    assert rows_of(list(data.predict_dataloader())) == list(range(46))


def test_chunks_hold_every_position_once_and_stay_within_a_shard(make: Make) -> None:
    data = make()
    chunks = data.chunks()
    np.testing.assert_array_equal(np.sort(np.concatenate(chunks)), np.arange(46))
    assert all(len(set(data.store.shard_of[chunk])) == 1 for chunk in chunks)
    wanted = chunks[3:5]
    images = list(data.image_batches(wanted))
    numbers = [number_of(i.permute(1, 2, 0).numpy()) for batch in images for i in batch]
    positions = data.row_positions()
    assert [positions[number] for number in numbers] == np.concatenate(wanted).tolist()


def test_chunks_of_a_dataset_are_the_same_in_a_view_of_more(
    make: Make, catalog: pd.DataFrame, folder: Path
) -> None:
    def groups(data: LesionDataModule) -> set[tuple[str, ...]]:
        return {tuple(data.store.image_ids[chunk]) for chunk in data.chunks()}

    alone = catalog[catalog["dataset"] == "ham10000"].reset_index(drop=True)
    one = module_of(view_of(alone), folder)
    assert groups(one) < groups(make())
    assert one.preprocessing_fingerprint() == make(eval_batch_size=7).preprocessing_fingerprint()
    assert one.preprocessing_fingerprint() != make(fit="center_crop").preprocessing_fingerprint()


@pytest.mark.parametrize("workers", [0, 1])
def test_error_in_a_worker_reaches_the_caller_as_it_was(
    catalog: pd.DataFrame, tmp_path: Path, workers: int
) -> None:
    prepare(tmp_path, {"ddi": 6})
    view = view_of(catalog[catalog["dataset"] == "ddi"].iloc[:6].reset_index(drop=True), val=1, test=1)
    data = module_of(view, tmp_path, num_workers=workers)
    data.setup("fit")
    for tar in (tmp_path / "prepared").rglob("*.tar"):
        tar.write_bytes(tar.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"^\S*ddi-00000\.tar\n.*\n.*1,000 bytes"):
        list(data.train_dataloader())
    data.teardown("fit")


def test_view_with_an_image_that_is_not_in_the_shards_is_refused(make: Make) -> None:
    data = make()
    frame = data.view.frame.copy()
    frame.loc[0, "image_id"] = "ddi/unheard-of"
    data.view = replace(data.view, frame=frame)
    with pytest.raises(DataError, match="unheard-of"):
        data.setup("fit")


def test_loader_leaves_the_random_stream_of_the_model_alone(make: Make) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    list(make().train_dataloader())
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"batchsize": 4}, "loader.batchsize.*'batch_size'"),
        ({"mode": "index"}, "mode.*'indexed'"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_workers": -1}, "num_workers=-1"),
        ({"url": "s3://bucket/shards"}, "https://"),
        ({"fit": "stretch"}, "squash, center_crop"),
        ({"mode": "stream", "weights": np.arange(46)}, "balance.mode=loss"),
    ],
)
def test_senseless_settings_are_refused(make: Make, bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**bad)


def test_unknown_start_method_is_refused(make: Make) -> None:
    with pytest.raises(ConfigError, match="forkserver"):
        make(num_workers=1, start_method="thread").train_dataloader()


def test_workers_are_the_cores_of_one_process_at_most_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(24)), raising=False)
    assert [LoaderSettings().workers(world) for world in (1, 4, 24, 48)] == [8, 6, 1, 1]
    assert LoaderSettings(num_workers=3).workers(4) == 3


@pytest.mark.parametrize("name", ["indexed", "stream"])
def test_configuration_files_hold_known_settings(name: str) -> None:
    config = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    assert isinstance(config, dict)
    config.pop("defaults", None)
    assert settings_of(LoaderSettings, config, "loader").mode == name


# Lightning: stop in the middle of an epoch, go on, end with the same weights.


class Tiny(pl.LightningModule):
    """A linear model that remembers which rows it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(3 * 16 * 16, 1)
        self.rows: list[list[int]] = []
        self.kill_at: int | None = None

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        if self.kill_at is not None and self.trainer.fit_loop.total_batch_idx == self.kill_at:
            self.trainer.save_checkpoint(self.trainer.default_root_dir + "/killed.ckpt")
            raise KeyboardInterrupt
        self.rows.append(batch["row"].tolist())
        logit = self.layer(batch["image"].float().flatten(1) / 255 - 0.5).squeeze(1)
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            logit, batch["target"].float(), weight=batch["weight"]
        )
        return losses.mean()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.log("val/rows", float(batch["row"].sum()), batch_size=len(batch["row"]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


def fit(
    data: LesionDataModule,
    folder: Path,
    *,
    resume: Path | None = None,
    kill_at: int | None = None,
    **trainer: Any,
) -> Tiny:
    """Train a Tiny; `kill_at` is the batch in whose middle it saves a checkpoint and stops."""
    module = Tiny()
    module.kill_at = kill_at
    checkpoints = ModelCheckpoint(folder, filename="{step}", every_n_train_steps=1, save_top_k=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = {"max_epochs": 3, "accumulate_grad_batches": 2, **trainer}
        runner = pl.Trainer(
            accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
            num_sanity_val_steps=0, default_root_dir=folder, callbacks=[checkpoints],
            use_distributed_sampler=False, **trainer,
        )  # fmt: skip
        with contextlib.suppress(SystemExit, KeyboardInterrupt):  # Lightning makes one of the other
            runner.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return module


@pytest.fixture(scope="module")
def whole(catalog: pd.DataFrame, folder: Path) -> tuple[Tiny, Path]:
    """A run of 3 epochs of 8 batches, 4 steps each, with a checkpoint after every step."""
    data = module_of(view_of(catalog), folder, AUGMENTATION, batch_size=5, eval_batch_size=3, num_workers=0)
    return fit(data, folder / "whole"), folder / "whole"


def assert_same_end(module: Tiny, whole: Tiny) -> None:
    for name, weights in whole.state_dict().items():
        assert torch.equal(module.state_dict()[name], weights), name


@pytest.mark.parametrize(
    ("step", "workers"),
    [
        (2, 0),
        pytest.param(5, 1, marks=LONG),
        pytest.param(6, 2, marks=LONG),
        pytest.param(4, 1, marks=LONG),
        (8, 0),
    ],
)
def test_run_resumed_from_any_step_ends_with_the_same_weights(
    make: Make, whole: tuple[Tiny, Path], tmp_path: Path, step: int, workers: int
) -> None:
    """Steps 4 and 8 are ends of epochs, the others are in the middle."""
    data = make(augmentation=AUGMENTATION, num_workers=workers)
    module = fit(data, tmp_path, resume=whole[1] / f"step={step}.ckpt")
    assert module.rows == whole[0].rows[2 * step :]
    assert_same_end(module, whole[0])


@pytest.mark.parametrize("workers", [pytest.param(1, marks=LONG), pytest.param(2, marks=LONG)])
def test_run_with_workers_ends_with_the_same_weights(
    make: Make, whole: tuple[Tiny, Path], tmp_path: Path, workers: int
) -> None:
    module = fit(make(augmentation=AUGMENTATION, num_workers=workers), tmp_path)
    assert module.rows == whole[0].rows
    assert_same_end(module, whole[0])


@pytest.mark.long
def test_checkpoint_made_in_the_middle_of_a_step_does_not_lose_its_batch(
    make: Make, whole: tuple[Tiny, Path], tmp_path: Path
) -> None:
    # batch 10 is the first of an accumulation: Lightning does not save gradients of half a step
    stopped = fit(make(augmentation=AUGMENTATION, num_workers=1), tmp_path, kill_at=10)
    assert stopped.rows == whole[0].rows[:10]
    module = fit(make(augmentation=AUGMENTATION), tmp_path, resume=tmp_path / "killed.ckpt")
    assert module.rows == whole[0].rows[10:]
    assert_same_end(module, whole[0])


@pytest.mark.long
def test_streamed_run_resumes_with_the_next_batch(make: Make, tmp_path: Path) -> None:
    streamed = {"mode": "stream", "num_workers": 1}
    whole = fit(make(**streamed), tmp_path / "whole", max_epochs=2)
    checkpoint = tmp_path / "whole" / "step=2.ckpt"
    module = fit(make(**streamed), tmp_path / "resumed", max_epochs=2, resume=checkpoint)
    assert len(whole.rows) == 16
    assert module.rows == whole.rows[4:]
    assert_same_end(module, whole)


def test_run_cannot_be_resumed_in_mid_epoch_with_other_batches(
    make: Make, whole: tuple[Tiny, Path], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="batch_size was 5, is 6"):
        fit(make(batch_size=6), tmp_path, resume=whole[1] / "step=2.ckpt")
