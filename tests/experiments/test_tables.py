"""The table programs of ablations, leave-one-out and robustness, on made-up runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skintag.evaluation.predictions.predictions import Predictions
from tests.experiments.fake_grid import EXPERIMENTS, images, run_tables, write_run

LODO = {"_target_": "skintag.data.view.splits.LeaveOneDomainOut", "domain": "smartphone", "val": 0.1}


def made_up(frame: pd.DataFrame, signal: float, seed: int) -> Predictions:
    """Scores whose AUROC grows with `signal`, on images that are as hard for every run."""
    hard = np.random.default_rng(3).normal(size=len(frame))
    noise = np.random.default_rng(seed).normal(0, 0.2, len(frame))
    logit = signal * frame["target"].to_numpy() + hard + noise - 1
    return Predictions.from_arrays(frame, "head", 1 / (1 + np.exp(-logit)))


def write(sweep: Path, name: str, seed: int, table: Predictions, split: dict | None = None) -> Path:
    split = split or {"_target_": "skintag.data.view.splits.Grouped", "val": 0.1, "test": 0.2}
    return write_run(
        sweep / f"{name}_{seed}", table, name=name, seed=seed, split=split, data={"note": "made-up scores"}
    )


def test_an_ingredient_that_matters_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    frame = images(2000).assign(malignancy=lambda f: np.where(f["target"] == 1, "malignant", "benign"))
    for seed in (0, 1):
        write(tmp_path / "sweep", "ablation_reference", seed, made_up(frame, 2.0, seed))
        write(tmp_path / "sweep", "ablation_balance_none", seed, made_up(frame, 2.0, seed + 10))
        write(tmp_path / "sweep", "ablation_augment_none", seed, made_up(frame, 1.2, seed + 20))
        other = images(1000, seed=1)  # a split of its own: other test images
        stratified = {"_target_": "skintag.data.view.splits.Stratified", "val": 0.1, "test": 0.2}
        write(tmp_path / "sweep", "ablation_split_stratified", seed, made_up(other, 3.0, seed), stratified)
    run_tables("ablations", tmp_path / "out", tmp_path / "sweep")

    table = pd.read_csv(tmp_path / "out" / "ablations.csv")
    overall = table[(table["grouping"] == "overall") & (table["metric"] == "auroc")].set_index("name")
    assert overall.loc["augment_none", "difference"] < -0.05
    assert overall.loc["augment_none", "p_holm"] < 0.05
    assert abs(overall.loc["balance_none", "difference"]) < 0.01
    assert not overall.loc["split_stratified", "paired"]
    assert overall.loc["split_stratified", "low"] > 0
    text = (tmp_path / "out" / "ablations.md").read_text()
    assert "| augment none |" in text
    assert "made-up scores" in text
    assert (tmp_path / "out" / "auroc.png").stat().st_size < 300_000


def test_an_ablation_with_other_targets_is_judged_by_those_of_the_reference(tmp_path: Path) -> None:
    frame = images(1200)
    malignancy = np.where(
        frame["target"] == 0, "benign", np.where(frame["condition"] == 1, "premalignant", "malignant")
    )
    frame = frame.assign(malignancy=malignancy)
    reference = made_up(frame, 2.0, 0)
    write(tmp_path / "sweep", "ablation_reference", 0, reference)
    folder = write(
        tmp_path / "sweep",
        "ablation_labels_premalignant_benign",
        0,
        reference.with_premalignant(malignant=False),
    )
    config = folder / ".hydra" / "config.yaml"
    config.write_text(config.read_text().replace("premalignant: malignant", "premalignant: benign"))
    run_tables("ablations", tmp_path / "out", tmp_path / "sweep")
    table = pd.read_csv(tmp_path / "out" / "ablations.csv")
    same = table[table["name"] == "labels_premalignant_benign"]
    assert (
        same["difference"].dropna() == 0
    ).all()  # the same scores, so under the same targets no difference
    assert same["difference"].notna().any()


def test_ablations_without_the_reference_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "sweep", "ablation_balance_none", 0, made_up(images(200), 2.0, 0))
    with pytest.raises(SystemExit, match="2"):
        run_tables("ablations", tmp_path / "out", tmp_path / "sweep")
    assert "ablation_reference" in capsys.readouterr().err


def test_what_not_having_seen_a_domain_costs_is_measured_on_shared_images(tmp_path: Path) -> None:
    frame = images(2400)
    held = frame.assign(split=np.where(frame["domain"] == "smartphone", "test", "val"))
    for seed in (0, 1):
        write(tmp_path / "held", "lodo_smartphone", seed, made_up(held, 1.0, seed), LODO)
        write(tmp_path / "seen", "multi_balanced", seed, made_up(frame, 2.0, seed + 5))
    run_tables("leave_one_out", tmp_path / "out", tmp_path / "held", tmp_path / "seen")

    against = pd.read_csv(tmp_path / "out" / "against_seen.csv").query("metric == 'auroc'").iloc[0]
    shared = int(((frame["domain"] == "smartphone") & (frame["split"] == "test")).sum())
    assert against["n"] == shared
    assert against["difference"] < -0.1
    assert against["p_value"] < 0.01
    levels = pd.read_csv(tmp_path / "out" / "leave_one_out.csv")
    assert set(levels["held_out"]) == {"smartphone"}
    assert set(levels["n"]) == {int((frame["domain"] == "smartphone").sum())}
    assert (tmp_path / "out" / "auroc.png").is_file()


def test_a_distortion_that_hurts_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    frame = images(1600)
    for seed in (0, 1):
        clean = made_up(frame, 2.0, seed)
        folder = write(tmp_path / "sweep", "multi", seed, clean)
        rows = []
        for name, signal, shift in (("clean", 2.0, 0), ("blur_light", 2.0, 50), ("noise_heavy", 0.5, 60)):
            test = made_up(frame, signal, seed + shift).test("head").frame
            rows.append(test.assign(distortion=name, severity=1.0))
        pd.concat(rows, ignore_index=True).to_parquet(folder / "robustness.parquet", index=False)
    run_tables("robustness", tmp_path / "out", tmp_path / "sweep")

    changes = (
        pd.read_csv(tmp_path / "out" / "grouped" / "changes.csv").query("metric == 'auroc'").set_index("name")
    )
    assert changes.loc["noise_heavy", "difference"] < -0.1
    assert changes.loc["noise_heavy", "p_holm"] < 0.05
    assert changes.loc["blur_light", "p_holm"] > 0.05
    assert "noise heavy" in (tmp_path / "out" / "grouped" / "levels.md").read_text()
    assert (tmp_path / "out" / "grouped" / "auroc.png").stat().st_size < 300_000


@pytest.mark.parametrize("experiment", ["domain_shift", "ablations", "leave_one_out", "robustness"])
def test_each_experiment_says_its_question_and_its_command(experiment: str) -> None:
    text = (EXPERIMENTS / experiment / "README.md").read_text()
    assert "## The question" in text
    # as the figures were made; `skintag train` is the same
    assert "train.py -m" in text or "skintag train -m" in text
    assert f"python experiments/{experiment}/tables.py" in text
