"""A signal ends a command with 128 plus its number and one line, and what was trained can be gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from skintag.commands.jobs import jobs_of
from skintag.models.torch_files import load_checkpoint
from tests.conftest import tiny_overrides

ROOT = Path(__file__).parents[2]
LONG = (
    "backbone=siglip_tiny",
    "trainer.accelerator=cpu",
    "loader.batch_size=16",
    "trainer.effective_batch_size=16",
    "trainer.max_epochs=400",
    "callbacks.patience=null",
    "robustness=false",
    "report=false",
    "~probe",
)


def start(workspace: Path, runs: Path, *more: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "WANDB_MODE": "offline", "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        str(ROOT / "train.py"),
        *tiny_overrides(workspace),
        *LONG,
        f"paths.runs={runs}",
        *more,
    ]
    return subprocess.Popen(
        command,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        preexec_fn=_heed_ctrl_c,
    )


def _heed_ctrl_c() -> None:
    """A shell starts what it runs in the background with SIGINT ignored, which would be inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(pattern: str, folder: Path, process: subprocess.Popen[str], seconds: float = 240) -> Path:
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        if found := sorted(folder.rglob(pattern)):
            return found[0]
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)
    process.kill()
    raise AssertionError(f"no {pattern} within {seconds} s: {process.communicate()[0]}")


@pytest.mark.long
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_training_with_its_status_and_says_how_to_go_on(
    workspace: Path, tmp_path: Path, signum: int, status: int
) -> None:
    process = start(workspace, tmp_path)
    folder = wait_for("last.ckpt", tmp_path, process).parents[1]
    process.send_signal(signum)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == status, said
    assert "Traceback" not in said
    assert f"stopped; go on with: skintag train resume={folder}" in said
    assert not (folder / "predictions.parquet").exists()
    if signum == signal.SIGTERM:
        epoch = load_checkpoint(folder / "checkpoints" / "last.ckpt")["epoch"]
        again = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), f"resume={folder}", f"trainer.max_epochs={epoch + 2}"],
            text=True, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert again.returncode == 0, again.stderr
        assert len(pd.read_parquet(folder / "predictions.parquet"))


@pytest.mark.long
def test_a_signal_ends_a_sweep_and_no_further_job_begins(workspace: Path, tmp_path: Path) -> None:
    process = start(workspace, tmp_path, "-m", "seed=0,1")
    wait_for("last.ckpt", tmp_path, process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "Traceback" not in said
    [(_, job)] = jobs_of(tmp_path)
    assert job.status == "stopped"
