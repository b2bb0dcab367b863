"""Tables as people have them: other publishers' files of a dataset, other encodings, files that are not read."""

from __future__ import annotations

import itertools
from pathlib import Path

import pandas as pd
import pytest

from skintag.core.errors import DataError
from skintag.data.catalog.labels import TABLE_FOLDER, load_label_table
from skintag.data.sources import read_source

HAM = "lesion_id,image_id,dx,dx_type,age,sex,localization\nHAM_1,ISIC_1,nv,histo,80.0,male,scalp\n"
# one disease under two names
SAME = {"juvenile xanthogranuloma": "xanthogranuloma", "verruca vulgaris": "wart", "acne cystic": "acne"}


def listed(column: pd.Series) -> list[object]:
    return [None if pd.isna(value) else value for value in column]


def test_sites_of_an_archive_export_with_levels(tmp_path: Path) -> None:
    (tmp_path / "bcn20000_metadata_2026.csv").write_text(
        "isic_id,lesion_id,diagnosis_1,diagnosis_2,diagnosis_3,anatom_site_1,anatom_site_2,anatom_site_special\n"
        "ISIC_1,IL_1,Benign,x,Nevus,Trunk,Anterior trunk,\n"
        "ISIC_2,IL_2,Benign,x,Nevus,Head and neck,Face,\n"
        "ISIC_3,IL_3,Benign,x,Nevus,Lower extremity,,\n"
        "ISIC_4,IL_4,Benign,x,Nevus,,,Oral or genital\n"
        "ISIC_5,IL_5,Benign,x,Nevus,,,\n"
    )
    table = read_source("bcn20000", tmp_path)
    expected = ["anterior torso", "head/neck", "lower extremity", "oral or genital", None]
    assert listed(table.records["site"]) == expected


def test_each_optional_column_that_is_not_there_is_noted(tmp_path: Path) -> None:
    (tmp_path / "HAM10000_metadata.csv").write_text("lesion_id,image_id,dx,dx_type\nHAM_1,ISIC_1,nv,histo\n")
    notes = [note for note in read_source("ham10000", tmp_path).notes if "optional" in note]
    assert len(notes) == 1
    assert all(name in notes[0] for name in ("age", "sex", "localization"))
    assert "dx_type" not in notes[0]


def test_the_files_of_isic_2018_task_3_are_ham10000(tmp_path: Path) -> None:
    (tmp_path / "ISIC2018_Task3_Training_GroundTruth.csv").write_text(
        "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_1,0,1,0,0,0,0,0\nISIC_2,0,0,0,1,0,0,0\n"
    )
    groupings = tmp_path / "ISIC2018_Task3_Training_LesionGroupings.csv"
    groupings.write_text(
        "image,lesion_id,diagnosis_confirm_type\nISIC_2,HAM_2,histopathology\nISIC_1,HAM_1,\n"
    )
    records = read_source("ham10000", tmp_path).records
    assert listed(records["raw_label"]) == ["nv", "akiec"]
    assert listed(records["lesion_id"]) == ["ham10000/HAM_1", "ham10000/HAM_2"]
    assert listed(records["confirmation"]) == [None, "histo"]
    groupings.write_text("image,lesion_id,diagnosis_confirm_type\nISIC_2,HAM_2,histopathology\n")
    with pytest.raises(DataError, match="ISIC_1"):
        read_source("ham10000", tmp_path)


def test_ham10000_as_the_archive_exports_it(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text(
        "isic_id,age_approx,anatom_site_1,diagnosis_1,diagnosis_2,diagnosis_3,lesion_id,sex\n"
        "ISIC_1,50,Trunk,Benign,Benign melanocytic proliferations,Nevus,IL_1,male\n"
        "ISIC_2,50,Trunk,Benign,Benign soft tissue proliferations - Vascular,,IL_2,male\n"
        'ISIC_3,50,Trunk,Malignant,x,"Melanoma, NOS",IL_3,male\n'
    )
    records = read_source("ham10000", tmp_path).records
    assert listed(records["condition"]) == [4, 7, 0]
    assert listed(records["malignancy"]) == ["benign", "benign", "malignant"]
    assert listed(records["age"]) == [50, 50, 50]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_any_encoding_and_separator_gives_the_same_records(
    tmp_path: Path, encoding: str, separator: str
) -> None:
    (tmp_path / "HAM10000_metadata.csv").write_bytes(HAM.replace(",", separator).encode(encoding))
    records = read_source("ham10000", tmp_path).records
    assert listed(records["image_id"]) == ["ham10000/ISIC_1"]
    assert listed(records["site"]) == ["scalp"]


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("HAM10000_metadata.xlsx", "save HAM10000_metadata.xlsx as CSV"),
        ("HAM10000_metadata.PARQUET", "save HAM10000_metadata.PARQUET as CSV"),
        ("dataverse_files.zip", "unpack dataverse_files.zip"),
    ],
)
def test_files_that_are_not_read_are_named(tmp_path: Path, name: str, todo: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        read_source("ham10000", tmp_path)
    assert name in caught.value.found
    assert todo in caught.value.fix


def test_packed_images_are_noted_where_images_are_missing(tmp_path: Path) -> None:
    (tmp_path / "HAM10000_metadata.csv").write_text(HAM)
    (tmp_path / "HAM10000_images_part_2.zip").write_bytes(b"x")
    assert any("HAM10000_images_part_2.zip" in note for note in read_source("ham10000", tmp_path).notes)


def test_a_disease_is_inflammatory_in_all_label_tables_or_in_none() -> None:
    names = sorted(path.stem for path in TABLE_FOLDER.glob("*.csv"))
    tables = {name: load_label_table(name).rows for name in names}
    meaning = ["inflammatory"]  # malignancy is what each source says of it
    compared = 0
    for a, b in itertools.combinations(names, 2):
        first, second = (tables[t].rename(index=SAME)[meaning] for t in (a, b))
        shared = first.index.intersection(second.index)
        compared += len(shared)
        for label in shared:
            one, other = (t.loc[[label]].drop_duplicates().astype("str").to_numpy() for t in (first, second))
            assert one.tolist() == other.tolist(), (label, a, b)
    assert compared > 20


def test_of_columns_that_differ_in_case_the_exact_one_is_used(tmp_path: Path) -> None:
    path = tmp_path / "HAM10000_metadata.csv"
    path.write_text("lesion_id,image_id,dx,Age,age\nHAM_1,ISIC_1,nv,50-59,55\n")
    table = read_source("ham10000", tmp_path)
    assert listed(table.records["age"]) == [55]
    assert any("'Age'" in note for note in table.notes)
    path.write_text("lesion_id,image_id,dx,Age,AGE\nHAM_1,ISIC_1,nv,50-59,55\n")
    with pytest.raises(DataError) as caught:
        read_source("ham10000", tmp_path)
    assert "'Age'" in caught.value.found
    assert "'AGE'" in caught.value.found
