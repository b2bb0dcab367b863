"""`skintag split export`: the split of a training command as a file, which a run takes and ends with the same bits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from skintag.commands.cli import CONFIG_DIR
from skintag.core.errors import ConfigError, DataError
from skintag.data.view.split_file import File
from skintag.data.view.split_table import read_split
from skintag.data.view.splits import Folds, Grouped
from skintag.distillation.source import with_absolute_paths
from skintag.runs.evidence import origin_of
from skintag.runs.folder import RunFolder
from skintag.runs.grid.runs import split_name
from skintag.runs.settings import RunSettings
from skintag.runs.split_file import OWN, going_on
from tests.conftest import compose_config, tiny_overrides, train

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16", "experiment=multi_balanced",
)  # fmt: skip


def export(workspace: Path, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "skintag", "split", "export", *tiny_overrides(workspace), *more],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def catalog_of(workspace: Path) -> pd.DataFrame:
    (path,) = (workspace / "prepared").rglob("catalog.parquet")
    return pd.read_parquet(path)


@pytest.fixture(scope="module")
def split(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default split of the tiny benchmark."""
    folder = tmp_path_factory.mktemp("split")
    done = export(workspace, folder, "experiment=multi_balanced", "out=split.csv")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["split.csv", "split.json"], "and nothing else"
    return folder / "split.csv"


@pytest.fixture(scope="module")
def run(workspace: Path, split: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on that file, which is deleted afterwards."""
    folder = tmp_path_factory.mktemp("file_run")
    own = Path(shutil.copy(split, folder / "published.csv"))
    config = compose_config(workspace, *SMALL, "split=file", f"split.path={own}")
    train(config, folder / "run")
    own.unlink()
    return folder / "run"


def test_exported_file_is_the_split_of_the_settings(split: Path, workspace: Path) -> None:
    table = read_split(split)
    catalog = catalog_of(workspace).set_index("image_id")
    told = json.loads(split.with_suffix(".json").read_text())
    assert told["split"]["_target_"].endswith(".Grouped")
    assert (told["split_seed"], told["leaky"]) == (0, False)
    assert told["data"]["datasets"] == sorted(catalog["dataset"].unique())
    assert sum(told["images"].values()) == len(table)
    assert {*told["versions"]} == {"python", "skintag", "numpy", "pandas"}
    usable = catalog[(catalog["status"] == "ok") & catalog["malignancy"].notna()].reset_index()
    assert (Grouped().assign(usable, 0) == File(str(split)).assign(usable, 0)).all()
    assert (table.set_index("image_id")["content_hash"] == usable.set_index("image_id")["content_hash"]).all()


def test_all_folds_go_into_one_file_and_a_file_that_is_there_stays(workspace: Path, tmp_path: Path) -> None:
    arguments = ("split=folds", "split.k=3", "split_seed=2", "out=folds.csv")
    done = export(workspace, tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    table = read_split(tmp_path / "folds.csv")
    assert table.groupby("fold").ngroups == 3
    catalog = catalog_of(workspace)
    usable = catalog[(catalog["status"] == "ok") & catalog["malignancy"].notna()]
    wanted = Folds(1, 3).assign(usable, 2)
    assert (File(str(tmp_path / "folds.csv"), 1).assign(usable, 0) == wanted).all()
    again = export(workspace, tmp_path, *arguments)
    assert (again.returncode, "overwrite=true" in again.stderr) == (2, True)
    assert export(workspace, tmp_path, *arguments, "overwrite=true").returncode == 0


def test_a_file_of_another_kind_is_refused_before_anything_is_read(workspace: Path, tmp_path: Path) -> None:
    done = export(workspace, tmp_path, "out=split.parquet")
    assert (done.returncode, done.stderr) == (
        2,
        "error: out=split.parquet: expected a file whose name ends in .csv\n",
    )


def test_run_on_the_file_ends_with_the_bits_of_one_on_the_split(run: Path, finished_run: Path) -> None:
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in (run, finished_run)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_run_is_read_after_its_split_file_is_gone(run: Path, split: Path, finished_run: Path) -> None:
    folder = RunFolder(run)
    assert folder.view.fingerprint == RunFolder(finished_run).view.fingerprint
    assert (run / OWN).read_bytes() == split.read_bytes()
    config = with_absolute_paths(folder)
    assert config is not None
    assert config.split.path == str(run / OWN)


def test_resumed_run_goes_on_with_its_own_split_file(
    run: Path, split: Path, workspace: Path, tmp_path: Path
) -> None:
    def settings(path: Path, resume: str) -> RunSettings:
        config = compose_config(workspace, *SMALL, "split=file", f"split.path={path}", f"resume={resume}")
        return RunSettings.of(config)

    own = str(run / OWN)
    assert going_on(settings(tmp_path / "gone.csv", str(run)), run).split == File(own)
    assert going_on(settings(split, str(run)), run).split == File(own)
    other = tmp_path / "other.csv"
    other.write_text(split.read_text().replace("train", "test", 1))
    with pytest.raises(ConfigError, match="not the split that this run began with"):
        going_on(settings(other, str(run)), run)
    assert going_on(settings(other, "null"), run).split == File(str(other)), (
        "a new run takes what it is given"
    )


def test_what_a_file_holds_out_is_told_by_the_view(run: Path) -> None:
    origin = origin_of(RunFolder(run), "")
    assert (origin.split, origin.held_out) == ("file", ())


def test_two_files_have_names_of_their_own() -> None:
    target = "skintag.data.view.split_file.File"
    assert split_name({"_target_": target, "path": "a/official.csv"}) == "file official"


def test_unusable_file_ends_a_run_before_data_are_prepared(tmp_path: Path) -> None:
    config = compose_config(tmp_path, *SMALL, "split=file", f"split.path={tmp_path}/none.csv")
    with pytest.raises(DataError, match="no such file"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "raw").exists()


def test_choice_of_the_group_builds_the_split(workspace: Path) -> None:
    assert (CONFIG_DIR / "split" / "file.yaml").is_file()
    config = compose_config(workspace, "split=file", "split.path=a.csv", "split.fold=2")
    assert RunSettings.of(config).split == File("a.csv", 2)
