"""The training's W&B logger: told how to log with each run, and never a reason for a training to end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from skintag.tracking.logger import PatientWandbLogger


@pytest.fixture(autouse=True)
def _no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DISABLED", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield
    wandb.teardown()  # it keeps what it read of this environment, for the tests that follow in this process


@pytest.mark.long
def test_run_stays_offline_in_a_process_that_was_online_before(tmp_path: Path) -> None:
    """W&B reads its environment once a process: a run opened later would go by that, and wait for a server."""
    code = f"""
import os
os.environ["WANDB_API_KEY"] = "0" * 40
os.environ.pop("WANDB_MODE", None)
import wandb
wandb.setup()
del os.environ["WANDB_API_KEY"]
from skintag.tracking.logger import PatientWandbLogger
logger = PatientWandbLogger(project="p", id="abc", save_dir={str(tmp_path)!r})
logger.log_metrics({{"a": 1.0}})
assert logger.experiment.offline
wandb.finish()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


def test_server_that_does_not_answer_makes_the_run_an_offline_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    opened, modes = wandb.init, []

    def init(**options: Any) -> Any:
        modes.append(options["mode"])
        if options["mode"] == "online":
            raise wandb.errors.CommError("no route to host")
        return opened(**options)

    monkeypatch.setattr(wandb, "init", init)
    logger = PatientWandbLogger(project="p", id="def", save_dir=str(tmp_path))
    logger.log_metrics({"a": 1.0})
    run = logger.experiment
    assert run.offline
    assert modes == ["online", "offline"]
    assert capsys.readouterr().err.count("written offline") == 1
    wandb.finish()


@pytest.mark.parametrize("asked", [{"offline": True}, {"mode": "offline"}])
def test_offline_can_be_asked_for_in_spite_of_a_login(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    logger = PatientWandbLogger(project="p", id="ghi", save_dir=str(tmp_path), **asked)
    assert logger.experiment.offline
    wandb.finish()


def test_an_offline_run_leaves_the_next_one_to_its_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    logger = PatientWandbLogger(project="p", id="jkl", save_dir=str(tmp_path), offline=True)
    assert logger.experiment.offline
    wandb.finish()
    assert PatientWandbLogger(project="p", save_dir=str(tmp_path))._wandb_init["mode"] == "online"
    off = PatientWandbLogger(project="p", save_dir=str(tmp_path), mode="disabled")
    assert off._wandb_init["mode"] == "disabled"
