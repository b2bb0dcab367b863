"""A finished, evaluated run folder that took no training: simulated scores, and a report of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from skintag.core.io import write_json
from skintag.data.distortions.distortions import DISTORTIONS
from skintag.evaluation.analyses.table import write_outputs
from skintag.evaluation.predictions.predictions import Predictions
from tests.conftest import compose_config

MODELS = ("head", "xgboost_frozen", "xgboost_finetuned")
NOTE = "synthetic benchmark: drawn images, no medical data"


def simulated(n: int = 900, seed: int = 0) -> pd.DataFrame:
    """A predictions table: three models of rising worth, three domains and skin-type groups, pairs of images."""
    rng = np.random.default_rng(seed)
    target = rng.random(n) < 0.4
    base = pd.DataFrame(
        {
            "image_id": [f"ham10000/{i:04d}" for i in range(n)],
            "dataset": rng.choice(["ham10000", "ddi", "pad_ufes_20"], n),
            "domain": rng.choice(["dermoscopic", "clinical", "smartphone"], n),
            "split": np.where(np.arange(n) % 3 == 0, "val", "test"),
            "target": target.astype(int),
            "malignancy": np.where(target, rng.choice(["malignant", "premalignant"], n), "benign"),
            "fst_group": rng.choice(["I-II", "III-IV", "V-VI"], n),
            "group_id": [f"g{i // 2}" for i in range(n)],
            "condition": np.where(target, 0, 4),
        }
    )
    scores = [1 / (1 + np.exp(-(worth * (2 * target - 1) + rng.normal(size=n)))) for worth in (0.5, 0.8, 1.1)]
    return pd.concat(
        [base.assign(model=m, p_malignant=s) for m, s in zip(MODELS, scores, strict=True)], ignore_index=True
    )


def write_run(folder: Path, workspace: Path, *overrides: str) -> Path:
    """A run folder as training leaves it."""
    (folder / ".hydra").mkdir(parents=True)
    config = compose_config(workspace, "name=multi_balanced", *overrides)
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    chosen = {
        "hydra": {"runtime": {"choices": {"split": "grouped", "balance": "domain", "objective": "erm"}}}
    }
    OmegaConf.save(OmegaConf.create(chosen), folder / ".hydra" / "hydra.yaml")
    OmegaConf.save(OmegaConf.create(list(overrides)), folder / ".hydra" / "overrides.yaml")
    predictions = Predictions(simulated())
    predictions.write(folder / "predictions.parquet")
    write_outputs(folder, predictions, caption=NOTE)
    data = {"name": "synthetic", "note": NOTE, "view": {"fingerprint": "simulated"}}
    write_json(folder / "provenance.json", {"data": data, "git": {"commit": "abc"}})
    write_json(
        folder / "leakage_audit.json", {"split": "grouped", "leaky": False, "clean": True, "overlaps": []}
    )
    (folder / "csv").mkdir()
    training = {
        "step": [9, 9, 19], "train/loss": [1.0, np.nan, 0.5], "val/loss": [np.nan, 0.9, 0.6],
        "val/worst_group_loss": [np.nan, 1.2, 0.8], "val/auroc": [np.nan, 0.6, 0.7],
        "throughput/images_per_second": [50.0, np.nan, 60.0], "test/head/auroc": [np.nan, np.nan, 0.7],
    }  # fmt: skip
    pd.DataFrame(training).to_csv(folder / "csv" / "metrics.csv", index=False)
    return folder


def distorted(predictions: Predictions) -> pd.DataFrame:
    """Test rows under every distortion, each a little noisier than the one before."""
    rng = np.random.default_rng(1)
    test = predictions.frame.query("split == 'test'")
    parts = []
    for i, name in enumerate(("clean", *DISTORTIONS)):
        score = np.clip(test["p_malignant"] + 0.03 * i * rng.normal(size=len(test)), 0, 1)
        parts.append(test.assign(p_malignant=score, distortion=name, severity=float(i)))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="session")
def finished(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with its report, written with few resamples."""
    from skintag.evaluation.analyses.assess import AssessmentSettings
    from skintag.evaluation.report.gather import ReportSettings
    from skintag.runs.report import report_run

    folder = write_run(tmp_path_factory.mktemp("runs") / "2026-01-31_12-00-00", workspace)
    distorted(Predictions.read(folder / "predictions.parquet")).to_parquet(
        folder / "robustness.parquet", index=False
    )
    assessment = AssessmentSettings(resamples=50, permutations=50)
    report_run(folder, ReportSettings(assessment=assessment, main="head", errors=0, neighbours=0))
    return folder


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, nothing outside the test's own folder, no talk."""
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("WANDB_SILENT", "true")
