"""The table program of distillation, on made-up students that gain from their teacher, or do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from skintag.evaluation.predictions.predictions import Predictions
from tests.experiments.fake_grid import images, run_tables, write_run

SPLIT = {"_target_": "skintag.data.view.splits.Grouped", "val": 0.1, "test": 0.2}
FRAME = images(1600)


def scores(signal: float, seed: int, noise: float = 0.2) -> np.ndarray:
    """p_malignant [n] whose AUROC grows with `signal`; images are as hard for every model."""
    hard = np.random.default_rng(3).normal(size=len(FRAME))
    own = np.random.default_rng(seed).normal(0, noise, len(FRAME))
    return 1 / (1 + np.exp(-(signal * FRAME["target"].to_numpy() + hard + own - 1)))


def write(
    sweep: Path, arm: str, seed: int, signal: float, student: str = "mobilenetv3_large_100", **more: object
) -> Path:
    """A run folder as distill.py leaves it, as far as table programs look."""
    name = f"student_{student}_{arm}"
    table = Predictions.concat(
        [
            Predictions.from_arrays(FRAME, "head", scores(signal, seed)),
            Predictions.from_arrays(FRAME, "teacher", scores(2.5, 99)),
        ]
    )
    path = write_run(
        sweep / f"{name}_{seed}", table, name=name, seed=seed, split=SPLIT, data={"note": "made-up scores"}
    )
    config = OmegaConf.load(path / ".hydra" / "config.yaml")
    weight = 0.0 if arm == "none" else 0.9
    config.merge_with(
        {
            "teacher": "runs/big",
            "backbone": {"name": student},
            "trainer": {"max_epochs": 10},
            "distillation": {
                "name": arm,
                "teacher": "head",
                "teacher_weight": weight,
                "embedding_weight": 0.0,
            },
            **more,
        }
    )
    OmegaConf.save(config, path / ".hydra" / "config.yaml")
    return path


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of one student that gains from its teacher, and one that does not."""
    root = tmp_path_factory.mktemp("distillation")
    for seed in (0, 1):
        for arm, signal in (("none", 1.2), ("head", 2.0)):
            write(root / "sweep", arm, seed, signal)
        write(root / "sweep", "none", seed, 1.6, "efficientnet_b0")
        write(root / "sweep", "head", seed, 1.6, "efficientnet_b0", export=[])
    run_tables("distillation", root / "out", root / "sweep")
    return root / "out"


def test_what_distillation_adds_is_told_from_nothing(out: Path) -> None:
    table = pd.read_csv(out / "added.csv").set_index(["name", "question"])
    gained = table.loc[("mobilenetv3_large_100, head", "AUROC")]
    assert gained["verdict"] == "better"
    assert gained["low"] > 0.05
    assert gained["n_seeds"] == 2
    same = table.loc[("efficientnet_b0, head", "AUROC")]
    assert same["verdict"] == "not found"
    assert abs(same["difference"]) < 0.02
    assert set(table["reference"]) == {"mobilenetv3_large_100, labels alone", "efficientnet_b0, labels alone"}


def test_the_primary_question_has_a_family_of_its_own(out: Path) -> None:
    table = pd.read_csv(out / "added.csv")
    primary, secondary = (table[table["role"] == role] for role in ("primary", "secondary"))
    assert primary["question"].unique().tolist() == ["AUROC"]
    assert len(primary) == 2
    assert primary["p_holm"].min() == pytest.approx(2 * primary["p_value"].min())
    assert secondary["p_holm"].min() == pytest.approx(len(secondary) * secondary["p_value"].min(), rel=1e-3)


def test_teachers_stand_beside_their_students(out: Path) -> None:
    levels = pd.read_csv(out / "levels.csv")
    assert set(levels["name"]) == {
        "mobilenetv3_large_100, labels alone", "mobilenetv3_large_100, head", "efficientnet_b0, labels alone",
        "efficientnet_b0, head", "teacher (head)",
    }  # fmt: skip
    lost = pd.read_csv(out / "lost.csv").set_index(["name", "question"])
    assert set(lost["reference"]) == {"teacher (head)"}
    np.testing.assert_allclose(lost["difference"], lost["mean_a"] - lost["mean_b"], atol=1e-5)
    assert lost.loc[("efficientnet_b0, labels alone", "AUROC"), "verdict"] == "worse"
    text = (out / "levels.md").read_text()
    assert text.splitlines()[-1].endswith("made-up scores.")
    assert text.splitlines()[-3].startswith("| teacher (head)")  # the last row, without seeds or their spread
    for name in ("levels", "added", "lost", "runs"):
        assert (out / f"{name}.tex").stat().st_size > 100
    assert (out / "auroc.png").stat().st_size < 300_000
    assert (out / "added.png").is_file()


def test_schedules_that_differ_are_said(tmp_path: Path) -> None:
    write(tmp_path / "sweep", "none", 0, 1.0)
    write(tmp_path / "sweep", "head", 0, 1.0, trainer={"max_epochs": 20})
    run_tables("distillation", tmp_path / "out", tmp_path / "sweep")
    assert (
        "Mind: mobilenetv3_large_100: runs also differ in trainer.max_epochs."
        in (tmp_path / "out" / "added.md").read_text()
    )


def test_students_without_labels_alone_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "sweep", "head", 0, 1.0)
    with pytest.raises(SystemExit):
        run_tables("distillation", tmp_path / "out", tmp_path / "sweep")
    assert "labels alone" in capsys.readouterr().err


@pytest.mark.long
def test_arms_of_one_name_with_other_settings_are_told_apart(tmp_path: Path) -> None:
    for seed in (0, 1):
        write(tmp_path / "sweep", "none", seed, 1.0)
    for temperature in (1.0, 4.0):
        more = {
            "distillation": {
                "name": "head",
                "teacher": "head",
                "teacher_weight": 0.9,
                "temperature": temperature,
            }
        }
        write(tmp_path / f"sweep/t{temperature:g}", "head", 0, 1.0, **more)
    run_tables("distillation", tmp_path / "out", tmp_path / "sweep")
    arms = set(pd.read_csv(tmp_path / "out" / "added.csv")["name"])
    assert (pd.read_csv(tmp_path / "out" / "added.csv")["verdict"].isin(["one seed", "cannot be told"])).all()
    assert arms == {f"mobilenetv3_large_100, head (temperature {t})" for t in (1.0, 4.0)}
