"""A stranger's folder runs nothing, fetches nothing and writes nothing elsewhere, whichever command is told of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands.hostile import SECRET, Hostile, all_of, make, make_configs
from tests.conftest import CONFIGS

WATCHED = Path(__file__).with_name("watched.py")
ROOT = CONFIGS.parent
MODELS = ("pickle", "zip", "objects")
FEW = (
    "override_callback",
    "override_oc_env",
    "pickle_best",
)
SAMPLE = (
    "override_callback", "override_searchpath", "override_way_out", "override_oc_env", "override_package",
    "override_address", "task_callbacks", "hydra_callback", "sweep_setup", "multirun_bomb_overrides", "tag_config",
    "bomb_config", "laughing_references", "select_open", "split_class", "env_name", "address",
    "pickle_best", "zip_last", "objects_logistic", "deep_provenance.json", "digits_hydra",
)  # fmt: skip


def commands(item: Hostile, folder: Path, out: Path) -> list[list[str]]:
    """What a person would try on such a folder."""
    if item.kind == "killed":
        return [["train", f"resume={folder}"]]
    if item.kind == "sweep":
        return [["train", "-m", f"resume={folder}"], ["train", f"resume={folder}"]]
    few = ["report.errors=0", "report.assessment.resamples=20", "report.assessment.permutations=20"]
    kind = item.name.split("_")[0]
    tried = []
    if kind not in (
        "select",
        "split",
        "probe",
        "backbone",
        "labels",
        "local",
        "hub",
        *MODELS,
    ):  # it draws for long
        tried += [["evaluate", f"run={folder}", f"out={out}/report", *few]]
    # the head beside a hostile probe is sound, and would teach for minutes
    if kind in ("split", "labels", "tag", "bomb", *MODELS) and not item.name.endswith(
        "_logistic"
    ):  # others teach, which takes long
        short = ["trainer.max_epochs=1", "backbone.image_size=32", "export=[onnx]"]
        tried += [["distill", f"teacher={folder}", "student=efficientnet_b0", f"paths.runs={out}", *short]]
    if item.name.endswith("_best"):
        told = (folder / ".hydra" / "overrides.yaml").read_text().splitlines()
        tried += [
            ["train", *(line[2:] for line in told), "fit=false", f"ckpt_path={folder}/checkpoints/best.ckpt"]
        ]
    return [
        *tried,
        ["export", f"run={folder}", "formats=[torch_export]"],
        ["robustness", f"run={folder}", "limit=2"],
        ["bundle", "build", f"run={folder}", f"out={out}/{folder.name}", "ood=null"],
        ["bundle", "check", f"bundle={folder}"],
    ]


def walk(items: list[Hostile], workspace: Path, tmp_path: Path) -> tuple[list[dict[str, Any]], Path]:
    """Every command on every folder, in one process that is watched."""
    canary, cwd, out = tmp_path / "canary", tmp_path / "cwd", tmp_path / "out"
    make_configs(tmp_path, canary)
    cwd.mkdir()
    shutil.copytree(workspace / "prepared", cwd / "prepared")
    (tmp_path / "tmp").mkdir()
    jobs = []
    for number, item in enumerate(items):
        folder = make(item, tmp_path / "hostile" / f"{number}_{item.name}", canary)
        free = [str(folder), str(cwd), str(out), str(tmp_path / "tmp")]
        jobs += [
            {"argv": argv, "cwd": str(cwd), "hostile": [str(folder), str(tmp_path / "configs")], "free": free}
            for argv in commands(item, folder, out)
        ]
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "SKINTAG_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", "MPLCONFIGDIR": str(tmp_path / "tmp"), "HF_HUB_OFFLINE": "1",
        "TMPDIR": str(tmp_path / "tmp"), "XDG_CACHE_HOME": str(tmp_path / "tmp"),
        "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "tmp"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(WATCHED), str(tmp_path / "jobs.json"), str(tmp_path / "results.jsonl")],
        env=environment, capture_output=True, text=True, check=False, timeout=3000,
    )  # fmt: skip
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert len(results) == len(jobs), done.stderr[-3000:]  # it lived to the end
    return results, canary


def check(results: list[dict[str, Any]], canary: Path) -> None:
    assert not canary.exists()
    assert not list(canary.parent.glob("elsewhere*"))
    for result in results:
        assert result["seen"] == [], result["argv"]
        said = result["out"] + result["err"]
        assert SECRET not in said, result["argv"]
        assert "Traceback" not in said, (result["argv"], said[-2000:])
        assert result["status"] in (0, 1, 2), (result["argv"], said[-2000:])
    for path in canary.parent.rglob("*"):
        if path.is_file() and path.suffix in (".html", ".json", ".md", ".csv", ".yaml", ".txt"):
            assert SECRET not in path.read_text(encoding="utf-8", errors="replace"), path


@pytest.mark.long
@pytest.mark.parametrize("names", [FEW, SAMPLE], ids=["few", "sample"])
def test_hostile_folders(workspace: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    items = [item for item in all_of(tmp_path / "canary") if item.name in names]
    assert len(items) == len(names)
    check(*walk(items, workspace, tmp_path))


@pytest.mark.long
@pytest.mark.skipif(
    "SKINTAG_EVERYTHING" not in os.environ, reason="takes half an hour: SKINTAG_EVERYTHING=1 runs it"
)
def test_every_hostile_folder(workspace: Path, tmp_path: Path) -> None:
    results, canary = walk(all_of(tmp_path / "canary"), workspace, tmp_path)
    print(f"{len(results)} commands, peak {max(r['peak_mb'] for r in results)} MB, "
          f"slowest {max(r['seconds'] for r in results)} s")  # fmt: skip
    check(results, canary)
