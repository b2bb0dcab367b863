"""Sweeps: a job that fails does not end the others, and a killed sweep goes on where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from omegaconf import OmegaConf

from skintag.commands.jobs import Job, jobs_of, summary
from skintag.commands.sweeps import expand_resume
from skintag.core.errors import ConfigError, DataError
from tests.conftest import tiny_overrides

ROOT = Path(__file__).resolve().parent.parent.parent
# a command with two-line jobs, to try sweeps without training
COMMAND = """
import sys, time
from pathlib import Path
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from skintag.commands.cli import run_command
from skintag.core.errors import ConfigError

def main(config: DictConfig) -> float:
    folder = Path(HydraConfig.get().runtime.output_dir)
    with (folder / "started.txt").open("a") as stream:
        stream.write(f"{config.resume}\\n")
    if config.seed == 1:
        raise ConfigError("seed=1 is impossible\\n  to do: take another")
    if config.seed == 2 and not Path(config.paths.raw, "go").exists():
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "checkpoints" / "last.ckpt").touch()
        time.sleep(600)
    return config.seed / 10

if __name__ == "__main__":
    run_command("train", main)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(COMMAND)
    return path


def arguments(tmp_path: Path, *more: str) -> list[str]:
    paths = [
        f"paths.raw={tmp_path}",
        f"hydra.sweep.dir={tmp_path}/sweep",
        "hydra.sweep.subdir=${hydra.job.num}",
    ]
    return [*paths, *more]


def start(program: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(program), *arguments], cwd=ROOT, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run(program: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(program, *arguments)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists(), "the job never came to that"


def starts(folder: Path) -> list[str]:
    return (folder / "started.txt").read_text().split()


def test_failing_job_is_written_down_and_the_others_run(program: Path, tmp_path: Path) -> None:
    status, out, err = run(program, "-m", *arguments(tmp_path, "seed=0,1,3"))
    jobs = dict(enumerate(job for _, job in jobs_of(tmp_path / "sweep")))
    assert {n: job.status for n, job in jobs.items()} == {0: "finished", 1: "failed", 2: "finished"}
    assert (jobs[0].value, jobs[2].value) == (0.0, 0.3)
    assert "take another" in (tmp_path / "sweep" / "1" / "error.txt").read_text()
    assert status == 1
    failed = [line for line in err.splitlines() if "impossible" in line]
    assert len(failed) == 1
    assert failed[0].startswith("job 1 failed: seed=1 is impossible")
    assert "Traceback" not in err
    for shown in ("seed=0", "seed=1", "seed=3", "failed", "finished"):
        assert shown in out


def test_unexpected_failure_keeps_its_traceback_in_the_file(program: Path, tmp_path: Path) -> None:
    program.write_text(COMMAND.replace('ConfigError("seed=1', 'RuntimeError("seed=1'))
    status, _, err = run(program, "-m", *arguments(tmp_path, "seed=1"))
    assert status == 1
    assert "RuntimeError: seed=1 is impossible" in err
    assert "Traceback" not in err
    assert "Traceback" in (tmp_path / "sweep" / "0" / "error.txt").read_text()


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.long)])
def test_killed_sweep_goes_on_where_it_stopped(launcher: str, program: Path, tmp_path: Path) -> None:
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = tmp_path / "sweep"
    parallel = [] if launcher == "basic" else ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    process = start(program, "-m", *arguments(tmp_path, "seed=0,1,2,3", *parallel))
    wait_for(sweep / "2" / "checkpoints" / "last.ckpt", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert Job.read(sweep / "0").status == "finished"
    assert Job.read(sweep / "2").status == "running"
    (tmp_path / "go").touch()
    status, out, err = run(program, f"resume={sweep}")  # what it was, multirun included, is known
    assert status == 1, err  # for job 1, which fails again
    assert [job.status for _, job in jobs_of(sweep)] == ["finished", "failed", "finished", "finished"]
    assert starts(sweep / "0") == ["None"], "a finished job is not run again"
    assert starts(sweep / "1") == ["None", "None"]
    assert starts(sweep / "2") == ["None", str(sweep / "2")], "it goes on from its checkpoint"
    assert "seed=3" in out


def test_job_that_still_runs_is_left_alone(program: Path, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    process = start(program, "-m", *arguments(tmp_path, "seed=2"))
    wait_for(sweep / "0" / "checkpoints" / "last.ckpt", process)
    try:
        status, _, err = run(program, "-m", f"resume={sweep}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert status == 1
    assert "job 0 still runs" in err
    assert starts(sweep / "0") == ["None"]


def sweep_folder(folder: Path) -> Path:
    folder.mkdir()
    overrides = {
        "task": ["experiment=multi", "seed=0,1", "resume=/old"],
        "hydra": ["hydra.sweep.dir=elsewhere", "hydra/launcher=joblib", "hydra.mode=MULTIRUN"],
    }
    OmegaConf.save({"hydra": {"overrides": overrides}}, folder / "multirun.yaml")
    return folder


def test_resume_of_a_sweep_repeats_its_arguments_in_its_folder(tmp_path: Path) -> None:
    folder = sweep_folder(tmp_path / "sweep")
    expanded = expand_resume(folder, ["-m", f"resume={folder}"])
    assert expanded == [
        "--multirun", "experiment=multi", "seed=0,1", "hydra/launcher=joblib", f"resume={folder}",
        f"hydra.sweep.dir={folder}",
    ]  # fmt: skip
    assert sorted(expand_resume(folder, expanded[:1] + expanded[3:])) == sorted(expanded)


def test_resume_of_a_sweep_takes_no_other_settings(tmp_path: Path) -> None:
    folder = sweep_folder(tmp_path / "sweep")
    with pytest.raises(ConfigError, match="leave out seed=5"):
        expand_resume(folder, [f"resume={folder}", "seed=5"])


def test_other_job_under_the_same_number_is_refused(program: Path, tmp_path: Path) -> None:
    run(program, "-m", *arguments(tmp_path, "seed=3,4"))
    record = tmp_path / "sweep" / "1" / "job.json"
    record.write_text(record.read_text().replace("seed=4", "seed=7"))
    status, _, err = run(program, f"resume={tmp_path}/sweep")
    assert status == 1
    assert "job 1 failed" in err


def test_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text("{")
    with pytest.raises(DataError, match=r"job\.json"):
        Job.read(tmp_path)


def test_summary_shows_what_sets_jobs_apart(tmp_path: Path) -> None:
    jobs = [(tmp_path, Job(i, ("experiment=multi", f"seed={i}"), "finished", 2.0)) for i in range(2)]
    metrics: dict[str, Any] = {"models": {"head": {"groups": {"overall": {"all": {"auroc": 0.8125}}}}}}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    table = summary(jobs)
    assert list(table.columns[1].cells) == ["seed=0", "seed=1"]
    assert list(table.columns[4].cells) == ["0.812", "0.812"]
    assert "experiment=multi" in str(table.caption)


@pytest.mark.long
@pytest.mark.slow
def test_killed_sweep_of_runs_ends_with_the_predictions_of_a_whole_one(
    workspace: Path, tmp_path: Path
) -> None:
    overrides = [
        *tiny_overrides(workspace), "backbone=siglip_tiny", "finetune=last_2", "augment=none", "trainer=cpu",
        "trainer.max_epochs=2", "loader.batch_size=8", "logger=csv",
        "probe=majority", "callbacks.checkpoint_every_steps=1", "seed=0,1",
        "trainer.effective_batch_size=16,17",  # one that no batch size divides
        "hydra.sweep.subdir=${hydra.job.num}",
    ]  # fmt: skip
    program = ROOT / "train.py"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(program, "-m", *overrides, f"hydra.sweep.dir={whole}")[0] == 1
    process = start(program, "-m", *overrides, f"hydra.sweep.dir={killed}")
    wait_for(killed / "2" / "checkpoints" / "last.ckpt", process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (killed / "2" / "provenance.json").exists()
    run(program, f"resume={killed}")
    assert [job.status for _, job in jobs_of(killed)] == [job.status for _, job in jobs_of(whole)]
    for number in (0, 2):
        tables = [pd.read_parquet(f / str(number) / "predictions.parquet") for f in (whole, killed)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
