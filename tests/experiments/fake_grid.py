"""Made-up run folders: scores drawn at random, with or without planted effects."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from skintag.core.io import write_json
from skintag.evaluation.decisions.thresholds import fit_thresholds, write_thresholds
from skintag.evaluation.predictions.predictions import Predictions

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
DATASETS = {"ham10000": "dermoscopic", "fitzpatrick17k": "clinical", "pad_ufes_20": "smartphone"}


def images(n: int, seed: int = 0) -> pd.DataFrame:
    """Rows of a predictions table without scores: half val, half test, lesions of one to three images."""
    rng = np.random.default_rng(seed)
    dataset = rng.choice(list(DATASETS), n)
    skin = pd.Series(rng.choice(["I-II", "III-IV", "V-VI"], n, p=[0.4, 0.4, 0.2]))
    condition = rng.choice([0, 1, 4, 5], n)
    return pd.DataFrame({
        "image_id": [f"{d}/{i:05d}" for i, d in enumerate(dataset)],
        "dataset": dataset,
        "domain": [DATASETS[d] for d in dataset],
        "split": np.where(np.arange(n) % 2 == 0, "val", "test"),
        "target": (condition < 4).astype(int),
        "condition": condition,
        "fst_group": skin.where(dataset != "ham10000"),
        "sex": rng.choice(["male", "female"], n),
        "age_group": rng.choice(["<30", "30-49", "50-69", "70+"], n),
        "group_id": [f"lesion{i // 4}_{i % 2}" for i in range(n)],
    })  # fmt: skip


def scores(frame: pd.DataFrame, regime: str, seed: int, *, effects: bool) -> np.ndarray:
    """p_malignant [n]; with `effects`, single_ham fails away from dermoscopy and dark skin hides what is malignant."""
    rng = np.random.default_rng([seed, len(regime)])
    shared = np.random.default_rng(9).normal(size=len(frame))  # what makes an image hard for every run
    signal = np.full(len(frame), 2.0)
    if effects:
        if regime == "single_ham":
            signal[frame["domain"] != "dermoscopic"] = 0.3
        signal[frame["fst_group"] == "V-VI"] *= 0.1 if regime != "multi_balanced" else 0.8
    logit = signal * frame["target"] + shared + rng.normal(0, 0.3, len(frame)) - 1
    return 1 / (1 + np.exp(-logit.to_numpy()))


def write_run(
    folder: Path, predictions: Predictions, *, name: str, seed: int, split: dict, data: dict
) -> Path:
    """A run folder with the files that table programs read."""
    (folder / ".hydra").mkdir(parents=True)
    config = {"name": name, "seed": seed, "split_seed": 0, "split": split, "data": data}
    config["labels"] = {"premalignant": "malignant"}
    OmegaConf.save(OmegaConf.create(config), folder / ".hydra" / "config.yaml")
    predictions.write(folder / "predictions.parquet")
    write_thresholds(folder / "thresholds.json", fit_thresholds(predictions))
    said = {
        "data": {"note": data["note"]},
        "git": {"commit": "0" * 40, "dirty": False},
        "seconds": {"fit": 1.0},
    }
    write_json(folder / "provenance.json", {**said, "command": ["train.py", f"seed={seed}", "paths.raw=/x"]})
    return folder


def write_grid(
    root: Path,
    *,
    effects: bool,
    names: tuple[str, ...] = ("single_ham", "multi", "multi_balanced"),
    seeds: tuple[int, ...] = (0, 1),
    n: int = 3000,
    split: dict | None = None,
) -> Path:
    """A sweep folder with a run for each name and seed, all on the same images."""
    frame = images(n)
    # what a table program on the synthetic benchmark reads of the data group
    knobs = {"domain_gap": 1.0, "shortcut": 0.0, "dark_skin_contrast": 0.3} if effects else {
        "domain_gap": 0.0, "shortcut": 0.0, "dark_skin_contrast": 1.0
    }  # fmt: skip
    data = {"note": "made-up scores", "synthetic": {"out": str(root / "nowhere"), **knobs}}
    split = split or {"_target_": "skintag.data.view.splits.Grouped", "val": 0.1, "test": 0.2}
    for job, (name, seed) in enumerate((name, seed) for name in names for seed in seeds):
        table = Predictions.from_arrays(frame, "head", scores(frame, name, seed, effects=effects))
        write_run(root / f"{job}_{name}_seed{seed}", table, name=name, seed=seed, split=split, data=data)
    return root


def run_tables(experiment: str, out: Path, *sweeps: Path, more: tuple[str, ...] = ()) -> None:
    """`python experiments/<experiment>/tables.py`, in this process: its imports are what takes longest."""
    program = EXPERIMENTS / experiment / "tables.py"
    arguments = [str(program), "--runs", *map(str, sweeps), "--out", str(out), "--resamples", "100", *more]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        patch.syspath_prepend(str(program.parent))  # as Python does for a script
        runpy.run_path(str(program), run_name="__main__")
