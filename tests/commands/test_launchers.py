"""Sweeps: launchers run their jobs, searches maximise a value of val rows, and their spaces are train.py's."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from skintag.core.config import instantiate
from skintag.core.errors import ConfigError, DataError
from skintag.evaluation.decisions.selection import Selection
from skintag.evaluation.predictions.predictions import Predictions
from tests.conftest import CONFIGS, compose_config, tiny_overrides

ROOT = CONFIGS.parent
SWEEP = ROOT / "experiments" / "sweeps" / "wandb.yaml"
Compose = Callable[..., DictConfig]


def predictions(val_scores: list[float], test_scores: list[float], targets: list[int]) -> Predictions:
    frame = pd.DataFrame(
        {
            "image_id": [f"{s}{i}" for s in ("val", "test") for i in range(len(targets))],
            "dataset": "d",
            "domain": ["clinical", "clinical", "smartphone", "smartphone"] * (len(targets) // 2),
            "split": ["val"] * len(targets) + ["test"] * len(targets),
            "model": "head",
            "p_malignant": [*val_scores, *test_scores],
            "target": targets * 2,
        }
    )
    return Predictions(frame)


def test_search_sees_val_rows_only() -> None:
    right, wrong = [0.1, 0.9, 0.1, 0.9], [0.9, 0.1, 0.9, 0.1]
    assert Selection().of(predictions(right, wrong, [0, 1, 0, 1])) == 1.0
    assert Selection().of(predictions(wrong, right, [0, 1, 0, 1])) == 0.0


def test_search_can_look_at_the_worst_group_alone() -> None:
    scores, targets = [0.1, 0.9, 0.9, 0.1], [0, 1, 0, 1]  # clinical right, smartphone wrong
    table = predictions(scores, scores, targets)
    assert Selection(grouping="domain", minimum=1).of(table) == 0.0
    with pytest.raises(DataError, match=r"select\.minimum"):
        Selection(grouping="domain", minimum=2).of(table)


def test_run_without_the_model_has_no_value_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    table = predictions([0.1, 0.9], [0.1, 0.9], [0, 1])
    assert np.isnan(Selection(model="haed").for_search(table))
    assert "did you mean 'head'" in capsys.readouterr().err


def test_smaller_loss_is_the_larger_value() -> None:
    table = predictions([0.0, 0.5, 0.0, 1.0], [0.5] * 4, [0, 1, 0, 1])
    assert Selection(metric="brier").of(table) == pytest.approx(-0.0625)


@pytest.mark.parametrize("wrong", [{"metric": "sensitivity"}, {"grouping": "domains"}])
def test_selection_that_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong.values()))):
        Selection(**wrong)


def test_run_selects_what_its_configuration_says(compose_run: Compose) -> None:
    assert instantiate(compose_run("select.metric=brier").select) == Selection(metric="brier")


LAUNCHERS = {
    "parallel": ("hydra_joblib_launcher", "JoblibLauncher"),
    "submitit": ("hydra_submitit_launcher", "LocalLauncher"),
    "slurm": ("hydra_submitit_launcher", "SlurmLauncher"),
    "ray_local": ("hydra_ray_launcher", "RayLauncher"),
}


@pytest.mark.parametrize(("launcher", "plugin"), LAUNCHERS.items())
def test_launcher_extends_its_plugins_config(launcher: str, plugin: tuple[str, str], workspace: Path) -> None:
    pytest.importorskip(f"hydra_plugins.{plugin[0]}")
    whole = compose_whole(workspace, f"hydra/launcher={launcher}")
    assert whole.hydra.launcher._target_.endswith(plugin[1])


def compose_whole(workspace: Path, *overrides: str) -> DictConfig:
    """`train.yaml` with Hydra's own part."""
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", overrides=[*tiny_overrides(workspace), *overrides], return_hydra_config=True)


def sampled(parameters: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """A value of each parameter, as W&B's server proposes them."""
    values = {}
    for name, space in parameters.items():
        if "values" in space:
            values[name] = space["values"][rng.integers(len(space["values"]))]
        elif space["distribution"] == "log_uniform_values":
            values[name] = float(np.exp(rng.uniform(np.log(space["min"]), np.log(space["max"]))))
        else:
            assert space["distribution"] == "uniform", f"{name}: sample {space['distribution']} here too"
            values[name] = float(rng.uniform(space["min"], space["max"]))
    return values


def agent_command(definition: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """What `wandb agent` runs for sampled values, translated by W&B's own code."""
    utils = importlib.import_module("wandb.sdk.launch.sweeps.utils")
    proposed = {"args": {name: {"value": value} for name, value in values.items()}}
    macros = {"args_no_hyphens": utils.create_sweep_command_args(proposed)["args_no_hyphens"]}
    macros |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [definition["program"]]}
    words: list[str] = []
    for word in utils.create_sweep_command(list(definition["command"])):
        words += macros[word[2:-1]] if word.startswith("${") else [word]
    return words


def test_wandb_sweep_proposes_what_train_takes(workspace: Path) -> None:
    definition = yaml.safe_load(SWEEP.read_text())
    assert (ROOT / definition["program"]).is_file()
    for seed in range(5):
        values = sampled(definition["parameters"], np.random.default_rng(seed))
        command = agent_command(definition, values)
        assert command[:3] == ["/usr/bin/env", "python", "train.py"]
        config = compose_config(workspace, *command[3:])
        assert config.optimizer.head_lr == pytest.approx(values["optimizer.head_lr"])
        assert config.head.dropout == pytest.approx(values["head.dropout"])
        target = config.objective["_target_"]
        assert target.rsplit(".", 1)[-1].lower() == values["objective"]
        assert config.logger.wandb.project == definition["project"]
        instantiate(config.optimizer)


def test_both_searches_look_at_the_same_space() -> None:
    wandb_names = set(yaml.safe_load(SWEEP.read_text())["parameters"])
    optuna = OmegaConf.load(CONFIGS / "sweep" / "optuna.yaml")
    assert set(optuna.hydra.sweeper.params) == wandb_names


def test_optuna_search_composes(workspace: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    sweeper = compose_whole(workspace, "sweep=optuna").hydra.sweeper
    assert sweeper._target_.endswith("OptunaSweeper")
    assert "objective" in sweeper.params


@pytest.mark.parametrize(
    ("missing", "extra"),
    [
        ("hydra/sweeper/optuna", "optuna"),
        ("hydra/launcher/submitit_slurm", "submitit"),
        ("hydra/launcher/ray", "ray"),
    ],
)
def test_plugin_that_is_not_installed_is_named_with_its_extra(missing: str, extra: str) -> None:
    from hydra.errors import MissingConfigException

    from skintag.commands.cli import explain

    error = MissingConfigException(f"Could not find '{missing}'", missing, [])
    said = explain(error, ["sweep=optuna", "hydra/launcher=parallel"], "train")
    assert f"pip install 'skintag[{extra}]'" in said
    assert "hydra/launcher:" not in said, "a launcher is no key of train.yaml, and no typo"


TINY = (
    "debug=one_batch",
    "loader.batch_size=16",
    "trainer.effective_batch_size=16",
    "probe=majority",
    "callbacks.features=[frozen]",
)


def sweep(workspace: Path, folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "train.py", "-m", *tiny_overrides(workspace), *TINY, f"hydra.sweep.dir={folder}", *overrides],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "plugin"),
    [("parallel", "hydra_joblib_launcher"), ("submitit", "hydra_submitit_launcher")],
)
def test_launcher_runs_both_jobs_of_a_sweep(
    launcher: str, plugin: str, workspace: Path, tmp_path: Path
) -> None:
    pytest.importorskip(f"hydra_plugins.{plugin}")
    done = sweep(workspace, tmp_path, f"hydra/launcher={launcher}", "loader.num_workers=2", "seed=0,1")
    assert done.returncode == 0, done.stderr
    jobs = sorted(path.parent.name for path in tmp_path.glob("*/predictions.parquet"))
    assert jobs == ["0_train_seed0", "1_train_seed1"]
    tables = [pd.read_parquet(tmp_path / job / "predictions.parquet") for job in jobs]
    head = [table.loc[table["model"] == "head", "p_malignant"].to_numpy() for table in tables]
    assert not np.allclose(*head), "two seeds, yet the same scores: one job's settings reached both"


@pytest.mark.slow
def test_optuna_search_ends_with_the_best_job(workspace: Path, tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper.optuna_sweeper")
    done = sweep(workspace, tmp_path, "sweep=optuna", "hydra.sweeper.n_trials=2")
    assert done.returncode == 0, done.stderr
    best = OmegaConf.load(tmp_path / "optimization_results.yaml")
    values = [
        Selection().of(Predictions.read(path)) for path in sorted(tmp_path.glob("*/predictions.parquet"))
    ]
    assert len(values) == 2
    assert best.best_value == pytest.approx(max(values))
