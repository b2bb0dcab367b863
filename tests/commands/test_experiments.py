"""Every experiment composes and runs a batch, and leaves the whole run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import DictConfig

from tests.conftest import CONFIGS

EXPERIMENTS = sorted(
    p.stem for p in (CONFIGS / "experiment").glob("*.yaml") if not p.stem.startswith("ablation_")
)
ONE_BATCH = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16")


def test_the_promised_experiments_are_there() -> None:
    promised = {
        "single_ham",
        "multi",
        "multi_balanced",
        "lodo_dermoscopic",
        "lodo_clinical",
        "lodo_smartphone",
    }
    assert promised <= set(EXPERIMENTS)


@pytest.mark.parametrize(
    "experiment",
    [pytest.param(name, marks=() if name == "multi_balanced" else pytest.mark.long) for name in EXPERIMENTS],
)
def test_every_experiment_runs_a_batch_and_leaves_its_run_folder(
    experiment: str, compose_run: Callable[..., DictConfig], tmp_path: Path
) -> None:
    from tests.conftest import train

    result = train(compose_run(f"experiment={experiment}", *ONE_BATCH), tmp_path)

    assert result is not None
    for name in (
        "predictions.parquet",
        "metrics.json",
        "thresholds.json",
        "provenance.json",
        "leakage_audit.json",
    ):
        assert (tmp_path / name).is_file(), name
    assert (tmp_path / "checkpoints" / "best.ckpt").is_file()
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    assert set(table["split"]) == {"val", "test"}
    assert {"head", "majority", "xgboost_frozen", "xgboost_finetuned"} <= set(table["model"])
    per_model = table.groupby("model").size()
    assert len(set(per_model)) == 1, "every model scores the same rows"
    if experiment.startswith("lodo_"):
        held_out = experiment.removeprefix("lodo_")
        assert set(table["domain"][table["split"] == "test"]) == {held_out}
        assert held_out not in set(table["domain"][table["split"] == "val"])
    if experiment == "single_ham":
        assert set(table["dataset"][table["split"] == "val"]) == {"ham10000"}
        assert table["domain"][table["split"] == "test"].nunique() == 3
    audit = json.loads((tmp_path / "leakage_audit.json").read_text())
    assert audit


@pytest.mark.long
@pytest.mark.parametrize("group", ["objective", "balance", "augment", "finetune", "labels"])
def test_every_choice_of_an_ablation_group_runs_a_batch(
    group: str, compose_run: Callable[..., DictConfig], tmp_path: Path
) -> None:
    from tests.conftest import train

    for choice in sorted(p.stem for p in (CONFIGS / group).glob("*.yaml")):
        config = compose_run(*ONE_BATCH, f"{group}={choice}", "probe=majority")
        result = train(config, tmp_path / choice)
        assert result is not None
        assert result.predictions.models == ("head", "majority"), choice
