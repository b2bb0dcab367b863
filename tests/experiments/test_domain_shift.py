"""The domain-shift tables: a planted difference is found, a null one is not, and every file is written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.experiments.fake_grid import run_tables, write_grid

PERMUTATIONS = ("--permutations", "50")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    run_tables("domain_shift", folder / "out", write_grid(folder / "sweep", effects=True), more=PERMUTATIONS)
    return folder / "out" / "grouped"


@pytest.fixture(scope="module")
def null(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("null")
    run_tables("domain_shift", folder / "out", write_grid(folder / "sweep", effects=False), more=PERMUTATIONS)
    return folder / "out" / "grouped"


def test_planted_effects_are_found_and_nothing_else_is_claimed(planted: Path) -> None:
    judged = pd.read_csv(planted / "questions.csv").set_index("question")
    found = set(judged.index[judged["verdict"] == "found"])
    assert {
        "cross-domain drop of single_ham",
        "skin type V-VI against I-IV, sensitivity of multi",
        "balancing, sensitivity on skin type V-VI",
    } <= found
    assert judged.loc["cross-domain drop of single_ham", "value"] > 0.1
    assert judged.loc["skin type V-VI against I-IV, sensitivity of multi", "value"] < -0.2
    assert not {name for name in found if name.startswith(("sex", "age", "skin type III-IV"))}
    assert not judged["outcome"].isin(["MISSED", "FALSE CLAIM"]).any()


@pytest.mark.long
def test_a_null_grid_claims_nothing(null: Path) -> None:
    judged = pd.read_csv(null / "questions.csv")
    assert len(judged) >= 10
    assert set(judged["verdict"]) <= {"not found", "cannot be told"}
    assert "0 were claimed" in (null / "findings.md").read_text()


def test_questions_about_rulers_do_not_vanish_with_the_file_that_names_them(null: Path) -> None:
    judged = pd.read_csv(null / "questions.csv").set_index("question")
    gone = judged[judged["outcome"] == "not asked"]
    assert len(gone) == 3
    assert all("ruler" in name for name in gone.index)
    assert set(gone["verdict"]) == {"cannot be told"}
    told = judged[judged["p_holm"].notna()]
    least = told.loc[told["p_value"].idxmin()]
    assert least["p_holm"] == pytest.approx(min(1, (len(told) + 3) * least["p_value"]), rel=1e-4)
    text = (null / "findings.md").read_text()
    assert "truth.csv" in text
    assert "any more which images show a ruler" in text


def test_what_more_data_or_other_weights_bring_is_no_planted_null(null: Path) -> None:
    # single_ham learns from a part of the images: multi may well be better where nothing was planted
    judged = pd.read_csv(null / "questions.csv").set_index("question")
    for name in (
        "all domains instead of one, AUROC on other images",
        "balancing, sensitivity on skin type V-VI",
    ):
        assert judged.loc[name, "planted"] == "may follow"
        assert judged.loc[name, "outcome"] == "either is right"
    assert judged.loc["sex, male against female, sensitivity of multi", "planted"] == "no"


def test_one_seed_changes_what_the_report_promises(tmp_path: Path) -> None:
    write_grid(tmp_path / "one", effects=False, names=("multi",), seeds=(0,), n=600)
    run_tables("domain_shift", tmp_path / "out", tmp_path / "one", more=PERMUTATIONS)
    assert (
        "with one seed that is said of these trained models alone"
        in (tmp_path / "out/grouped/findings.md").read_text()
    )


def test_several_seeds_promise_it_of_training_too(null: Path) -> None:
    assert "with one seed" not in (null / "findings.md").read_text()


def test_every_table_and_figure_is_written_small_and_with_its_kind_of_data(planted: Path) -> None:
    for stem in ("levels", "differences", "gaps", "drops", "questions"):
        for suffix in ("csv", "tex", "md"):
            assert (planted / f"{stem}.{suffix}").stat().st_size > 0, stem
        assert "made-up scores" in (planted / f"{stem}.md").read_text(), stem
    for figure in ("questions", "auroc_domain", "sensitivity_fst_group"):
        assert 5_000 < (planted / f"{figure}.png").stat().st_size < 300_000
    assert (planted.parent / "runs.csv").is_file()
    text = (planted / "findings.md").read_text()
    assert "made-up scores" in text
    assert "Planted: domain_gap 1, shortcut 0, dark_skin_contrast 0.3." in text


def test_the_levels_agree_with_the_metrics_of_each_run(planted: Path, tmp_path: Path) -> None:
    from skintag.evaluation.metrics.metrics import auroc
    from skintag.evaluation.predictions.predictions import Predictions

    levels = pd.read_csv(planted / "levels.csv")
    row = levels.query("name == 'multi' and metric == 'auroc' and group == 'smartphone'").iloc[0]
    sweep = write_grid(tmp_path / "again", effects=True, names=("multi",))
    values = []
    for folder in sweep.iterdir():
        test = Predictions.read(folder / "predictions.parquet").test("head")
        rows = (test.frame["domain"] == "smartphone").to_numpy()
        values.append(auroc(test.target[rows], test.score[rows]))
    assert row["mean"] == pytest.approx(sum(values) / 2, abs=1e-5)
    assert row["low"] < row["mean"] < row["high"]


def test_two_splits_get_a_folder_each_and_the_leak_a_table(tmp_path: Path) -> None:
    write_grid(tmp_path / "a", effects=False, names=("multi",), n=600)
    split = {"_target_": "skintag.data.view.splits.Stratified", "val": 0.1, "test": 0.2}
    write_grid(tmp_path / "b", effects=False, names=("multi",), n=600, split=split)
    run_tables("domain_shift", tmp_path / "out", tmp_path / "a", tmp_path / "b", more=PERMUTATIONS)
    assert (tmp_path / "out" / "grouped" / "levels.csv").is_file()
    assert (tmp_path / "out" / "stratified" / "levels.csv").is_file()
    leak = pd.read_csv(tmp_path / "out" / "leak.csv")
    assert (leak["difference"] == 0).all()  # the same scores under both names
    assert (leak["low"] < 0).any()


def test_a_folder_without_runs_is_refused_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run_tables("domain_shift", tmp_path / "out", tmp_path)
    assert capsys.readouterr().err.startswith("error: ")
