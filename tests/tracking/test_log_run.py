"""What a finished run leaves in W&B, read back from the file that was written offline."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from omegaconf import OmegaConf
from PIL import Image

from skintag.core.errors import ConfigError, DataError
from skintag.runs.folder import RunFolder
from skintag.tracking import names
from skintag.tracking.grouping import group_of, sweep_of
from skintag.tracking.log import TrackingSettings, _errors, log_results, log_run
from skintag.tracking.record import read_record
from skintag.tracking.session import is_offline
from tests.conftest import CONFIGS
from tests.tracking.conftest import MODELS, write_run
from tests.tracking.wandb_file import OfflineRun, read_offline


@pytest.fixture(scope="module")
def logged(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, OfflineRun]:
    """The run folder, and what was written when it was logged offline."""
    folder = tmp_path_factory.mktemp("logged") / finished.name
    shutil.copytree(finished, folder)
    Image.new("RGB", (8, 8), "red").save(folder / "contact_sheet.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("WANDB_API_KEY", raising=False)
        patch.setenv("WANDB_DATA_DIR", str(folder.parent / "data"))
        said = log_run(folder)
    runs = read_offline(folder)
    assert len(runs) == 1
    assert said == f"offline: wandb sync {runs[0].folder}"
    return folder, runs[0]


def metrics_of(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())["models"]


def test_run_is_grouped_and_found_by_what_it_is(logged: tuple[Path, OfflineRun]) -> None:
    folder, run = logged
    assert run.finished
    assert (run.run.run_group, run.run.job_type) == ("multi_balanced", "evaluate")
    assert run.run.display_name == f"multi_balanced-{folder.name}"
    assert set(run.run.tags) == {"multi_balanced", "grouped", "synthetic"}


def test_configuration_and_choices_are_there(logged: tuple[Path, OfflineRun]) -> None:
    _, run = logged
    assert run.config["optimizer"]["head_lr"] == pytest.approx(1e-4)
    assert run.config["choices"] == {"split": "grouped", "balance": "domain", "objective": "erm"}
    assert run.config["provenance"]["git"] == {"commit": "abc"}
    assert run.config["data_note"].startswith("synthetic")


def test_levels_and_gaps_have_their_intervals(logged: tuple[Path, OfflineRun]) -> None:
    folder, run = logged
    entry = metrics_of(folder)["head"]
    cell = entry["levels"]["fst_group"]["V-VI"]["sensitivity"]
    for part in names.LEVEL_PARTS:
        written = run.summary[names.level("head", "sensitivity", "fst_group", "V-VI", part)]
        assert written == pytest.approx(cell[part])
    gap = entry["gaps"]["domain"]["sensitivity_gap"]
    for part in names.GAP_PARTS:
        assert run.summary[names.gap("head", "sensitivity_gap", "domain", part)] == pytest.approx(gap[part])
    assert run.summary["test/head/auroc"] == pytest.approx(
        entry["levels"]["overall"]["all"]["auroc"]["value"]
    )


def test_selected_value_is_that_of_val_rows(logged: tuple[Path, OfflineRun]) -> None:
    from sklearn.metrics import roc_auc_score

    folder, run = logged
    rows = pd.read_parquet(folder / "predictions.parquet").query("model == 'head' and split == 'val'")
    assert run.summary[names.SELECTED] == pytest.approx(roc_auc_score(rows["target"], rows["p_malignant"]))


def test_tables_hold_every_group(logged: tuple[Path, OfflineRun]) -> None:
    folder, run = logged
    rows = run.table(names.table("levels"))
    levels = metrics_of(folder)
    assert len(rows) == sum(len(c) for e in levels.values() for g in e["levels"].values() for c in g.values())
    one = next(
        row for row in rows
        if (row["model"], row["grouping"], row["group"], row["metric"]) == ("head", "domain", "clinical", "auroc")
    )  # fmt: skip
    assert one["low"] < one["value"] < one["high"]
    gaps = run.table(names.table("gaps"))
    assert {row["model"] for row in gaps} == set(MODELS)
    assert {"chance", "p_value", "low", "high"} <= set(gaps[0])


def test_errors_are_wrong_decisions_worst_first(logged: tuple[Path, OfflineRun]) -> None:
    folder, run = logged
    threshold = metrics_of(folder)["head"]["threshold"]["value"]
    missed = [row for row in run.table(names.table("errors")) if row["kind"] == "false_negative"]
    scores = [row["score"] for row in missed]
    assert scores == sorted(scores)
    assert len(scores) == 20
    assert max(scores) < threshold


def test_errors_have_their_pictures(workspace: Path, tmp_path: Path) -> None:
    folder = RunFolder(write_run(tmp_path / "run", workspace))
    catalog = pd.read_parquet(workspace / "prepared" / "synthetic" / "catalog.parquet")
    ids = catalog.loc[catalog["status"] == "ok", "image_id"].head(2).tolist()
    table = _errors(folder, pd.DataFrame({"image_id": ids}), 32)
    pictures = table.get_column("picture")
    assert [max(picture.image.size) for picture in pictures] == [32, 32]
    assert _errors(folder, pd.DataFrame({"image_id": ids}), 0).get_column("picture") == [None, None]


def test_figures_sheets_and_report_are_there(logged: tuple[Path, OfflineRun]) -> None:
    folder, run = logged
    plots = sorted((folder / "plots").glob("*.png"))
    assert plots
    for path in plots:
        with Image.open(run.media(names.plot(path.stem))) as seen, Image.open(path) as drawn:
            assert seen.size == drawn.size
    assert run.media(names.sheet("contact_sheet")).is_file()
    assert "<html" in run.media(names.REPORT).read_text()


def test_curves_have_their_own_axis(logged: tuple[Path, OfflineRun]) -> None:
    _, run = logged
    trained = [row for row in run.history if names.STEP in row]
    assert [(row[names.STEP], row["val/auroc"], row["train/loss"]) for row in trained] == [
        (9, 0.6, 1),
        (19, 0.7, 0.5),
    ]
    assert not any("test/head/auroc" in row for row in trained)
    curve = [row for row in run.history if names.ROBUSTNESS_STEP in row]
    assert [row[names.ROBUSTNESS_STEP] for row in curve] == list(range(12))
    values = [row[names.robustness_curve("head", "auroc")] for row in curve]
    assert values[0] == pytest.approx(run.summary[names.robustness("head", "clean", "auroc")])
    assert values[0] == pytest.approx(run.summary["test/head/auroc"])


def test_artifacts_hold_predictions_and_report_but_no_checkpoint(logged: tuple[Path, OfflineRun]) -> None:
    _, run = logged
    files = {name.rsplit("-", 1)[0]: content for name, content in run.artifacts.items()}
    assert files["predictions"] == ["predictions.parquet", "thresholds.json"]
    assert {"report.html", "model_card.md", "metrics.json"} <= set(files["report"])
    assert not any(path.endswith(".ckpt") for content in files.values() for path in content)


@pytest.mark.parametrize(("wandb", "job"), [(None, "evaluate"), ({"project": "p"}, "train")])
def test_sending_again_changes_no_job_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wandb: dict[str, str] | None, job: str
) -> None:
    (tmp_path / "wandb" / "offline-run-20260131_120000-x").mkdir(
        parents=True
    )  # by training, or an earlier log_run
    opened: list[str] = []

    def refuse(*_: object, job_type: str, **__: object) -> None:
        opened.append(job_type)
        raise RuntimeError("seen enough")

    record = SimpleNamespace(notes=(), name="n", group="g", tags=(), config={})
    monkeypatch.setattr("skintag.tracking.log.read_record", lambda *_, **__: record)
    monkeypatch.setattr("skintag.tracking.log.wandb_run", refuse)
    with pytest.raises(RuntimeError, match="seen enough"):
        log_run(tmp_path, model=RunFolder(tmp_path, OmegaConf.create({"logger": {"wandb": wandb}})))
    assert opened == [job]


def test_results_go_to_the_run_that_training_logs_to(finished: Path, tmp_path: Path) -> None:
    from skintag.tracking.logger import PatientWandbLogger

    logger = PatientWandbLogger(
        save_dir=str(tmp_path), project="p", offline=True, id="training1", tags=["mine"]
    )
    logger.log_metrics({"val/auroc": 0.5}, step=3)
    log_run(finished, logger.experiment)
    logger.log_metrics({"after": 1.0}, step=4)
    logger.experiment.finish()
    (run,) = read_offline(tmp_path)
    assert run.run.run_id == "training1"
    assert run.summary["after"] == 1.0, "the run was ended before training was done with it"
    assert names.level("head", "auroc", "domain", "clinical", "low") in run.summary
    assert run.config["choices"]["balance"] == "domain"
    assert not any(row.get(names.STEP) == 9 for row in run.history), (
        "training's own curves would be there twice"
    )
    assert {"mine", "synthetic"} <= set(run.run.tags)
    assert not list(finished.glob("wandb")), "a second W&B run was opened"


def test_training_ends_with_its_results_in_its_own_run(workspace: Path, tmp_path: Path) -> None:
    from tests.conftest import compose_config, train

    small = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "probe=majority")
    train(compose_config(workspace, *small, "callbacks.features=[frozen]", "logger=wandb"), tmp_path)
    (run,) = read_offline(tmp_path)
    assert "val/loss" in run.summary
    assert run.summary[names.level("head", "auroc")] == pytest.approx(
        metrics_of(tmp_path)["head"]["groups"]["overall"]["all"]["auroc"]
    )
    assert {row["model"] for row in run.table(names.table("levels"))} == {"head", "majority"}
    assert "predictions" in {name.rsplit("-", 1)[0] for name in run.artifacts}


def test_failing_tracker_does_not_fail_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class WandbLogger:
        experiment = None

    log_results(tmp_path, [WandbLogger(), object()])  # no finished run to log
    assert "skintag tracking run=" in capsys.readouterr().err


def test_run_without_a_report_says_what_is_missing(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path / "run", workspace)
    log_run(folder, settings=TrackingSettings(errors=0))
    assert "skintag evaluate" in capsys.readouterr().err
    (run,) = read_offline(folder)
    assert run.summary["test/head/auroc"] == pytest.approx(
        metrics_of(folder)["head"]["groups"]["overall"]["all"]["auroc"]
    )
    assert not any(key.endswith("_low") for key in run.summary)
    assert {row["metric"] for row in run.table(names.table("levels"))} >= {"auroc", "brier"}


def test_checkpoint_is_sent_where_asked_for(workspace: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", workspace)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    log_run(folder, settings=TrackingSettings(checkpoints=True, errors=0))
    (run,) = read_offline(folder)
    assert ["checkpoints/best.ckpt"] in run.artifacts.values()


def test_leaky_split_is_a_tag(workspace: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", workspace)
    (folder / "leakage_audit.json").write_text('{"clean": false, "leaky": true, "overlaps": []}')
    assert "leaky" in read_record(RunFolder(folder)).tags


def test_jobs_of_a_sweep_are_grouped_by_all_they_were_told_but_the_seed(
    workspace: Path, tmp_path: Path
) -> None:
    given = ["balance=none,domain", "seed=0,1", "optimizer.head_lr=0.001"]
    OmegaConf.save(OmegaConf.create({"hydra": {"overrides": {"task": given}}}), tmp_path / "multirun.yaml")
    groups = {}
    for seed in (0, 1):
        for balance in ("none", "domain"):
            name = f"{balance}_{seed}"
            write_run(
                tmp_path / name, workspace, f"balance={balance}", f"seed={seed}", "optimizer.head_lr=0.001"
            )
            groups[name] = group_of(tmp_path / name, "multi_balanced")
    assert groups["none_0"] == groups["none_1"] == "multi_balanced balance=none optimizer.head_lr=0.001"
    assert groups["domain_0"] == groups["domain_1"] == "multi_balanced balance=domain optimizer.head_lr=0.001"
    assert sweep_of(tmp_path / "none_0") == tmp_path.name


def test_run_of_its_own_is_grouped_by_its_experiment_and_what_it_was_told(tmp_path: Path) -> None:
    def group(*overrides: str) -> str:
        OmegaConf.save(OmegaConf.create(list(overrides)), tmp_path / ".hydra" / "overrides.yaml")
        return group_of(tmp_path, "multi")

    (tmp_path / ".hydra").mkdir()
    plain = group("experiment=multi", "seed=3", "paths.raw=/x", "logger=wandb", "trainer=cpu")
    assert plain == "multi"
    assert group("objective=focal", "experiment=multi") == "multi objective=focal"
    assert (
        group("split=stratified", "seed=1") == group("seed=2", "split=stratified") == "multi split=stratified"
    )
    long = [group(*(f"augment.step{i}.p={p}" for i in range(9))) for p in ("0.123456789", "0.123456780")]
    assert [len(name) for name in long] == [128, 128]
    assert long[0] != long[1]
    assert sweep_of(tmp_path) is None


def test_training_logs_to_the_same_group_and_run(workspace: Path, tmp_path: Path) -> None:
    from skintag.runs.settings import RunSettings
    from skintag.tracking.session import run_id
    from skintag.training.trainer import build_loggers
    from tests.conftest import compose_config

    config = compose_config(
        workspace, "experiment=multi", "logger=wandb", "logger.csv=false", "logger.tensorboard=false"
    )
    (logger,) = build_loggers(RunSettings.of(config), tmp_path)
    logger.experiment.finish()  # type: ignore[attr-defined]
    (run,) = read_offline(tmp_path)
    assert (run.run.run_id, run.run.run_group, run.run.job_type) == (run_id(tmp_path), "multi", "train")


@pytest.mark.parametrize(
    ("environment", "offline"),
    [
        ({}, True),
        ({"WANDB_API_KEY": "x"}, False),
        ({"WANDB_API_KEY": "x", "WANDB_MODE": "offline"}, True),
        ({"WANDB_MODE": "online"}, True),
    ],
)
def test_offline_unless_a_key_is_set(
    environment: dict[str, str], offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_offline() is offline


@pytest.mark.long
def test_unreachable_server_does_not_lose_the_results(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import wandb

    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    opened = wandb.init

    def init(**options: object) -> object:
        if options.get("mode") == "online":
            raise wandb.errors.CommError("no route to host")
        return opened(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(wandb, "init", init)
    log_run(folder)
    assert "written offline" in capsys.readouterr().err
    assert read_offline(folder)[0].summary["test/head/auroc"] > 0.5


@pytest.mark.long
def test_command_logs_each_run_of_a_sweep(workspace: Path, tmp_path: Path) -> None:
    for number in range(2):
        write_run(tmp_path / f"{number}_multi_seed{number}", workspace, f"seed={number}")
    done = subprocess.run(
        [sys.executable, "-m", "skintag", "tracking", f"run={tmp_path}", "project=mine", "tags=[paper]"],
        cwd=CONFIGS.parent, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wandb sync") == 2
    runs = [run for number in range(2) for run in read_offline(tmp_path / f"{number}_multi_seed{number}")]
    assert [run.run.project for run in runs] == ["mine", "mine"]
    assert all("paper" in run.run.tags for run in runs)
    assert [run.config["seed"] for run in runs] == [0, 1]


def test_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        log_run(tmp_path)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="thumbnail"):
        TrackingSettings(thumbnail=-1)
