"""`evaluate.py`: run folders, several of them, and anybody's table."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from skintag.commands import evaluate as program
from skintag.commands.evaluate import EvaluateSettings
from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json, write_json
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.analyses.table import EvaluationSettings, write_outputs
from skintag.evaluation.decisions.thresholds import read_thresholds
from skintag.evaluation.predictions.predictions import Predictions
from skintag.evaluation.report.gather import ReportSettings
from skintag.runs import report
from skintag.runs.evidence import origin_of
from skintag.runs.finding import find_runs
from skintag.runs.folder import RunFolder
from tests.conftest import CONFIGS

ROOT = CONFIGS.parent
QUICK = ReportSettings(AssessmentSettings(resamples=40, permutations=40), errors=1)
SMALL = ["report.assessment.resamples=40", "report.assessment.permutations=40", "report.errors=1"]
NOTE = "synthetic benchmark: drawn images"


def table(seed: int = 0, n: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    images = np.random.default_rng(9)  # the same images whatever the seed
    target = images.integers(0, 2, n)
    domain = images.choice(["dermoscopic", "smartphone"], n)
    return pd.DataFrame(
        {
            "image_id": [f"x/{i:03d}" for i in range(n)],
            "dataset": domain,
            "domain": domain,
            "split": np.repeat(["val", "test"], n // 2),
            "model": "head",
            "p_malignant": np.clip(0.3 * target + 0.7 * rng.random(n), 0, 1),
            "target": target,
            "malignancy": np.where(target == 1, "malignant", "benign"),
            "fst_group": images.choice(["I-II", "V-VI"], n),
            "group_id": [f"g{i // 2}" for i in range(n)],
        }
    )


def run_folder(folder: Path, name: str = "multi", seed: int = 0) -> Path:
    """What train.py leaves behind, without weights and pictures."""
    (folder / ".hydra").mkdir(parents=True)
    predictions = Predictions(table(seed))
    predictions.write(folder / "predictions.parquet")
    write_outputs(folder, predictions, EvaluationSettings(), caption=NOTE)
    config = {
        "name": name,
        "seed": seed,
        "fit": True,
        "labels": {"premalignant": "malignant"},
        "trainer": {"max_epochs": 2},
        "callbacks": {"patience": 3},
        "data": {"prepared": str(folder / "gone"), "sources": {}},
        "paths": {"cache": str(folder / "gone")},
    }
    OmegaConf.save(OmegaConf.create(config), folder / ".hydra" / "config.yaml")
    write_json(
        folder / "leakage_audit.json", {"split": "Grouped", "leaky": False, "clean": True, "overlaps": []}
    )
    probes = {"logistic_frozen": {"chosen": {"binary_c": 0.01}}}
    data = {"name": "synthetic", "note": NOTE}
    write_json(folder / "provenance.json", {"seed": seed, "split_seed": 0, "data": data, "probes": probes})
    return folder


def composed(*overrides: str):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("evaluate", overrides=[*SMALL, *overrides])


def test_a_run_gets_its_report_and_keeps_its_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path / "run")
    before = read_json(folder / "metrics.json")
    path = report.report_run(folder, QUICK)
    assert path == folder / "report.html"
    html = path.read_text(encoding="utf-8")
    assert NOTE in html
    assert "lowest loss on val" in html
    assert "binary c 0.01" in html
    after = read_json(folder / "metrics.json")
    assert after["models"]["head"]["groups"] == before["models"]["head"]["groups"]
    assert after["models"]["head"]["threshold"] == before["models"]["head"]["threshold"]
    assert set(after["models"]["head"]["premalignant_as"]) == {"malignant", "benign"}
    for name in (
        "model_card.md",
        "triage.json",
        "calibration_temperature.json",
        "tables/models.tex",
        "plots/gaps.svg",
    ):
        assert (folder / name).is_file(), name
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"report: {path}"
    assert "worst skin type" in out


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"predictions\.parquet"):
        report.report_run(tmp_path, QUICK)


@pytest.mark.long
def test_runs_of_a_sweep_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for job, (name, seed) in enumerate((("multi", 0), ("multi", 1), ("single_ham", 0))):
        run_folder(tmp_path / "sweep" / f"{job}_{name}_seed{seed}", name, seed)
    written = program.evaluate(
        EvaluateSettings.of(composed(f"run={tmp_path}/sweep", "each=false", "reference=single_ham"))
    )
    assert written == [tmp_path / "sweep" / "comparison" / "report.html"]
    found = read_json(written[0].parent / "comparison.json")
    assert found["reference"] == "single_ham"
    levels = [
        r for r in found["levels"] if (r["grouping"], r["metric"], r["model"]) == ("overall", "auroc", "head")
    ]
    assert {r["name"]: r["n_seeds"] for r in levels} == {"single_ham": 1, "multi": 2}
    differences = [r for r in found["differences"] if r["grouping"] == "overall" and r["metric"] == "auroc"]
    assert [(r["name"], r["reference"], r["n_seeds"]) for r in differences] == [("multi", "single_ham", 1)]
    assert "report: " in capsys.readouterr().out


def test_nothing_or_both_given_is_refused() -> None:
    for overrides in ([], ["run=a", "predictions=b.csv"]):
        with pytest.raises(ConfigError, match="give run="):
            program.evaluate(EvaluateSettings.of(composed(*overrides)))


@pytest.fixture
def foreign(tmp_path: Path) -> tuple[Path, list[str]]:
    """Somebody's test rows under their own names, and the overrides that read them."""
    frame = table()
    frame = frame[frame["split"] == "test"]
    theirs = pd.DataFrame(
        {
            "Name": frame["image_id"], "prob": frame["p_malignant"],
            "label": frame["target"].map({1: "Melanoma", 0: "nevus"}),
            "skin": frame["fst_group"].where(frame.index % 5 > 0, "n/a"), "remark": "none",
        }
    )  # fmt: skip
    path = tmp_path / "theirs.csv"
    theirs.to_csv(path, index=False, sep=";")
    columns = [
        "columns.image_id=Name",
        "columns.p_malignant=prob",
        "columns.target=label",
        "columns.fitzpatrick=skin",
    ]
    return path, [f"predictions={path}", *columns, "positive=[melanoma]"]


def test_a_foreign_table_is_reported_with_what_was_understood(foreign: tuple[Path, list[str]]) -> None:
    path, overrides = foreign
    (written,) = program.evaluate(EvaluateSettings.of(composed(*overrides, "threshold=0.5")))
    assert written == path.parent / "theirs_report" / "report.html"
    html = written.read_text(encoding="utf-8")
    for said in (
        "intervals ignore clustering", "columns that nothing was made of: remark", "given, not fitted",
        "target 1 (malignant): melanoma", "skin type unknown for 16 of 80 rows", "cannot be counted the other way",
    ):  # fmt: skip
        assert said in html, said
    assert (
        json.loads((written.parent / "thresholds.json").read_text())["thresholds"]["theirs"]["value"] == 0.5
    )
    assert not (written.parent / "triage.json").exists()


def test_a_test_only_table_without_a_threshold_is_refused(foreign: tuple[Path, list[str]]) -> None:
    with pytest.raises(DataError, match=r"threshold=0\.5"):
        program.evaluate(EvaluateSettings.of(composed(*foreign[1])))


def test_the_command_ends_with_a_message_not_a_traceback(foreign: tuple[Path, list[str]]) -> None:
    path, overrides = foreign
    path.write_text(path.read_text().replace("Melanoma", "1", 1).replace(";0.", ";7.", 1))
    done = subprocess.run(
        [sys.executable, str(ROOT / "evaluate.py"), *overrides, *SMALL],
        capture_output=True,
        text=True,
        cwd=path.parent,
    )
    assert done.returncode == 1
    assert "scores in [0, 1]" in done.stderr
    assert "row 1 (x/080)" in done.stderr
    assert "Traceback" not in done.stderr


def test_three_columns_and_a_threshold_make_a_whole_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table()
    path = tmp_path / "plain.csv"
    frame.loc[frame["split"] == "test", ["image_id", "p_malignant", "target"]].to_csv(path, index=False)
    (written,) = program.evaluate(EvaluateSettings.of(composed(f"predictions={path}", "threshold=0.5")))
    folder = tmp_path / "plain_report"
    assert written == folder / "report.html"
    assert "nothing can be said about skin tone" in written.read_text(encoding="utf-8")
    assert set(read_json(folder / "metrics.json")["models"]) == {"plain"}
    assert read_json(folder / "thresholds.json")["thresholds"]["plain"]["value"] == 0.5
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == f"report: {written}"
    row = next(line for line in out.splitlines() if "plain " in line and "│" in line)
    assert row.split("│")[-2].strip() == "—"


@pytest.mark.long
def test_another_objective_leaves_what_the_run_wrote_as_it_was(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    before = {name: (folder / name).read_bytes() for name in ("metrics.json", "thresholds.json")}
    settings = replace(QUICK, objective="target_sensitivity", target=0.9)
    path = report.report_run(folder, settings)
    assert path == folder / "report_target_sensitivity_0.9" / "report.html"
    assert {name: (folder / name).read_bytes() for name in before} == before
    (threshold,) = read_thresholds(path.parent / "thresholds.json").values()
    assert threshold.objective == "target_sensitivity 0.9"
    assert read_json(path.parent / "metrics.json")["models"]["head"]["threshold"]["value"] == threshold.value
    assert find_runs(tmp_path) == [folder]


def test_a_comparison_uses_the_threshold_that_was_asked_for(tmp_path: Path) -> None:
    folders = [run_folder(tmp_path / f"s{seed}", seed=seed) for seed in (0, 1)]
    out = tmp_path / "comparison"
    report.compare_folders(folders, replace(QUICK, threshold=0.0), out)
    levels = [r for r in read_json(out / "comparison.json")["levels"] if r["grouping"] == "overall"]
    assert {r["metric"]: r["mean"] for r in levels if r["metric"] != "auroc"} == {
        "sensitivity": 1.0,
        "specificity": 0.0,
    }


@pytest.mark.parametrize("own", ["malignant", "benign"])
def test_the_report_says_how_the_rows_count_premalignant_lesions(tmp_path: Path, own: str) -> None:
    folder = run_folder(tmp_path / "run")  # its configuration says malignant
    frame = table()
    frame.loc[(frame["target"] == (own == "malignant")) & (frame.index % 4 < 2), "malignancy"] = (
        "premalignant"
    )
    Predictions(frame).write(folder / "predictions.parquet")
    assert origin_of(RunFolder(folder), "").premalignant == own
    frame["malignancy"] = np.where(frame["target"] == 1, "malignant", "benign")
    Predictions(frame).write(folder / "predictions.parquet")
    assert origin_of(RunFolder(folder), "").premalignant == "none in table"
