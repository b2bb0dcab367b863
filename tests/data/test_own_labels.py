"""Label tables of one's own: what a draft suggests, and that a half-filled one is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from skintag.core.csv_text import csv_of
from skintag.core.errors import DataError
from skintag.core.vocabulary import Condition
from skintag.data.catalog.labels import TABLE_FOLDER, read_label_table
from skintag.data.sources.own_labels import draft_labels, own_label_table, read_own_labels

METADATA = """file,dx
1,Basal-cell_carcinoma
2,zebra
3,basal cell carcinoma
4,Actinic keratosis
5,superficial basal cell carcinomas
6,unknown
7,"Nevus, Spitz"
8,zebra
9,zebra
"""
FILLED = "raw_label,condition,malignancy,inflammatory,note\n"


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    path = tmp_path / "photos.csv"
    path.write_text(METADATA)
    return path


def test_a_draft_has_each_label_once_with_its_count_and_what_the_shipped_tables_say(metadata: Path) -> None:
    lines = draft_labels(metadata, "dx").set_index("raw_label")
    assert list(lines.index) == [
        "zebra", "Basal-cell_carcinoma", "Actinic keratosis", "Nevus, Spitz", "superficial basal cell carcinomas",
    ]  # fmt: skip
    meaning = ["condition", "malignancy", "inflammatory"]
    assert lines.loc["Basal-cell_carcinoma", meaning].tolist() == [
        "basal_cell_carcinoma",
        "malignant",
        "false",
    ]
    assert lines.loc["Nevus, Spitz", meaning].tolist() == ["melanocytic_nevus", "benign", "false"]
    assert lines.loc["Nevus, Spitz", "note"] == "1 row; as in milk10k"
    assert lines.loc["zebra"].tolist() == ["", "", "", "3 rows"]
    near = lines.loc["superficial basal cell carcinomas"]
    assert near[meaning].tolist() == [""] * 3
    assert near["note"].startswith("1 row; near: ")


def test_where_shipped_tables_differ_a_person_decides(metadata: Path) -> None:
    line = draft_labels(metadata, "dx").set_index("raw_label").loc["Actinic keratosis"]
    assert line["condition"] == line["malignancy"] == ""
    assert "tables differ" in line["note"]
    assert "actinic_keratosis benign in ddi" in line["note"]


def test_a_draft_is_refused_until_each_row_is_filled_in(metadata: Path, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    lines = draft_labels(metadata, "dx")
    path.write_bytes(csv_of(lines))
    with pytest.raises(DataError) as caught:
        read_own_labels(path)
    assert caught.value.found == (
        "3 of 5 rows still empty: row 2: 'zebra', row 4: 'Actinic keratosis', "
        "row 6: 'superficial basal cell carcinomas'"
    )
    assert "undiagnosed" in caught.value.fix
    lines.loc[0, "condition"] = "undiagnosed"
    lines.loc[[2, 4], "condition"] = ["actinic_keratosis", "basal_cell_carcinoma"]
    lines.loc[[2, 4], "malignancy"] = ["premalignant", "malignant"]
    path.write_bytes(csv_of(lines))
    with pytest.raises(DataError, match="2 of 5 rows still empty"):  # inflammatory is empty
        read_own_labels(path)
    lines.loc[[2, 4], "inflammatory"] = "false"
    path.write_bytes(csv_of(lines))
    table = read_own_labels(path)
    raw = pd.Series(["zebra", "actinic-keratosis", "nevus, spitz"], dtype="str")
    meaning = table.apply(raw, "photos.csv")
    assert meaning["condition"].isna().tolist() == [True, False, False]
    assert meaning["malignancy"].tolist()[1:] == ["premalignant", "benign"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_a_table_is_read_as_a_spreadsheet_saves_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "labels.csv"
    lines = ["Raw_Label;Condition;Malignancy;Inflammatory", "Nävus;Melanocytic nevus;Benign;FALSE"]
    lines += ["Akne;non-neoplastic;benign;TRUE", ";;;", ""]
    path.write_bytes("\r\n".join(lines).encode(encoding))
    rows = read_own_labels(path).rows
    assert rows["condition"].tolist() == [Condition.MELANOCYTIC_NEVUS, Condition.NON_NEOPLASTIC]
    assert rows["inflammatory"].tolist() == [False, True]
    assert list(rows.index) == ["nävus", "akne"]


def test_a_label_that_looks_like_a_formula_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("file,dx\n1,+nevus\n")
    lines = draft_labels(tmp_path / "photos.csv", "dx")
    lines.loc[0, ["condition", "malignancy", "inflammatory"]] = ["melanocytic_nevus", "benign", "false"]
    (tmp_path / "labels.csv").write_bytes(csv_of(lines))
    assert "'+nevus" in (tmp_path / "labels.csv").read_text()
    assert list(read_own_labels(tmp_path / "labels.csv").rows.index) == ["+nevus"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x,melanom,malignant,false,", "a condition among"),
        ("x,melanoma,evil,false,", "a malignancy among"),
        ("x,melanoma,malignant,maybe,", "inflammatory true or false"),
    ],
)
def test_words_that_are_none_are_refused_by_row(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "labels.csv").write_text(FILLED + line + "\n")
    with pytest.raises(DataError, match="row 2") as caught:
        read_own_labels(tmp_path / "labels.csv")
    assert said in caught.value.expected


def test_a_table_without_one_of_the_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("raw_label,condition\nx,melanoma\n")
    with pytest.raises(DataError, match="a column 'malignancy'"):
        read_own_labels(tmp_path / "labels.csv")


def test_a_shipped_table_is_taken_by_its_name_and_its_empty_lines_stay_undiagnosed(tmp_path: Path) -> None:
    rows = own_label_table("bcn20000", tmp_path).rows
    pd.testing.assert_frame_equal(rows, read_label_table(TABLE_FOLDER / "bcn20000.csv").rows)
    assert pd.isna(rows.loc["unk", "condition"])
    with pytest.raises(DataError, match="skintag labels draft"):
        own_label_table("bcn2000", tmp_path)


def test_a_column_without_diagnoses_gives_no_draft(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("file,dx\n1,\n2,unknown\n")
    with pytest.raises(DataError, match="no text in it"):
        draft_labels(tmp_path / "photos.csv", "dx")
