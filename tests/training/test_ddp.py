"""Two processes on the processor (gloo): each sample once, and the predictions of one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import tiny_overrides

ROOT = Path(__file__).resolve().parent.parent.parent


def run(workspace: Path, folder: Path, *more: str) -> None:
    overrides = [
        *tiny_overrides(workspace), "experiment=multi", "backbone=siglip_tiny", "finetune=last_2",
        "logger=csv", "probe=majority", "trainer.max_epochs=1", "loader.batch_size=8",
        "trainer.effective_batch_size=16",
        f"paths.cache={folder}_cache", f"hydra.run.dir={folder}", *more,
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "train.py", *overrides], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.long
def test_two_processes_train_and_write_the_predictions_of_one(workspace: Path, tmp_path: Path) -> None:
    run(workspace, tmp_path / "two", "trainer=ddp_cpu")
    checkpoint = tmp_path / "two" / "checkpoints" / "best.ckpt"
    run(workspace, tmp_path / "one", "trainer=cpu", "fit=false", f"ckpt_path={checkpoint}")
    two, one = (pd.read_parquet(tmp_path / f / "predictions.parquet") for f in ("two", "one"))
    assert not two.duplicated(["image_id", "model"]).any()
    pd.testing.assert_frame_equal(one, two, check_exact=True)
