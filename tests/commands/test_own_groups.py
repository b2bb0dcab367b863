"""Groups of one's own in a report: from the predictions, from a table beside a run, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skintag.commands import evaluate as program
from skintag.commands.evaluate import EvaluateSettings
from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json
from skintag.evaluation.foreign.own_groups import read_own_groups
from tests.commands.test_evaluate import composed, run_folder, table

MORE = "report.assessment.permutations=400"  # than the quick tests have: p-values below 0.05 after correction


def theirs(folder: Path, **columns: object) -> Path:
    """Predictions of a model that is wrong more often in one hospital."""
    frame = table(n=1200)
    frame = frame[frame["split"] == "test"].reset_index(drop=True)
    hospital = np.where(np.arange(len(frame)) // 2 % 3 == 0, "north", "south")
    wrong = (hospital == "north") & (np.arange(len(frame)) // 2 % 2 == 0)
    frame["p_malignant"] = np.where(wrong, 1 - frame["target"], frame["target"]) * 0.6 + 0.2
    frame = frame[["image_id", "p_malignant", "target", "group_id"]].assign(hospital=hospital, **columns)
    path = folder / "theirs.csv"
    frame.to_csv(path, index=False)
    return path


def evaluate(*overrides: str) -> Path:
    return program.evaluate(EvaluateSettings.of(composed(*overrides)))[-1].parent


def test_hospitals_named_on_the_command_line_are_groups_with_gaps(tmp_path: Path) -> None:
    path = theirs(tmp_path)
    folder = evaluate(f"predictions={path}", "threshold=0.5", "group_by=[hospital]", MORE)
    found = read_json(folder / "metrics.json")["models"]["theirs"]
    frame = pd.read_csv(path)
    for name, rows in frame.groupby("hospital"):
        by_hand = (rows["p_malignant"] >= 0.5).astype(int).eq(rows["target"]).mean()
        assert found["levels"]["hospital"][name]["accuracy"]["value"] == pytest.approx(by_hand)
    gap = found["gaps"]["hospital"]["sensitivity_gap"]
    assert gap["value"] == pytest.approx(0.5, abs=0.1)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Sensitivity differs between groups by hospital" in page
    assert "columns that nothing was made of" not in page


def test_whole_numbers_with_gaps_in_parquet_are_called_as_they_are(tmp_path: Path) -> None:
    """A prepared folder's catalog is such a table, and 0 is one of its skin tones."""
    path = tmp_path / "catalog.parquet"
    tones = pd.array([0, 5, None], dtype="Int8")
    pd.DataFrame({"image_id": list("abc"), "skin_tone": tones, "site": "back"}).to_parquet(path)
    column = read_own_groups(path, ["skin_tone"])["skin_tone"]
    assert column.isna().tolist() == [False, False, True]
    assert column.tolist()[:2] == ["0", "5"]


@pytest.mark.long
def test_a_run_takes_them_from_a_table_beside_it(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    ids = pd.read_parquet(folder / "predictions.parquet")["image_id"].unique()
    scanner = [("a", "b", "n/a")[i % 3] for i in range(len(ids))]
    pd.DataFrame({"image_id": ids, "scanner": scanner}).to_csv(tmp_path / "scanners.csv", index=False)
    before = (folder / "metrics.json").read_bytes()
    out = evaluate(f"run={folder}", f"groups_file={tmp_path}/scanners.csv")
    assert out == folder / "report_groups"
    assert set(read_json(out / "metrics.json")["models"]["head"]["levels"]["scanner"]) == {"a", "b"}
    assert (folder / "metrics.json").read_bytes() == before


def test_what_is_no_group_is_refused_by_name(tmp_path: Path) -> None:
    path = theirs(tmp_path, visit=np.arange(600), empty="n/a")
    for names, said in (
        ("[hospitl]", "hospital"),
        ("[visit]", "100 groups in 'visit'"),
        ("[empty]", "100 groups in 'empty'"),
    ):
        with pytest.raises(DataError, match=said):
            evaluate(f"predictions={path}", "threshold=0.5", f"group_by={names}")


def test_two_groups_of_one_image_and_other_ids_are_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    ids = list(pd.read_parquet(folder / "predictions.parquet")["image_id"].unique())
    beside = tmp_path / "beside.csv"
    pd.DataFrame({"image_id": [*ids, ids[0]], "ward": ["a"] * len(ids) + ["b"]}).to_csv(beside, index=False)
    with pytest.raises(DataError, match="one 'ward' for each image"):
        evaluate(f"run={folder}", f"groups_file={beside}")
    pd.DataFrame({"image_id": ["y/1", "y/2"], "ward": ["a", "b"]}).to_csv(beside, index=False)
    with pytest.raises(DataError, match="image ids of the predictions, like x/"):
        evaluate(f"run={folder}", f"groups_file={beside}")
    with pytest.raises(ConfigError, match="groups_file="):
        evaluate(f"run={folder}", "group_by=[ward]")


@pytest.mark.long
def test_a_column_of_ours_is_told_from_one_s_own(tmp_path: Path) -> None:
    path = theirs(tmp_path, site=["arm", "leg"] * 300)
    folder = evaluate(f"predictions={path}", "threshold=0.5", "group_by=[site]")
    assert set(read_json(folder / "metrics.json")["models"]["theirs"]["levels"]["own site"]) == {"arm", "leg"}
