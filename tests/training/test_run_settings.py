"""Wrong values, foreign checkpoints and finished runs are refused before anything is computed, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from skintag.commands.resumed import expand_resume
from skintag.core.errors import ConfigError
from skintag.core.provenance import Stages
from skintag.runs.checkpoints import check_fits
from skintag.runs.settings import RunSettings
from skintag.training.callbacks.run_time import RunTime

Compose = Callable[..., DictConfig]


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        (
            "trainer.max_epochs=abc",
            r"trainer\.max_epochs=abc: expected a whole number of -1 or more, or null",
        ),
        ("trainer.max_epochs=2.5", "whole number"),
        ("seed=x", "seed=x: expected a whole number of 0 or more"),
        ("seed=true", "seed=True"),
        ("split_seed=null", "split_seed=null"),
        ("loader.batch_size=0", r"loader\.batch_size=0: expected a whole number of 1 or more"),
        ("trainer.gradient_clip_val=much", "a number of 0 or more, or null"),
        ("callbacks.checkpoint_every_steps=0", "checkpoint_every_steps"),
        ("compile=maybe", "compile=maybe: expected true or false"),
        ("report=yes_please", "expected true, false or auto"),
    ],
)
def test_wrong_value_is_named_with_what_would_do(override: str, wanted: str, compose_run: Compose) -> None:
    with pytest.raises(ConfigError, match=wanted):
        RunSettings.of(compose_run(override))


@pytest.mark.parametrize("override", ["trainer.max_epochs=null", "loader.num_workers=null", "report=auto"])
def test_right_values_pass(override: str, compose_run: Compose) -> None:
    RunSettings.of(compose_run(override))


def test_checkpoint_of_another_architecture_is_refused_by_name_and_shape(tmp_path: Path) -> None:
    small, large = nn.Sequential(nn.Linear(3, 2)), nn.Sequential(nn.Linear(5, 2))
    torch.save({"state_dict": small.state_dict()}, tmp_path / "small.ckpt")
    check_fits(small, tmp_path / "small.ckpt")  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match=r"small\.ckpt is of another model: 1 of 2 .* 0\.weight is \(2, 3\)"
    ):
        check_fits(large, tmp_path / "small.ckpt")  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_file_that_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.ckpt is no checkpoint"):
        check_fits(nn.Linear(1, 1), tmp_path / "x.ckpt")  # type: ignore[arg-type]


def test_finished_run_is_not_run_again_unless_something_changes(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("- seed=3\n- logger.wandb.group=${name}\n")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    (tmp_path / "provenance.json").write_text("{}")
    (tmp_path / "predictions.parquet").touch()
    with pytest.raises(ConfigError, match="has finished"):
        expand_resume([f"resume={tmp_path}"])
    more = expand_resume([f"resume={tmp_path}", "trainer.max_epochs=30"])
    assert {"seed=3", "logger.wandb.group=${name}", "trainer.max_epochs=30"} <= set(more)


def test_single_run_is_not_resumed_as_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out -m"):
        expand_resume(["-m", f"resume={tmp_path}"])


def test_times_of_the_parts_of_a_resumed_run_add_up() -> None:
    first, second = Stages({"data": 1.0, "fit": 10.0}), Stages({"fit": 2.0})
    checkpoint: dict[str, object] = {}
    RunTime(first, resumed=False).on_save_checkpoint(None, None, checkpoint)  # type: ignore[arg-type]
    for resumed, fit, parts in ((True, 12.0, 2), (False, 2.0, 1)):
        stages = Stages(dict(second.seconds))
        time = RunTime(stages, resumed=resumed)
        time.on_load_checkpoint(None, None, checkpoint)  # type: ignore[arg-type]
        assert (stages.seconds["fit"], time.parts) == (fit, parts)


def test_time_of_a_stage_under_way_counts() -> None:
    stages = Stages({"fit": 3.0})
    with stages.stage("fit"):
        assert stages.so_far()["fit"] >= 3.0
        assert stages.seconds["fit"] == 3.0
    assert stages.so_far() == stages.seconds


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        (
            ("~optimizer",),
            "optimizer is not set, and a run cannot be without it: leave optimizer=null or ~optimizer out",
        ),
        (("split=leave_one_domain_out",), "split.domain is not set"),
        (("+trainer.more=1",), "unexpected keyword|no trainer"),
        (("+trainer.nonsense=1",), "trainer: .*nonsense"),
        (("trainer.limit_val_batches=0",), "callbacks.patience=null"),
        (("trainer.accelerator=foo",), "trainer: "),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(
    overrides: tuple[str, ...], wanted: str, compose_run: Compose, tmp_path: Path
) -> None:
    from skintag.training.trainer import build_trainer

    with pytest.raises(ConfigError, match=wanted):
        build_trainer(RunSettings.of(compose_run(*overrides)), tmp_path, [])


def test_w_and_b_takes_what_its_logger_takes(compose_run: Compose) -> None:
    settings = RunSettings.of(compose_run("logger=wandb", "+logger.wandb.notes=hello", "logger.wandb.tags=a"))
    assert settings.logger.wandb is not None
    assert (settings.logger.wandb.more, settings.logger.wandb.tags) == ({"notes": "hello"}, ("a",))
    assert RunSettings.of(compose_run("logger=wandb", "logger.wandb=false")).logger.wandb is None


def test_compose_leaves_a_hydra_of_one_s_own_alone(tmp_path: Path) -> None:
    import hydra

    import skintag

    (tmp_path / "mine.yaml").write_text("a: 1\n")
    with hydra.initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert skintag.compose("experiment=multi", "seed=3").seed == 3
        assert hydra.compose("mine").a == 1


def test_folder_of_another_run_is_refused(compose_run: Compose, tmp_path: Path) -> None:
    from skintag.core.config import write_config

    write_config(RunSettings.of(compose_run("seed=1")).values, tmp_path)
    write_config(RunSettings.of(compose_run("seed=1")).values, tmp_path)
    with pytest.raises(ConfigError, match="holds another run"):
        write_config(RunSettings.of(compose_run("seed=2")).values, tmp_path)


def test_value_that_cannot_be_resolved_any_more_is_no_null() -> None:
    from omegaconf import OmegaConf

    from skintag.core.config import resolved_where_possible

    config = OmegaConf.create({"seed": 1, "train_on": "${oc.env:NO_SUCH_VARIABLE}", "again": "${seed}"})
    found = resolved_where_possible(config)
    assert found == {"seed": 1, "train_on": "${oc.env:NO_SUCH_VARIABLE}", "again": 1}
