"""Run folders, bundles, checkpoints and sweeps of version 0.1 are read, used and gone on with.

On the kind of processor that made the fixtures numbers are the same to the last bit; on another one, whose
vector units round otherwise, to six digits, and to .005 where training went on.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from skintag.bundle import Bundle
from skintag.models.lesion_module import LesionModule
from skintag.runs.folder import RunFolder

ROOT = Path(__file__).resolve().parents[2]
OLD = ROOT / "tests" / "fixtures" / "version_0_1"
EXPECTED: dict[str, Any] = json.loads((OLD / "expected.json").read_text())
PICTURES = sorted((OLD / "pictures").iterdir())


def processor() -> str:
    """Its name, family and model: clouds give different processors the same name."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.is_file() else []
    said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return "{}, family {}, model {}".format(
        *(said.get(k, "?") for k in ("model name", "cpu family", "model"))
    )


def same_machine() -> bool:
    made = EXPECTED["made_with"]
    capability = torch.backends.cpu.get_cpu_capability()
    here = (processor(), torch.__version__, capability, torch.get_num_threads())
    return (made["processor"], made["torch"], made["capability"], made["threads"]) == here


def check(found: object, expected: object) -> None:
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if same_machine():
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def check_same(found: Any, expected: Any) -> None:
    """Values of JSON: numbers as `check` has it, all else equal; later versions may say more."""
    if isinstance(expected, dict):
        assert set(found) >= set(expected)
        for key, value in expected.items():
            check_same(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            check_same(one, other)
    elif isinstance(expected, float):
        check(found, expected)
    else:
        assert found == expected


def check_tables(found: Path, expected: Path) -> None:
    tables = [pd.read_parquet(path) for path in (found, expected)]
    # training goes on after the files were made, so another processor's rounding grows: .0023 at most with plain SSE
    exact = same_machine()
    pd.testing.assert_frame_equal(
        *tables, check_exact=exact, rtol=0 if exact else 1e-4, atol=0 if exact else 5e-3
    )


@pytest.fixture
def run(workspace: Path, tmp_path: Path) -> RunFolder:
    """The old run, its data drawn anew, and no embeddings kept."""
    return RunFolder(OLD / "run", prepared=workspace / "prepared" / "synthetic", cache=tmp_path)


@pytest.mark.parametrize("name", ["bundle_torch", "bundle_onnx"])
def test_bundle_says_what_it_said(name: str) -> None:
    bundle = Bundle.load(OLD / f"{name}.zip", threads=1)
    pixels = bundle.pixels([str(path) for path in PICTURES])
    assert hashlib.sha256(np.ascontiguousarray(pixels)).hexdigest() == EXPECTED[name]["pixels_sha256"]
    said = json.loads(json.dumps([p.to_json() for p in bundle.predict([str(path) for path in PICTURES])]))
    for now, then in zip(said, EXPECTED[name]["predictions"], strict=True):
        check_same({**now, "image": Path(now["image"]).name}, then)


def test_run_s_view_and_shards_are_those_of_then(run: RunFolder) -> None:
    assert len(run.view.frame) > 200  # raises where the fingerprints differ
    assert run.data.store.fingerprint == run.provenance["data"]["shards"]


@pytest.mark.parametrize("name", ["run", "student"])
def test_checkpoint_holds_the_same_model(name: str) -> None:
    module = LesionModule.from_checkpoint(OLD / name / "checkpoints" / "best.ckpt")
    assert module.fingerprint() == EXPECTED["fingerprints"][name]


@pytest.mark.parametrize("feature", ["finetuned", "frozen"])
def test_embeddings_are_computed_as_then(run: RunFolder, feature: str) -> None:
    check(run.embeddings(EXPECTED["embeddings"]["image_ids"], feature), EXPECTED["embeddings"][feature])


def test_head_and_probes_score_as_then(run: RunFolder) -> None:
    from skintag.models.head_scores import head_scores

    table = run.predictions.frame
    names = sorted(table["image_id"].unique())

    def written(model: str) -> list[float]:
        return table[table["model"] == model].set_index("image_id")["p_malignant"].reindex(names).tolist()

    check(head_scores(run.module(), run.embeddings(names)).malignant, written("head"))
    assert len(run.probes()) == 7
    for model, (feature, probe) in run.probes().items():
        check(probe.predict(run.embeddings(names, feature)).malignant, written(model))


def skintag(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skintag", *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"},
        timeout=600, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.long
@pytest.mark.slow
def test_killed_run_and_sweep_are_gone_on_with(tmp_path: Path) -> None:
    for name in ("killed", "sweep"):
        shutil.copytree(OLD / name, tmp_path / "runs" / name)
    skintag(tmp_path, "train", "resume=runs/killed")
    check_tables(tmp_path / "runs" / "killed" / "predictions.parquet", OLD / "ended" / "killed.parquet")
    finished = tmp_path / "runs" / "sweep" / "0_single_ham_seed0" / "predictions.parquet"
    before = finished.stat().st_mtime_ns
    skintag(tmp_path, "train", "-m", "resume=runs/sweep")
    assert finished.stat().st_mtime_ns == before
    for path in (OLD / "ended").glob("sweep_*.parquet"):
        job = path.stem.removeprefix("sweep_")
        check_tables(tmp_path / "runs" / "sweep" / job / "predictions.parquet", path)


@pytest.mark.long
def test_report_of_an_old_run_is_made_again(tmp_path: Path) -> None:
    shutil.copytree(OLD / "run", tmp_path / "run")
    skintag(
        tmp_path, "evaluate", "run=run", "report.assessment.resamples=50", "report.assessment.permutations=50"
    )
    assert "report.html" in {path.name for path in (tmp_path / "run").iterdir()}
