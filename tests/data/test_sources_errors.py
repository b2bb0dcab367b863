"""Input that cannot be used gives one error: where, what was expected, what was found, what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from skintag.core.errors import ConfigError, DataError
from skintag.data.sources import read_source

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
GOOD = "HAM_1,ISIC_1,nv,histo,80.0,male,scalp"


def ham(root: Path, *lines: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "HAM10000_metadata.csv").write_text("\n".join(lines) + "\n")
    return root


def error_of(dataset: str, root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_source(dataset, root)
    return caught.value


def test_an_unknown_dataset_names_the_near_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'ham10000'"):
        read_source("ham1000", tmp_path)


def test_a_missing_folder_names_its_neighbours_and_how_to_leave_the_dataset_out(tmp_path: Path) -> None:
    (tmp_path / "DDI_images").mkdir()
    (tmp_path / "other").mkdir()
    error = error_of("ddi", tmp_path / "ddi_image")
    assert "DDI_images" in error.found
    assert "other" not in error.found
    assert "'~data.sources.ddi'" in error.fix


def test_a_folder_whose_parent_is_missing_too_says_so(tmp_path: Path) -> None:
    assert str(tmp_path / "data") in error_of("ddi", tmp_path / "data" / "ddi").found


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ddi.zip").write_bytes(b"")
    assert error_of("ddi", tmp_path / "ddi.zip").found.startswith("a file")


@pytest.mark.parametrize("dataset", ["ham10000", "bcn20000", "pad_ufes_20", "fitzpatrick17k", "ddi"])
def test_a_folder_without_metadata_lists_the_tables_that_are_there(tmp_path: Path, dataset: str) -> None:
    (tmp_path / "prices.csv").write_text("a,b\n1,2\n")
    error = error_of(dataset, tmp_path)
    assert "metadata" in error.expected
    assert "prices.csv" in error.found
    assert f"'~data.sources.{dataset}'" in error.fix


def test_two_different_metadata_files_are_refused_but_two_copies_are_not(tmp_path: Path) -> None:
    ham(tmp_path / "a", HEADER, GOOD)
    ham(tmp_path / "b", HEADER, GOOD)
    assert len(read_source("ham10000", tmp_path).records) == 1
    ham(tmp_path / "b", HEADER, GOOD.replace("nv", "mel"))
    assert "a/HAM10000_metadata.csv, b/HAM10000_metadata.csv" in error_of("ham10000", tmp_path).found


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", HEADER + "\n", HEADER + "\n,,,,,,\n\n"])
def test_an_empty_metadata_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "HAM10000_metadata.csv").write_text(text)
    error = error_of("ham10000", tmp_path)
    assert "HAM10000_metadata.csv" in error.where
    assert "a row per image" in error.expected


@pytest.mark.parametrize("column", ["lesion_id", "image_id", "dx"])
def test_a_missing_needed_column_is_named_with_near_ones(tmp_path: Path, column: str) -> None:
    ham(tmp_path, HEADER.replace(column, column + "s"), GOOD)
    error = error_of("ham10000", tmp_path)
    assert f"'{column}'" in error.expected
    assert column + "s" in error.found
    assert f"did you mean '{column}s'" in error.fix


@pytest.mark.parametrize(
    ("dataset", "name", "header", "column"),
    [
        ("bcn20000", "bcn20000_metadata.csv", "isic_id,lesion_id,age_approx", "'diagnosis_3' or 'diagnosis'"),
        ("bcn20000", "bcn20000_metadata.csv", "isic_id,diagnosis_3", "'lesion_id'"),
        ("pad_ufes_20", "metadata.csv", "patient_id,lesion_id,img_id,diagnostic", "'fitspatrick'"),
        ("pad_ufes_20", "metadata.csv", "fitspatrick,lesion_id,img_id,diagnostic", "'patient_id'"),
        ("fitzpatrick17k", "fitzpatrick17k.csv", "md5hash,label,fitzpatrick", "'three_partition_label'"),
        (
            "fitzpatrick17k",
            "fitzpatrick17k.csv",
            "md5hash,label,three_partition_label",
            "'fitzpatrick_scale'",
        ),
        ("ddi", "ddi_metadata.csv", "DDI_file,skin_tone,disease", "'malignant'"),
        ("ddi", "ddi_metadata.csv", "DDI_file,malignant,disease", "'skin_tone'"),
    ],
)
def test_every_dataset_says_which_column_it_needs(
    tmp_path: Path, dataset: str, name: str, header: str, column: str
) -> None:
    (tmp_path / name).write_text(header + "\n" + ",".join("1" for _ in header.split(",")) + "\n")
    assert column in error_of(dataset, tmp_path).expected


@pytest.mark.parametrize(
    ("bad", "column"),
    [
        (GOOD.replace("80.0", "eighty"), "age"),
        (GOOD.replace("80.0", "-5"), "age"),
        (GOOD.replace("80.0", "1980"), "age"),
        (GOOD.replace("male", "mal"), "sex"),
        (GOOD.replace("ISIC_1", ""), "image_id"),
    ],
)
def test_a_bad_cell_is_named_by_column_and_row(tmp_path: Path, bad: str, column: str) -> None:
    # A blank line in between: row numbers are those that a spreadsheet or an editor shows.
    ham(tmp_path, HEADER, GOOD.replace("ISIC_1", "ISIC_0"), "", bad)
    error = error_of("ham10000", tmp_path)
    assert f"column '{column}'" in error.where
    assert "1 bad cell(s): row 4:" in error.found


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("000001.png,57,True,melanoma", "skin_tone"),
        ("000001.png,56,perhaps,melanoma", "malignant"),
    ],
)
def test_ddi_refuses_other_skin_tones_and_flags(tmp_path: Path, row: str, column: str) -> None:
    (tmp_path / "ddi_metadata.csv").write_text(f"DDI_file,skin_tone,malignant,disease\n{row}\n")
    error = error_of("ddi", tmp_path)
    assert f"column '{column}'" in error.where
    assert "row 2" in error.found


def test_a_skin_type_beyond_six_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fitzpatrick17k.csv").write_text(
        "md5hash,fitzpatrick,label,three_partition_label\na,7,psoriasis,non-neoplastic\n"
    )
    assert "row 2: '7'" in error_of("fitzpatrick17k", tmp_path).found


def test_repeated_images_are_named_with_their_rows(tmp_path: Path) -> None:
    ham(tmp_path, HEADER, GOOD, GOOD.replace("ISIC_1", "ISIC_2"), GOOD.replace("ISIC_1", "ISIC_1.jpg"))
    error = error_of("ham10000", tmp_path)
    assert "1 image(s) more than once: 'ISIC_1' in rows 2, 4" in error.found


@pytest.mark.parametrize("row", [GOOD + ",surplus,cells", '"' + GOOD])
def test_a_row_that_does_not_fit_the_header_is_refused(tmp_path: Path, row: str) -> None:
    ham(tmp_path, HEADER, GOOD.replace("ISIC_1", "ISIC_0"), row)
    assert "as many cells" in error_of("ham10000", tmp_path).expected


def test_surplus_cells_in_every_row_never_shift_the_columns(tmp_path: Path) -> None:
    ham(tmp_path, HEADER, GOOD + ",surplus")
    assert "as many cells" in error_of("ham10000", tmp_path).expected


def test_an_unseen_label_names_the_metadata_file_and_the_table(tmp_path: Path) -> None:
    ham(tmp_path, HEADER, GOOD.replace("nv", "naevus"))
    error = error_of("ham10000", tmp_path)
    assert "HAM10000_metadata.csv" in error.where
    assert "'naevus' (1 row" in error.found
    assert "ham10000.csv" in error.fix


@pytest.mark.parametrize(
    ("dataset", "name", "text", "found"),
    [
        (
            "fitzpatrick17k", "fitzpatrick17k.csv",
            "md5hash,fitzpatrick,label,three_partition_label\na,1,melanoma,malignant\nb,1,psoriasis,malignant\n",
            "'psoriasis' is benign in the table, malignant in the source (row 3)",
        ),
        (
            "fitzpatrick17k", "fitzpatrick17k.csv",
            "md5hash,fitzpatrick,label,three_partition_label\na,1,actinic keratosis,benign\n",
            "'actinic keratosis' is premalignant in the table, benign in the source (row 2)",
        ),
        (
            "ddi", "ddi_metadata.csv", "DDI_file,skin_tone,malignant,disease\n1.png,12,False,melanoma\n",
            "'melanoma' is malignant in the table, benign in the source (row 2)",
        ),
        (
            "bcn20000", "bcn20000_metadata.csv",
            "isic_id,lesion_id,diagnosis_1,diagnosis_2,diagnosis_3\nI_1,IL_1,Malignant,,Nevus\n",
            "'Nevus' is benign in the table, malignant in the source (row 2)",
        ),
        (
            "bcn20000", "bcn20000_metadata.csv",
            "isic_id,lesion_id,diagnosis,benign_malignant\nI_1,IL_1,melanoma,benign\n",
            "'melanoma' is malignant in the table, benign in the source (row 2)",
        ),
    ],
)  # fmt: skip
def test_a_label_that_contradicts_the_source_is_refused(
    tmp_path: Path, dataset: str, name: str, text: str, found: str
) -> None:
    (tmp_path / name).write_text(text)
    assert found in error_of(dataset, tmp_path).found


ONE_HOT = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\n"
ISIC_METADATA = "image,age_approx,anatom_site_general,lesion_id,sex\nISIC_1,50,,{lesion},male\n"


@pytest.mark.parametrize(
    ("truth", "lesion", "found"),
    [
        ("ISIC_1,1,1,0,0,0,0,0,0,0", "BCN_1", "row 2: 2"),
        ("ISIC_1,0,0,0,0,0,0,0,0,0", "BCN_1", "row 2: 0"),
        ("ISIC_1,x,0,0,0,0,0,0,0,1", "BCN_1", "row 2: 'x'"),
        ("ISIC_2,1,0,0,0,0,0,0,0,0", "BCN_1", "row 2: 'ISIC_1'"),
        ("ISIC_1,1,0,0,0,0,0,0,0,0", "HAM_1", "none in 1 rows, but HAM_1"),
    ],
)
def test_isic_2019_files_that_do_not_fit_are_refused(
    tmp_path: Path, truth: str, lesion: str, found: str
) -> None:
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text(ONE_HOT + truth + "\n")
    (tmp_path / "ISIC_2019_Training_Metadata.csv").write_text(ISIC_METADATA.format(lesion=lesion))
    assert found in error_of("bcn20000", tmp_path).found


def test_isic_2019_labels_without_the_lesion_ids_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ISIC_2019_Training_GroundTruth.csv").write_text(ONE_HOT + "ISIC_1,1,0,0,0,0,0,0,0,0\n")
    assert "isic_2019_training_metadata" in error_of("bcn20000", tmp_path).expected
