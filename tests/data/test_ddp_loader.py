"""Two processes (gloo) under DDP: each image exactly once an epoch over both, equally many batches."""

from __future__ import annotations

import json
import os
import socket
import warnings
from pathlib import Path

import lightning.pytorch as pl
import pandas as pd
import pytest
import torch
import torch.multiprocessing as mp

from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.loading.loader import Batch
from skintag.data.loading.settings import LoaderSettings
from tests.data.loader_fixtures import prepare, view_of

pytestmark = pytest.mark.long  # processes side by side
WORLD = 2
SIZES = {
    "ham10000": 31,
    "ddi": 7,
    "pad_ufes_20": 1,
}  # at 4 images a shard: 8 + 2 + 1 shards, several of them small
VAL, TEST = 5, 7  # neither is even
TRAIN = sum(SIZES.values()) - VAL - TEST
MODES = ("indexed", "stream")


class Recorder(pl.LightningModule):
    """DDP sends its BatchNorm's buffers around before every forward: fewer batches on one rank would hang."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
        self.seen: dict[str, list[list[int]]] = {}

    def record(self, name: str, batch: Batch) -> torch.Tensor:
        self.seen.setdefault(name, []).append(batch["row"].tolist())
        return self.model(batch["image"].float().mean(dim=(2, 3))).mean()

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        return self.record(f"train {self.current_epoch}", batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        if not self.trainer.sanity_checking:
            self.record(f"val {self.current_epoch}", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.record("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> None:
        self.record("predict", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def process(rank: int, folder: Path, catalog: pd.DataFrame, port: int) -> None:
    """One rank: fit, test and predict in both modes; writes what it saw."""
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_RANK": str(rank), "NODE_RANK": "0",
        "WORLD_SIZE": str(WORLD),
    }  # fmt: skip
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    seen = {}
    for mode in MODES:
        data = LesionDataModule(
            view=view_of(catalog, VAL, TEST), prepared=folder / "prepared", image_size=16,
            augmentation=None, seed=0,
            loader=LoaderSettings(mode=mode, batch_size=4, eval_batch_size=2, num_workers=0),
        )  # fmt: skip
        trainer = pl.Trainer(
            accelerator="cpu", devices=WORLD, strategy="ddp", max_epochs=2, use_distributed_sampler=False,
            logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        module = Recorder()
        trainer.fit(module, datamodule=data)
        trainer.test(module, datamodule=data, verbose=False)
        trainer.predict(module, datamodule=data, return_predictions=False)
        seen[mode] = module.seen
    (folder / f"seen-{rank}.json").write_text(json.dumps(seen))


Seen = list[dict[str, list[list[int]]]]
"""For each rank: name of the phase -> batches of rows."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """Mode -> what the two ranks saw."""
    folder = tmp_path_factory.mktemp("ddp")
    catalog = prepare(folder, SIZES, samples_per_shard=4)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(process, (folder, catalog, port), nprocs=WORLD)
    ranks = [json.loads((folder / f"seen-{rank}.json").read_text()) for rank in range(WORLD)]
    return {mode: [rank[mode] for rank in ranks] for mode in MODES}


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


@pytest.mark.parametrize("mode", MODES)
def test_ranks_have_equally_many_batches_in_every_phase(runs: dict[str, Seen], mode: str) -> None:
    one, two = runs[mode]
    assert set(one) == set(two) == {"val 0", "val 1", "train 0", "train 1", "test", "predict"}
    assert {phase: len(batches) for phase, batches in one.items()} == {k: len(v) for k, v in two.items()}


@pytest.mark.parametrize("mode", MODES)
def test_ranks_share_out_evaluation_in_order_without_a_repeat(runs: dict[str, Seen], mode: str) -> None:
    one, two = runs[mode]
    val, test = range(TRAIN, TRAIN + VAL), range(TRAIN + VAL, TRAIN + VAL + TEST)
    for phase, rows in {"val 1": val, "test": test, "predict": range(TRAIN + VAL + TEST)}.items():
        assert flat(one[phase]) + flat(two[phase]) == list(rows), phase


def test_indexed_ranks_see_each_image_exactly_once_an_epoch(runs: dict[str, Seen]) -> None:
    one, two = runs["indexed"]
    for epoch in ("train 0", "train 1"):
        assert sorted(flat(one[epoch]) + flat(two[epoch])) == list(range(TRAIN)), epoch
    assert flat(one["train 0"]) != flat(one["train 1"])


def test_streaming_ranks_see_different_images_in_full_batches(runs: dict[str, Seen]) -> None:
    one, two = runs["stream"]
    for epoch in ("train 0", "train 1"):
        assert {len(batch) for batch in one[epoch] + two[epoch]} == {4}
        assert not set(flat(one[epoch])) & set(flat(two[epoch])), epoch
        assert len({*flat(one[epoch]), *flat(two[epoch])}) > 0.7 * TRAIN, epoch
