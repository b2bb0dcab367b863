"""A bundle whose runtime is ONNX is read and used where neither torch nor pandas is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skintag.bundle import Bundle
from skintag.export.bundle.build import build_bundle
from skintag.export.bundle.settings import BundleSettings

ROOT = Path(__file__).resolve().parents[2]
OLD = ROOT / "tests" / "fixtures" / "version_0_1"
PICTURES = [str(path) for path in sorted((OLD / "pictures").iterdir())]
ABSENT = (
    "torch", "torchvision", "lightning", "pytorch_lightning", "timm", "hydra", "omegaconf", "pandas", "pyarrow",
    "scipy", "sklearn", "xgboost", "onnx", "cv2", "matplotlib", "jinja2", "rich", "filelock", "huggingface_hub",
)  # fmt: skip
WITHOUT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
PREDICT = """
import json, sys
from skintag.bundle import Bundle

bundle = Bundle.load(sys.argv[1], threads=1)
said = [p.to_json() for p in bundle.predict(sys.argv[2:])]
print(json.dumps({"said": said, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.mark.parametrize("before", ["", WITHOUT], ids=["installed", "absent"])
def test_onnx_bundle_predicts_without_torch_and_pandas(before: str) -> None:
    done = run(before + PREDICT, str(OLD / "bundle_onnx.zip"), *PICTURES)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert not set(ABSENT) & set(found["modules"])
    own = json.loads(
        json.dumps([p.to_json() for p in Bundle.load(OLD / "bundle_onnx.zip").predict(PICTURES)])
    )
    for one, other in zip(found["said"], own, strict=True):
        assert one["malignancy_score"] == pytest.approx(other["malignancy_score"], abs=1e-6)
        assert (one["tier"], one["category"]) == (other["tier"], other["category"])


def test_bundle_is_imported_without_what_it_does_not_need() -> None:
    done = run(WITHOUT + "import skintag.bundle.bundle, skintag.bundle.describe, skintag.bundle.archive")
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_probe_that_cannot_be_run_says_what_to_install(run_copy: Path, tmp_path: Path) -> None:
    folder = build_bundle(run_copy, BundleSettings(model="xgboost_finetuned", ood=None), tmp_path / "xgboost")
    done = run(WITHOUT + PREDICT, str(folder))
    assert "probe 'xgboost' needs xgboost, which is not installed: pip install xgboost" in done.stderr
