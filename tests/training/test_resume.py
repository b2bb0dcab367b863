"""A run killed in the middle of an epoch ends as one that was not; the number of workers changes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.conftest import tiny_overrides

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = (
    "experiment=multi_balanced", "backbone=siglip_tiny", "finetune=last_2", "logger=csv", "probe=logistic",
    "trainer=cpu", "trainer.max_epochs=2", "loader.batch_size=8", "trainer.effective_batch_size=16",
    "callbacks.checkpoint_every_steps=1",
)  # fmt: skip


def command(workspace: Path, folder: Path, *more: str) -> list[str]:
    overrides = [o for o in tiny_overrides(workspace) if not o.startswith("loader.num_workers")]
    return [sys.executable, "train.py", *overrides, *RUN, *more, f"hydra.run.dir={folder}"]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}


def run_to_the_end(workspace: Path, folder: Path, *more: str) -> None:
    done = subprocess.run(
        command(workspace, folder, f"paths.cache={folder}_cache", *more),
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def kill_in_mid_epoch(workspace: Path, folder: Path) -> None:
    """SIGKILL once a checkpoint of the first epoch is there and the epoch goes on."""
    process = subprocess.Popen(
        command(workspace, folder, f"paths.cache={folder}_cache", "loader.num_workers=1"),
        cwd=ROOT, env=environment(), start_new_session=True,
        stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    last = folder / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        if last.is_file():
            break
        time.sleep(0.02)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    progress = torch.load(last, weights_only=True)
    assert not (folder / "predictions.parquet").exists()
    batches = progress["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["completed"]
    assert batches > 0, "killed before the first batch"


def assert_same_end(one: Path, other: Path) -> None:
    weights = [
        torch.load(f / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for f in (one, other)
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
    tables = [pd.read_parquet(f / "predictions.parquet") for f in (one, other)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.mark.slow
@pytest.mark.long
def test_killed_and_resumed_run_ends_bit_for_bit_as_a_whole_one(workspace: Path, tmp_path: Path) -> None:
    run_to_the_end(workspace, tmp_path / "whole", "loader.num_workers=1")
    kill_in_mid_epoch(workspace, tmp_path / "killed")
    done = subprocess.run(
        [sys.executable, "train.py", f"resume={tmp_path / 'killed'}"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert_same_end(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.long
@pytest.mark.slow
def test_number_of_workers_does_not_change_a_bit(workspace: Path, tmp_path: Path) -> None:
    for workers in (0, 1, 2):
        run_to_the_end(workspace, tmp_path / str(workers), f"loader.num_workers={workers}")
    assert_same_end(tmp_path / "0", tmp_path / "1")
    assert_same_end(tmp_path / "0", tmp_path / "2")
