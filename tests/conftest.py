"""A tiny benchmark, prepared once per test process, and configurations composed on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# a processor that is shared makes an example slow, not wrong
hypothesis.settings.register_profile("skintag", deadline=None)
hypothesis.settings.load_profile("skintag")

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `raw`, `prepared` and `cache`: five synthetic datasets, about 300 small images in all."""
    folder = tmp_path_factory.mktemp("workspace")
    prepare(compose_config(folder))
    return folder


def prepare(config):
    """The prepared folder of a composed configuration."""
    from skintag.core.config import plain
    from skintag.core.settings import settings_of
    from skintag.data.prepared.opening import ensure_prepared
    from skintag.data.prepared.settings import DataSettings

    return ensure_prepared(settings_of(DataSettings, plain(config.data), "data"))


def train(config, folder: Path):
    """The run of a composed configuration."""
    from skintag.runs.settings import RunSettings
    from skintag.training.train import train as run

    return run(RunSettings.of(config), folder)


def compose_config(workspace: Path, *overrides: str, name: str = "train"):
    """`configs/<name>.yaml` with its paths inside `workspace`, tiny synthetic data, and `overrides`."""
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose(name, overrides=[*tiny_overrides(workspace), *overrides])


def tiny_overrides(workspace: Path) -> list[str]:
    """What makes a run small enough for a test."""
    return [
        f"paths.raw={workspace}/raw",
        f"paths.prepared={workspace}/prepared",
        f"paths.cache={workspace}/cache",
        f"paths.runs={workspace}/runs",
        "data=synthetic",
        "data.synthetic.images=300",
        "data.synthetic.scale=0.25",
        "data.workers=1",
        "loader.num_workers=0",
        "report=false",
    ]


@pytest.fixture
def compose_run(workspace: Path) -> Callable[..., object]:
    """`compose_run("experiment=multi", ...)`: a training configuration on the tiny data."""
    return lambda *overrides: compose_config(workspace, *overrides)


@pytest.fixture(scope="session")
def finished_run(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny finished run as `train.py` leaves it; copy it before changing anything in it."""
    from omegaconf import OmegaConf

    small = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16")
    config = compose_config(workspace, *small, "experiment=multi_balanced")
    folder = tmp_path_factory.mktemp("runs") / "finished"
    (folder / ".hydra").mkdir(parents=True)
    # what Hydra writes at the start of a run
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    runtime = {"cwd": str(workspace), "choices": {"split": "grouped"}}
    OmegaConf.save({"hydra": {"runtime": runtime}}, folder / ".hydra" / "hydra.yaml")
    train(config, folder)
    return folder
