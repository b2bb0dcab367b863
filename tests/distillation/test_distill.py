"""From a finished run to a student's run folder: what is inherited, what is refused, and killed runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

from skintag.commands.distill import distill_from, inherit, save_config
from skintag.commands.students import expand_student
from skintag.core.errors import ConfigError
from skintag.export.formats import check_formats
from skintag.models.lesion_module import LesionModule
from skintag.runs.folder import RunFolder
from tests.conftest import compose_config, tiny_overrides

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = (
    "student=any", "backbone.name=mobilenetv3_small_050", "backbone.image_size=32", "backbone.features=blocks",
    "trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=2", "loader.batch_size=16",
    "trainer.effective_batch_size=16", "logger=csv", "export=[]", "bundle=false", "augment=basic",
)  # fmt: skip


def student_of(teacher: Path, workspace: Path, folder: Path, *overrides: str):
    config = compose_config(workspace, f"teacher={teacher}", *SMALL, *overrides, name="distill")
    return distill_from(config, folder)


@pytest.fixture(scope="module")
def student(finished_run: Path, workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student's run folder."""
    folder = tmp_path_factory.mktemp("student") / "run"
    student_of(finished_run, workspace, folder, "distillation=ensemble")
    return folder


def test_student_s_run_is_a_run_with_the_teacher_s_rows_beside_its_own(
    student: Path, finished_run: Path
) -> None:
    frame = RunFolder(student).predictions.frame
    assert set(frame["model"]) == {"head", "teacher"}
    images = [set(frame.loc[frame["model"] == m, "image_id"]) for m in ("head", "teacher")]
    assert images[0] == images[1]
    assert set(frame["split"]) == {"val", "test"}
    module = RunFolder(student).module()
    assert type(module) is LesionModule
    assert module.backbone.settings.name == "mobilenetv3_small_050"
    written = json.loads((student / "distillation.json").read_text())
    assert (written["teacher"], written["kind"]) == (str(finished_run), "ensemble")


def test_teacher_s_rows_are_the_average_of_its_run_s_models(student: Path, finished_run: Path) -> None:
    told = RunFolder(student).predictions.frame.query("model == 'teacher'").set_index("image_id")
    run = RunFolder(finished_run).predictions.frame
    both = [
        run[run["model"] == m].set_index("image_id")["p_malignant"].reindex(told.index)
        for m in ("head", "xgboost_finetuned")
    ]
    np.testing.assert_allclose(told["p_malignant"], (both[0] + both[1]) / 2, rtol=1e-6)


def test_teacher_computed_from_images_says_what_its_run_wrote(
    student: Path, finished_run: Path, workspace: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "teacher"
    shutil.copytree(finished_run, copy)
    frame = pd.read_parquet(copy / "predictions.parquet")
    # one image less: the table no longer covers what the student asks for
    frame[frame["image_id"] != frame["image_id"].iloc[0]].to_parquet(
        copy / "predictions.parquet", index=False
    )
    student_of(copy, workspace, tmp_path / "run", "distillation=ensemble", "distillation.teacher_weight=0")
    found, expected = (
        RunFolder(f).predictions.frame.query("model == 'teacher'").set_index("image_id").sort_index()
        for f in (tmp_path / "run", student)
    )
    np.testing.assert_allclose(found["p_malignant"], expected["p_malignant"], atol=2e-5)
    np.testing.assert_allclose(found["p_condition_3"], expected["p_condition_3"], atol=2e-5)


def test_student_takes_over_the_teacher_s_data_and_what_is_given_wins() -> None:
    teacher = OmegaConf.create(
        {"data": {"name": "theirs", "workers": 4}, "split": {"val": 0.3}, "balance": 1}
    )
    own = OmegaConf.create(
        {"data": {"name": "own", "workers": 1}, "split": {"val": 0.1}, "balance": 2, "seed": 5}
    )
    assert inherit(own, teacher, ["seed=5"]).data.name == "theirs"
    assert inherit(own, teacher, ["split=grouped"]).split.val == 0.1
    merged = inherit(own, teacher, ["data.workers=1"])
    assert (merged.data.name, merged.data.workers, merged.balance) == ("theirs", 1, 1)
    assert own.data.name == "own"
    assert inherit(own, None, []) is own
    assert "workers" not in inherit(own, teacher, ["~data.workers"]).data


def test_configuration_in_the_folder_is_the_one_that_counted(student: Path, finished_run: Path) -> None:
    ours, theirs = (OmegaConf.load(f / ".hydra" / "config.yaml") for f in (student, finished_run))
    assert OmegaConf.to_container(ours.balance, resolve=True) == OmegaConf.to_container(theirs.balance)
    assert RunFolder(student).name == "student_mobilenetv3_small_050_ensemble"


def test_teacher_that_has_seen_the_test_images_is_refused(
    finished_run: Path, workspace: Path, tmp_path: Path
) -> None:
    config = compose_config(workspace, f"teacher={finished_run}", *SMALL, "split_seed=1", name="distill")
    with pytest.raises(ConfigError, match="was trained on images that this run tests on"):
        distill_from(config, tmp_path / "run", ["split_seed=1"])


@pytest.mark.long
def test_bundle_of_a_student_remembers_what_its_teacher_had_seen(
    finished_run: Path, workspace: Path, tmp_path: Path
) -> None:
    from skintag.bundle import Bundle
    from skintag.data.view.seen import Seen
    from skintag.export.bundle.build import build_bundle
    from skintag.export.bundle.settings import BundleSettings

    student_of(finished_run, workspace, tmp_path / "run", "train_on=[pad_ufes_20]")
    save_config(compose_config(workspace, f"teacher={finished_run}", *SMALL, "train_on=[pad_ufes_20]", name="distill"),
                tmp_path / "run", {}, [])  # fmt: skip
    bundle = Bundle.load(build_bundle(tmp_path / "run", BundleSettings(ood=None), tmp_path / "bundle"))
    view = RunFolder(finished_run).view
    assert set(bundle.seen.images) >= set(Seen.of(view).images)
    # a run that tests on other datasets' images, which the teacher alone had seen
    ham = view.frame["dataset"] == "ham10000"
    swapped = view.frame["split"].where(
        ~ham, view.frame["split"].map({"train": "test", "test": "train", "val": "val"})
    )
    with pytest.raises(ConfigError, match="was trained on images that this run tests on"):
        bundle.refuse_seen(replace(view, frame=view.frame.assign(split=swapped)[ham]))


def test_teacher_that_is_not_there_is_named(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"teacher=.*nowhere: expected a finished run folder"):
        student_of(tmp_path / "nowhere", workspace, tmp_path / "run")


def test_formats_are_known_before_training(finished_run: Path, workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no format 'onxx'"):
        student_of(finished_run, workspace, tmp_path / "run", "export=onxx")
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert check_formats("onnx") == ("onnx",)


def test_partly_frozen_student_sees_pictures_though_nothing_is_augmented(
    finished_run: Path, workspace: Path, tmp_path: Path
) -> None:
    tower = (
        "backbone.name=tf_efficientnet_lite0",
        "backbone.features=final",
        "finetune=last_2",
        "augment=none",
    )
    limits = ("backbone.image_size=56", "trainer.limit_train_batches=1", "trainer.limit_val_batches=1")
    result = student_of(finished_run, workspace, tmp_path / "run", *tower, *limits)
    assert "head" in result.predictions.models


def test_what_was_taken_over_is_written_as_chosen(finished_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / ".hydra").mkdir(parents=True)
    hydra = {"hydra": {"runtime": {"choices": {"split": "grouped", "student": "any"}}}}
    OmegaConf.save(OmegaConf.create(hydra), folder / ".hydra" / "hydra.yaml")
    save_config(OmegaConf.create({"name": "x"}), folder, {"split": "stratified", "backbone": "theirs"}, [])
    chosen = OmegaConf.load(folder / ".hydra" / "hydra.yaml").hydra.runtime.choices
    assert dict(chosen) == {"split": "stratified", "student": "any"}


def test_any_timm_name_is_a_student() -> None:
    assert expand_student(["student=resnet18", "seed=1"]) == [
        "student=any",
        "backbone.name=resnet18",
        "seed=1",
    ]
    for kept in (["student=efficientnet_b0"], ["student=a,b"], ["student=nonsense"], ["student="]):
        assert expand_student(kept) == kept


@pytest.mark.parametrize("choice", sorted(p.stem for p in (ROOT / "configs" / "distillation").glob("*.yaml")))
def test_every_distillation_composes_and_runs_a_batch(
    choice: str, finished_run: Path, workspace: Path, tmp_path: Path
) -> None:
    limits = ("trainer.limit_train_batches=1", "trainer.limit_val_batches=1")
    result = student_of(finished_run, workspace, tmp_path / "run", f"distillation={choice}", *limits)
    assert {"head", "teacher"} == set(result.predictions.models)


@pytest.mark.parametrize("choice", sorted(p.stem for p in (ROOT / "configs" / "student").glob("*.yaml")))
def test_every_student_composes(choice: str, workspace: Path) -> None:
    name = ["backbone.name=resnet18"] if choice == "any" else []
    config = compose_config(workspace, "teacher=x", f"student={choice}", *name, name="distill")
    assert config.backbone.image_size == 224
    assert config.head.hidden == 128


def command(teacher: Path, workspace: Path, folder: Path, *more: str) -> list[str]:
    return [
        sys.executable, "distill.py", f"teacher={teacher}", *tiny_overrides(workspace), *SMALL,
        "distillation=embedding", "distillation.mixup_alpha=0.4", "trainer.max_epochs=2",
        "trainer.limit_train_batches=1.0", "callbacks.checkpoint_every_steps=1",
        f"paths.cache={folder}_cache", f"hydra.run.dir={folder}", *more,
    ]  # fmt: skip


@pytest.mark.long
@pytest.mark.slow
def test_killed_and_resumed_student_ends_as_a_whole_one(
    finished_run: Path, workspace: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    settings = {"cwd": ROOT, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
    done = subprocess.run(
        command(finished_run, workspace, whole),
        **settings,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    process = subprocess.Popen(
        command(finished_run, workspace, killed), **settings, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    last, deadline = killed / "checkpoints" / "last.ckpt", time.monotonic() + 200
    while not last.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, "the run ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / "predictions.parquet").exists()
    done = subprocess.run(
        [sys.executable, "distill.py", f"resume={killed}"], **settings,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("best", "last"):
        states = [torch.load(f / "checkpoints" / f"{name}.ckpt", weights_only=True) for f in (whole, killed)]
        for key in ("state_dict", "current_model_state"):
            one, other = (state[key] for state in states)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[k], other[k]) for k in one), (name, key)
    tables = [pd.read_parquet(f / "predictions.parquet") for f in (whole, killed)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
