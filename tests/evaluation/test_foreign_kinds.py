"""Foreign tables of the kinds that people have: folds, columns named by numbers, rounding, one class alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skintag.core.errors import ConfigError, DataError
from skintag.evaluation.analyses.assess import AssessmentSettings
from skintag.evaluation.decisions.thresholds import Objective, thresholds_of
from skintag.evaluation.foreign.file import read_columns
from skintag.evaluation.foreign.settings import ForeignSettings
from skintag.evaluation.foreign.table import read_foreign, read_foreign_files
from skintag.evaluation.report.evidence import Origin
from skintag.evaluation.report.gather import gather
from skintag.evaluation.report.settings import ReportSettings
from skintag.evaluation.report.write import write_report

COMMON = ("benign", "perfect", "two_models")
"""Of the tables below, those that people have most."""
QUICK = ReportSettings(AssessmentSettings(resamples=40, permutations=40), errors=1, threshold=0.5)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def rows(n: int, start: int = 0) -> str:
    return "".join(f"i{k},{k % 2},0.{k % 9}\n" for k in range(start, start + n))


def test_column_named_by_a_number_is_taken_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "proba.csv", "image_id,y,0,1\na,1,0.3,0.7\nb,0,0.9,0.1\n")
    read = read_foreign(path, ForeignSettings(columns={"target": "y", "p_malignant": 1}))  # type: ignore[dict-item]
    assert list(read.predictions.frame["p_malignant"]) == [0.7, 0.1]


def test_folds_are_read_together_as_one_model(tmp_path: Path) -> None:
    head = "image_id,target,p_malignant\n"
    paths = [write(tmp_path, f"fold_{k}.csv", head + rows(6, 6 * k)) for k in range(3)]
    read = read_foreign_files(paths)
    frame = read.predictions.frame
    assert read.predictions.models == ("fold",)
    assert sorted(frame["image_id"]) == sorted(f"i{k}" for k in range(18))
    assert read.notes[0] == "read together: fold_0.csv, fold_1.csv, fold_2.csv"


def test_image_in_two_folds_is_refused(tmp_path: Path) -> None:
    head = "image_id,target,p_malignant\n"
    paths = [write(tmp_path, "a.csv", head + rows(4)), write(tmp_path, "b.csv", head + rows(4, 3))]
    with pytest.raises(DataError, match=r"b\.csv(.|\n)*i3 of the model(.|\n)*a\.csv"):
        read_foreign_files(paths)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("image_id,target,x", {"p_malignant": "target"}),
        ("image_id,y,p_malignant", {"target": "p_malignant"}),
        ("image_id,target,p_malignant", {"p_malignant": "target"}),
        ("image_id,target,p_malignant", {"domain": "target"}),
        ("image_id,target,p_malignant", {"sex": "p_malignant"}),
    ],
)
def test_one_column_in_two_roles_is_refused(
    header: str, columns: dict[str, str | None], tmp_path: Path
) -> None:
    path = write(tmp_path, "p.csv", f"{header}\na,1,1\nb,0,0\n")
    with pytest.raises(DataError, match="expected: a column for each role"):
        read_foreign(path, ForeignSettings(columns=columns))


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("image_id,target,p_malignant", {"lesion_id": "image_id"}),
        ("lesion_id,target,p_malignant", {"image_id": "lesion_id"}),
        ("image_id,malignancy,p_malignant", {"target": "malignancy"}),
    ],
)
def test_roles_that_one_column_may_have_are_read(
    header: str, columns: dict[str, str | None], tmp_path: Path
) -> None:
    path = write(tmp_path, "p.csv", f"{header}\na,malignant,1\nb,benign,0\n")
    assert len(read_foreign(path, ForeignSettings(columns=columns)).predictions) == 2


def test_scores_a_rounding_beyond_their_limits_are_clipped_and_said(tmp_path: Path) -> None:
    path = write(
        tmp_path, "p.csv", "image_id,target,p_malignant\na,1,1.0000001192092896\nb,0,-0.00000001\nc,0,0.4\n"
    )
    read = read_foreign(path)
    assert list(read.predictions.frame["p_malignant"]) == [1.0, 0.0, 0.4]
    assert "2 scores outside [0, 1] by rounding (at most 1e-07) taken as 0 or 1" in read.notes


def test_scores_further_out_are_refused_with_those_that_round(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "image_id,target,p_malignant\na,1,1.0000001\nb,0,1.1\nc,0,0.4\n")
    with pytest.raises(DataError, match=r"2 outside"):
        read_foreign(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 3},
        {"columns": {"target": ["a", "b"]}},
        {"positive": {"a": 1}},
        {"model": [1]},
        {"rows_are": 3},
    ],
)
def test_settings_of_a_wrong_kind_are_refused_with_their_key(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ForeignSettings(**wrong)  # type: ignore[arg-type]


def test_one_label_need_be_no_list(tmp_path: Path) -> None:
    path = write(tmp_path, "p.csv", "image_id,target,p_malignant\na,melanoma,0.9\nb,nevus,0.1\n")
    read = read_foreign(path, ForeignSettings(positive="melanoma"))
    assert list(read.predictions.frame["target"]) == [1, 0]


def degenerate() -> dict[str, pd.DataFrame]:
    """Tables that are in order, and of which most figures are undefined."""
    rng = np.random.default_rng(0)
    n = 24
    base = pd.DataFrame(
        {
            "image_id": [f"i{k}" for k in range(n)],
            "target": np.arange(n) % 2,
            "p_malignant": rng.random(n).round(3),
            "fitzpatrick": np.arange(n) % 6 + 1,
            "domain": np.where(np.arange(n) % 3, "clinical", "dermoscopic"),
            "patient_id": [f"p{k // 2}" for k in range(n)],
            "condition": np.where(np.arange(n) % 2, "melanoma", "nevus"),
        }
    )
    halves = np.where(np.arange(n) < n // 2, "val", "test")
    made = {
        "benign": base.assign(target=0, condition="nevus"),
        "malignant": base.assign(target=1, condition="melanoma"),
        "one": base.head(1),
        "two": base.head(2),
        "constant": base.assign(p_malignant=0.5),
        "perfect": base.assign(p_malignant=base["target"]),
        "wrong": base.assign(p_malignant=1 - base["target"]),
        "one_patient": base.assign(patient_id="p"),
        "no_skin": base.assign(fitzpatrick=None),
        "one_group": base.assign(fitzpatrick=3, domain="clinical"),
        "val_benign": base.assign(split=halves, target=np.where(halves == "val", 0, base["target"])),
        "test_benign": base.assign(split=halves, target=np.where(halves == "test", 0, base["target"])),
        "test_malignant": base.assign(split=halves, target=np.where(halves == "test", 1, base["target"])),
        "two_models": pd.concat([base.assign(model="a"), base.assign(model="b", p_malignant=0.2)]),
    }
    return made


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in COMMON else pytest.mark.long) for kind in degenerate()]
)
def test_table_of_which_most_is_undefined_still_gives_a_report(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.csv"
    degenerate()[kind].drop(columns="condition").to_csv(path, index=False)
    table = read_foreign(path)
    thresholds = thresholds_of(table.predictions, Objective("youden"), 0.5)
    evidence = gather(table.predictions, thresholds, Origin(name=kind, data=kind), QUICK)
    assert write_report(evidence, tmp_path / "out", 0.0).is_file()


def test_rows_of_commas_are_dropped_and_rows_with_any_text_are_not(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("image_id,target,p_malignant,note\na,0,0.1,\n,,,\nb,1,0.9,\n , ,,\n")
    assert read_columns(path, ["image_id", "target", "p_malignant"])["image_id"].tolist() == ["a", "b"]
    path.write_text("image_id,target,p_malignant,note\na,0,0.1,\n,,,total\nb,1,0.9,\n")
    assert len(read_columns(path, ["image_id", "target", "p_malignant"])) == 3
