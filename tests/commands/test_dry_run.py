"""`dry_run=true` lists what would be done, job by job, and starts nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skintag.commands.cli import CONFIG_DIR
from skintag.commands.dry_run import is_asked
from skintag.commands.help import hydra_of_our_own
from skintag.commands.jobs import Job
from skintag.commands.sweep_jobs import jobs_of
from skintag.core.errors import ConfigError, DataError
from skintag.runs.settings import RunSettings
from skintag.training import plan, preflight
from tests.conftest import compose_config, tiny_overrides

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16")


def skintag(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skintag", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "140"},
    )  # fmt: skip


def own(*overrides: str, multirun: bool = True) -> list[tuple[str, ...]]:
    with hydra_of_our_own(CONFIG_DIR):
        return list(jobs_of("train", overrides, multirun=multirun).overrides)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["dry_run=true"], True),
        (["dry_run=false"], False),
        (["-m", "seed=0,1"], False),
        (["dry_run=True", "a=b"], True),
    ],
)
def test_it_is_asked_for_on_the_command_line(arguments: list[str], asked: bool) -> None:
    assert is_asked(arguments) == asked


@pytest.mark.parametrize("value", ["true,false", "yes_please", "1"])
def test_anything_but_true_and_false_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="expected dry_run=true"):
        is_asked([f"dry_run={value}"])


def test_jobs_are_the_product_in_the_order_of_the_sweep() -> None:
    found = own("experiment=multi", "seed=0,1", "split_seed=range(2)", "hydra.sweep.dir=x")
    assert found == [
        ("experiment=multi", f"seed={seed}", f"split_seed={split}", "hydra.sweep.dir=x")
        for seed in (0, 1)
        for split in (0, 1)
    ]


def test_globs_and_one_job_alone_are_understood() -> None:
    assert [job[0] for job in own("experiment=glob(lodo_*)")] == [
        f"experiment=lodo_{domain}" for domain in ("clinical", "dermoscopic", "smartphone")
    ]
    assert own("seed=3") == [("seed=3",)]
    assert own("seed=3", multirun=False) == [("seed=3",)]


def test_search_has_as_many_jobs_as_it_may_try_and_settings_of_its_own() -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    with hydra_of_our_own(CONFIG_DIR):
        found = jobs_of("train", ["sweep=optuna", "experiment=multi", "seed=1,2"], multirun=True)
    assert (found.trials, found.overrides) == (20, (("sweep=optuna", "experiment=multi"),))


def test_sweep_is_listed_with_what_differs_and_what_would_fail(workspace: Path, tmp_path: Path) -> None:
    runs, small = tmp_path / "runs", [*tiny_overrides(workspace), *SMALL, "trainer.max_epochs=3"]
    done = skintag(
        "train",
        "-m",
        *small,
        f"paths.runs={runs}",
        "seed=0,1",
        "split=grouped,leave_one_domain_out",
        "dry_run=true",
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("2 of 4 jobs would fail")
    assert done.stdout.count("would fail: split.domain is not set") == 2
    for said in (
        "seed=0 split=grouped",
        "seed=1 split=grouped",
        "all with ",
        "2 jobs, one after another: about",
    ):
        assert said in done.stdout
    assert "nothing was started" in done.stdout
    assert not runs.exists()


def test_single_run_shows_its_images_and_makes_no_folder(workspace: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    done = skintag("train", *tiny_overrides(workspace), *SMALL, f"paths.runs={runs}", "dry_run=true")
    assert done.returncode == 0, done.stderr
    for said in (
        "Leakage audit of split Grouped: clean",
        "of one run: about",
        "weights of",
        "1 backbone timed",
    ):
        assert said in done.stdout
    assert not runs.exists()


def test_data_that_are_not_prepared_are_not_prepared_now(tmp_path: Path) -> None:
    done = skintag("train", *tiny_overrides(tmp_path), *SMALL, "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "first draws the benchmark" in done.stdout
    assert "not known before the data are prepared" in done.stdout
    assert not list(tmp_path.iterdir())


def test_mistake_in_a_single_run_is_the_message_that_the_run_would_end_with(tmp_path: Path) -> None:
    done = skintag("train", "experiment=multi_balancd", "dry_run=true")
    assert done.returncode == 2
    assert "did you mean 'multi_balanced'" in done.stderr


def test_student_has_no_dry_run(tmp_path: Path) -> None:
    done = skintag("distill", "teacher=x", "student=resnet18", "dry_run=true")
    assert done.returncode == 2
    assert "skintag distill has none" in done.stderr


def test_finished_jobs_of_a_sweep_that_is_gone_on_with_are_not_counted(
    workspace: Path, tmp_path: Path
) -> None:
    arguments = [*tiny_overrides(workspace), *SMALL, "seed=0,1"]
    sweep = tmp_path / "sweep"
    for number in range(2):
        folder = sweep / f"{number}"
        folder.mkdir(parents=True)
        Job(number, (f"seed={number}",), "stopped" if number else "finished").write(folder)
    listed = "".join(f"    - {argument}\n" for argument in arguments)
    (sweep / "multirun.yaml").write_text(f"hydra:\n  overrides:\n    hydra: []\n    task:\n{listed}")
    done = skintag("train", f"resume={sweep}", "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "seed=0 (finished before)" in done.stdout
    assert "time of one run" in done.stdout


def planned(workspace: Path, *overrides: str) -> RunSettings:
    return RunSettings.of(compose_config(workspace, *SMALL, *overrides))


def test_a_backbone_is_timed_once_for_each_size_and_what_learns(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[int] = []
    monkeypatch.setattr(plan, "seconds_an_image", lambda backbone, size: timed.append(size) or (1.0, 0.1))
    planner = plan.Planner()
    for overrides in (
        (),
        ("seed=1",),
        ("backbone.image_size=64",),
        ("split_seed=4", "objective=erm"),
        ("finetune=full",),
    ):
        planner.plan(planned(workspace, *overrides))
    assert len(timed) == (0 if torch.cuda.is_available() else 3)


def test_frozen_layers_count_once_where_their_output_is_kept(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "seconds_an_image", lambda backbone, size: (1.0, 0.1))
    more = ("trainer.max_epochs=5", "trainer.limit_train_batches=1.0", "trainer.accelerator=cpu")
    planner = plan.Planner()
    found = {name: planner.plan(planned(workspace, *more, f"augment={name}")) for name in ("none", "basic")}
    assert found["none"].images is not None
    train, val, test = found["none"].images
    every = train + val + test
    export = 2 * every * 1.1
    assert found["basic"].seconds == pytest.approx(5 * (train * 1.3 + val * 1.1) + export)
    assert found["none"].seconds == pytest.approx(5 * (train * 0.3 + val * 0.1) + train + val + export)
    assert any(name.startswith("activations") for name in found["none"].kept)
    assert not any(name.startswith("activations") for name in found["basic"].kept)
    scored = planner.plan(planned(workspace, *more, "fit=false"))
    assert scored.seconds == pytest.approx(export)


def test_frozen_embeddings_are_shared_by_the_runs_of_a_backbone(workspace: Path) -> None:
    planner = plan.Planner()
    one, two = (planner.plan(planned(workspace, f"seed={seed}")).kept for seed in (0, 1))
    assert len(one) == len(two) == 2
    assert len({*one, *two}) == 3


def test_disk_of_a_run_is_about_what_one_takes(workspace: Path, finished_run: Path) -> None:
    found = plan.Planner().plan(planned(workspace, "experiment=multi_balanced"))
    taken = sum(path.stat().st_size for path in (finished_run / "checkpoints").iterdir())
    assert found.folder - 5_000_000 == pytest.approx(taken, rel=0.15)


def test_what_a_run_would_end_with_is_raised(workspace: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        plan.Planner().plan(planned(workspace, "split=file", "split.path=nowhere.csv"))


def test_estimate_of_a_run_that_trains_nothing_has_no_epochs(workspace: Path) -> None:
    import pandas as pd

    split = pd.Series(["train"] * 8 + ["val"] * 2)
    settings = planned(workspace, "fit=false")
    assert preflight.seconds_of_run(settings, split, 1.0, 1.0) == 10 * 2.0 * len(settings.callbacks.features)
