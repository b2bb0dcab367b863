"""Each public layout of the five datasets, written small, is read into the same records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from skintag.core.vocabulary import Condition
from skintag.data.catalog.schema import RECORD_COLUMNS
from skintag.data.sources import SourceTable, read_source

HAM_HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
HAM_ROWS = [
    "HAM_0000118,ISIC_0027419,bkl,histo,80.0,male,scalp",
    "HAM_0000118,ISIC_0025030,bkl,histo,80.0,male,scalp",
    "HAM_0002730,ISIC_0026769,akiec,consensus,,unknown,unknown",
]
BCN_HEADER = (
    "isic_id,attribution,copyright_license,age_approx,anatom_site_general,anatom_site_special,concomitant_biopsy,"
    "diagnosis_1,diagnosis_2,diagnosis_3,diagnosis_confirm_type,image_type,lesion_id,melanocytic,sex"
)
CLINIC = "Hospital Clínic de Barcelona,CC-BY-NC"
BCN_ROWS = [
    f"ISIC_0053453,{CLINIC},60,anterior torso,,True,Benign,Benign melanocytic proliferations,Nevus,"
    "histopathology,dermoscopic,IL_0433332,True,male",
    f"ISIC_0053454,{CLINIC},55,head/neck,,True,Malignant,Malignant melanocytic proliferations (Melanoma),"
    '"Melanoma, NOS",histopathology,dermoscopic,IL_8314504,True,female',
    f"ISIC_0053455,{CLINIC},,,,True,,,,,dermoscopic,IL_8065011,,",
    f"ISIC_0053456,{CLINIC},0,palms/soles,,False,Benign,Benign soft tissue proliferations - Vascular,,"
    ",dermoscopic,,False,male",
    f"ISIC_0053457,{CLINIC},85,head/neck,,False,Indeterminate,Indeterminate epidermal proliferations,"
    "Solar or actinic keratosis,,dermoscopic,IL_1,False,male",
]
PAD_HEADER = "patient_id,lesion_id,age,gender,fitspatrick,region,diagnostic,itch,img_id,biopsed"
PAD_ROWS = [
    "PAT_1516,20,8,,,ARM,NEV,False,PAT_1516_20_530.png,False",
    "PAT_46,20,55,FEMALE,3.0,NECK,BCC,True,PAT_46_20_939.png,True",
    "PAT_46,20,55,FEMALE,3.0,NECK,BCC,True,PAT_46_20_940.png,True",
    "PAT_46,21,55,FEMALE,3.0,NECK,ACK,UNK,PAT_46_21_1.png,False",
]
FITZ_HEADER = (
    "md5hash,{scale},fitzpatrick_centaur,label,nine_partition_label,three_partition_label,qc,url,url_alphanum"
)
FITZ_ROWS = [
    "5e82a45bc5d78bd24ae9202d194423f8,3,3,psoriasis,inflammatory,non-neoplastic,,https://x/1.jpg,x1jpg.jpg",
    "fa2911a9b13b6f8af79cb700937cc14f,-1,1,kaposi sarcoma,malignant dermal,malignant,3 Wrongly labelled,,x",
    "d2bac3c9e4499032ca8e9b07c7d3bc40,6,5,actinic keratosis,malignant epidermal,malignant,,,x3.jpg",
    "0a94359e7eaacd7178e06b2823777789,1,1,becker nevus,benign dermal,benign,,,x4.jpg",
]
DDI_HEADER = ",DDI_ID,DDI_file,skin_tone,malignant,disease"


def write_table(
    path: Path, header: str, rows: list[str], newline: str = "\n", encoding: str = "utf-8"
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((newline.join([header, *rows]) + newline).encode(encoding))


def touch(root: Path, *names: str) -> None:
    """Empty stand-ins: adapters look files up by name and never open them."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def paths(table: SourceTable) -> list[str | None]:
    return [path if isinstance(path, str) else None for path in table.records["path"]]


def values(table: SourceTable, column: str) -> list[object]:
    cells = table.records[column]
    return [None if missing else value for value, missing in zip(cells, cells.isna(), strict=True)]


def conditions(table: SourceTable) -> list[str | None]:
    return [None if number is None else Condition(number).slug for number in values(table, "condition")]


@pytest.mark.parametrize(
    "place",
    [
        lambda name, i: f"HAM10000_images_part_{i % 2 + 1}/{name}.jpg",
        lambda name, i: f"{name}.jpg",
        lambda name, i: f"images/{name}.JPG",
        lambda name, i: (
            f"skin-cancer-mnist-ham10000/HAM10000_images_part_1/HAM10000_images_part_1/{name}.jpg"
        ),
    ],
    ids=["two parts", "flat", "one folder, upper case", "kaggle, nested"],
)
def test_ham10000_images_are_found_in_any_layout(tmp_path: Path, place: Callable[[str, int], str]) -> None:
    names = ["ISIC_0027419", "ISIC_0025030", "ISIC_0026769"]
    expected = [place(name, i) for i, name in enumerate(names)]
    write_table(tmp_path / "HAM10000_metadata.csv", HAM_HEADER, HAM_ROWS)
    touch(tmp_path, *expected)
    table = read_source("ham10000", tmp_path)
    assert paths(table) == expected
    assert table.notes == ("3 of 3 images found, 0 missing",)


def test_ham10000_records(tmp_path: Path) -> None:
    write_table(tmp_path / "HAM10000_metadata.csv", HAM_HEADER, HAM_ROWS)
    touch(tmp_path, "ISIC_0027419.jpg")
    table = read_source("ham10000", tmp_path)
    assert {name: str(dtype) for name, dtype in table.records.dtypes.items()} == RECORD_COLUMNS
    assert values(table, "image_id") == [f"ham10000/ISIC_00{n}" for n in ("27419", "25030", "26769")]
    assert values(table, "domain") == ["dermoscopic"] * 3
    assert values(table, "lesion_id") == ["ham10000/HAM_0000118"] * 2 + ["ham10000/HAM_0002730"]
    assert values(table, "age") == [80, 80, None]
    assert values(table, "sex") == ["male", "male", None]
    assert values(table, "site") == ["scalp", "scalp", None]
    assert values(table, "confirmation") == ["histo", "histo", "consensus"]
    assert values(table, "malignancy") == ["benign", "benign", "premalignant"]
    assert conditions(table) == ["seborrheic_keratosis"] * 2 + ["actinic_keratosis"]
    assert paths(table) == ["ISIC_0027419.jpg", None, None]
    for unknown in ("patient_id", "fitzpatrick", "fst_group"):
        assert values(table, unknown) == [None] * 3


@pytest.mark.parametrize("name", ["HAM10000_metadata", "HAM10000_metadata.tab", "ham10000_metadata (1).csv"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_ham10000_metadata_of_dataverse_and_spreadsheets(tmp_path: Path, name: str, separator: str) -> None:
    header = HAM_HEADER + ",dataset"
    rows = [row.replace("80.0", "80") + ",rosendahl" for row in HAM_ROWS]
    write_table(
        tmp_path / name, header.replace(",", separator), [row.replace(",", separator) for row in rows]
    )
    table = read_source("ham10000", tmp_path)
    assert values(table, "age") == [80, 80, None]
    assert values(table, "dataset") == ["ham10000"] * 3  # not the file's own column of that name


def test_ham10000_saved_with_an_unnamed_index_column(tmp_path: Path) -> None:
    rows = [f"{i},{row}" for i, row in enumerate(HAM_ROWS)]
    write_table(tmp_path / "HAM10000_metadata.csv", "," + HAM_HEADER, rows)
    assert values(read_source("ham10000", tmp_path), "raw_label") == ["bkl", "bkl", "akiec"]


def test_pixel_tables_and_mask_folders_of_ham10000_are_not_mistaken(tmp_path: Path) -> None:
    write_table(tmp_path / "HAM10000_metadata.csv", HAM_HEADER, HAM_ROWS)
    touch(
        tmp_path,
        "hmnist_28_28_L.csv",
        "HAM10000_segmentations_tschandl/ISIC_0027419.png",
        "._ISIC_0025030.jpg",
    )
    table = read_source("ham10000", tmp_path)
    assert paths(table) == [None] * 3
    assert table.notes[1] == "1 files in folders of masks or segmentations not used"


def test_an_image_that_lies_there_twice_is_chosen_the_same_way_and_counted(tmp_path: Path) -> None:
    write_table(tmp_path / "HAM10000_metadata.csv", HAM_HEADER, HAM_ROWS)
    touch(tmp_path, "b/x/ISIC_0027419.jpg", "b/ISIC_0027419.jpg", "a/ISIC_0027419.jpg", "ISIC_0027419.png")
    table = read_source("ham10000", tmp_path)
    assert paths(table) == ["a/ISIC_0027419.jpg", None, None]
    assert table.notes[1] == "1 images lie there more than once; used: a/ISIC_0027419.jpg"


def test_images_that_the_metadata_does_not_list_are_counted(tmp_path: Path) -> None:
    write_table(tmp_path / "HAM10000_metadata.csv", HAM_HEADER, HAM_ROWS)
    touch(tmp_path, "ISIC_0027419.jpg", "ISIC2018_Test/ISIC_0034524.jpg", "notes.txt")
    table = read_source("ham10000", tmp_path)
    expected = "1 images are not in the metadata and not used: ISIC2018_Test/ISIC_0034524.jpg"
    assert table.notes == ("1 of 3 images found, 2 missing", expected)


def test_a_folder_reached_through_links_is_read_once(tmp_path: Path) -> None:
    write_table(tmp_path / "raw" / "HAM10000_metadata.csv", HAM_HEADER, HAM_ROWS)
    touch(tmp_path / "disk", "ISIC_0027419.jpg")
    (tmp_path / "raw" / "images").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "loop").symlink_to(tmp_path / "disk")
    table = read_source("ham10000", tmp_path / "raw")
    assert paths(table) == ["images/ISIC_0027419.jpg", None, None]
    assert len(table.notes) == 1


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_bcn20000_present_export(tmp_path: Path, newline: str, encoding: str) -> None:
    write_table(tmp_path / "bcn20000_metadata_2025-05-22.csv", BCN_HEADER, BCN_ROWS, newline, encoding)
    touch(tmp_path, "images/ISIC_0053453.jpg", "images/ISIC_0053456.JPEG")
    table = read_source("bcn20000", tmp_path)
    assert values(table, "image_id") == [f"bcn20000/ISIC_005345{i}" for i in range(3, 8)]
    assert conditions(table) == [
        "melanocytic_nevus", "melanoma", None, "vascular_lesion", "actinic_keratosis",
    ]  # fmt: skip
    assert values(table, "malignancy") == ["benign", "malignant", None, "benign", "premalignant"]
    assert values(table, "raw_label")[1:4] == [
        "Melanoma, NOS", None, "Benign soft tissue proliferations - Vascular",
    ]  # fmt: skip
    assert values(table, "age") == [60, 55, None, 0, 85]
    assert values(table, "sex") == ["male", "female", None, "male", "male"]
    assert values(table, "lesion_id")[2:4] == ["bcn20000/IL_8065011", None]
    assert values(table, "confirmation") == ["histopathology"] * 2 + [None] * 3
    assert paths(table) == ["images/ISIC_0053453.jpg", None, None, "images/ISIC_0053456.JPEG", None]
    assert "1 rows without a diagnosis are kept, condition unknown" in table.notes
    assert any("Windows-1252" in note for note in table.notes) == (encoding == "cp1252")


def test_bcn20000_older_export(tmp_path: Path) -> None:
    header = "isic_id,age,sex,diagnosis,benign_malignant,lesion_id,patient_id,diagnosis_confirm_type"
    rows = [
        "ISIC_1,60,male,melanoma metastasis,malignant,IL_1,IP_1,histopathology",
        "ISIC_2,85+,female,solar lentigo,benign,IL_2,IP_1,",
        "ISIC_3,,,actinic keratosis,malignant,IL_3,,",
        "ISIC_4,,,,,IL_4,,",
        "ISIC_5,,,dermatofibroma,indeterminate/benign,IL_5,,",
        "ISIC_6,,,unknown,,IL_6,,",
    ]
    write_table(tmp_path / "metadata.csv", header, rows)
    table = read_source("bcn20000", tmp_path)
    assert conditions(table) == [
        "melanoma", "seborrheic_keratosis", "actinic_keratosis", None, "dermatofibroma", None,
    ]  # fmt: skip
    assert values(table, "age")[:2] == [60, 85]
    assert values(table, "patient_id")[:3] == ["bcn20000/IP_1", "bcn20000/IP_1", None]


def test_bcn20000_as_its_authors_publish_it(tmp_path: Path) -> None:
    header = "bcn_filename,age_approx,anatom_site_general,diagnosis,lesion_id,capture_date,sex,split"
    write_table(
        tmp_path / "bcn_20k_train.csv",
        header,
        ["BCN_0000000001.jpg,55.0,,MEL,BCN_0003884,2012-05-16,male,train"],
    )
    touch(tmp_path, "bcn_20k_train/BCN_0000000001.jpg")
    table = read_source("bcn20000", tmp_path)
    assert values(table, "image_id") == ["bcn20000/BCN_0000000001"]
    assert conditions(table) == ["melanoma"]
    assert paths(table) == ["bcn_20k_train/BCN_0000000001.jpg"]


def test_bcn20000_without_its_optional_columns(tmp_path: Path) -> None:
    write_table(
        tmp_path / "metadata.csv", "isic_id,diagnosis_3,lesion_id", ["ISIC_1,Nevus,IL_1", "ISIC_2,,IL_2"]
    )
    table = read_source("bcn20000", tmp_path)
    assert conditions(table) == ["melanocytic_nevus", None]
    for column in ("age", "sex", "site", "confirmation", "patient_id", "fitzpatrick", "fst_group"):
        assert values(table, column) == [None, None]


def test_bcn20000_out_of_isic_2019(tmp_path: Path) -> None:
    classes = "MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"
    truth = [
        "ISIC_0053453,0.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",
        "ISIC_0024306,0,1,0,0,0,0,0,0,0",
        "ISIC_0053454_downsampled,1,0,0,0,0,0,0,0,0",
        "ISIC_0000001,1,0,0,0,0,0,0,0,0",
        "ISIC_0053460,0,0,0,0,0,0,0,0,1",
    ]
    metadata = [  # in another order, and with rows of the other collections
        "ISIC_0053454_downsampled,55,head/neck,BCN_0000002,female",
        "ISIC_0024306,45,,HAM_0000550,male",
        "ISIC_0053453,60,anterior torso,BCN_0000001,male",
        "ISIC_0000001,,,,",
        "ISIC_0053460,30,,BCN_0000003,",
    ]
    write_table(tmp_path / "ISIC_2019_Training_GroundTruth.csv", f"image,{classes}", truth)
    header = "image,age_approx,anatom_site_general,lesion_id,sex"
    write_table(tmp_path / "ISIC_2019_Training_Metadata.csv", header, metadata)
    folder = "ISIC_2019_Training_Input/"
    touch(tmp_path, f"{folder}ISIC_0053454_downsampled.jpg", f"{folder}ISIC_0053453.jpg")
    table = read_source("bcn20000", tmp_path)
    assert values(table, "image_id") == [f"bcn20000/ISIC_00534{n}" for n in (54, 53, 60)]
    assert conditions(table) == ["melanoma", "melanocytic_nevus", None]
    assert values(table, "raw_label") == ["MEL", "NV", "UNK"]
    assert values(table, "lesion_id") == [f"bcn20000/BCN_000000{n}" for n in (2, 1, 3)]
    assert paths(table) == [f"{folder}ISIC_0053454_downsampled.jpg", f"{folder}ISIC_0053453.jpg", None]
    assert "read from ISIC 2019; 2 rows that are not BCN20000's left out" in table.notes


def test_bcn20000_prefers_its_own_export_to_isic_2019(tmp_path: Path) -> None:
    write_table(tmp_path / "bcn20000_metadata.csv", BCN_HEADER, BCN_ROWS)
    touch(tmp_path, "ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Metadata.csv")
    assert len(read_source("bcn20000", tmp_path).records) == 5


@pytest.mark.parametrize(
    "folder", ["images", "imgs_part_{}", "images/imgs_part_{}", "images/imgs_part_{}/imgs_part_{}"]
)
def test_pad_ufes_20_in_part_folders(tmp_path: Path, folder: str) -> None:
    write_table(tmp_path / "metadata.csv", PAD_HEADER, PAD_ROWS)
    names = [row.split(",")[-2] for row in PAD_ROWS]
    expected = [f"{folder.format(i % 3 + 1, i % 3 + 1)}/{name}" for i, name in enumerate(names)]
    touch(tmp_path, *expected)
    assert paths(read_source("pad_ufes_20", tmp_path)) == expected


@pytest.mark.parametrize(
    "spelling", [("fitspatrick", "gender", "biopsed"), ("fitzpatrick", "sex", "biopsied")]
)
def test_pad_ufes_20_records(tmp_path: Path, spelling: tuple[str, str, str]) -> None:
    header = PAD_HEADER
    for old, new in zip(("fitspatrick", "gender", "biopsed"), spelling, strict=True):
        header = header.replace(old, new)
    write_table(tmp_path / "metadata.csv", header, PAD_ROWS)
    table = read_source("pad_ufes_20", tmp_path)
    assert values(table, "image_id")[0] == "pad_ufes_20/PAT_1516_20_530"
    assert values(table, "patient_id") == ["pad_ufes_20/PAT_1516"] + ["pad_ufes_20/PAT_46"] * 3
    assert values(table, "fitzpatrick") == [None, 3, 3, 3]
    assert values(table, "fst_group") == [None, "III-IV", "III-IV", "III-IV"]
    assert values(table, "sex") == [None, "female", "female", "female"]
    assert values(table, "site") == ["arm", "neck", "neck", "neck"]
    assert values(table, "confirmation") == ["no biopsy", "biopsy", "biopsy", "no biopsy"]
    assert conditions(table)[-1] == "actinic_keratosis"


def test_pad_ufes_20_lesion_numbers_of_two_patients_are_two_lesions(tmp_path: Path) -> None:
    write_table(tmp_path / "metadata.csv", PAD_HEADER, PAD_ROWS)
    lesions = values(read_source("pad_ufes_20", tmp_path), "lesion_id")
    assert lesions[0] != lesions[1]
    assert lesions[1] == lesions[2]
    assert len(set(lesions)) == 3


@pytest.mark.parametrize("scale", ["fitzpatrick_scale", "fitzpatrick"])
def test_fitzpatrick17k_records(tmp_path: Path, scale: str) -> None:
    write_table(tmp_path / "fitzpatrick17k.csv", FITZ_HEADER.format(scale=scale), FITZ_ROWS)
    table = read_source("fitzpatrick17k", tmp_path)
    assert values(table, "fitzpatrick") == [3, None, 6, 1]
    assert values(table, "fst_group") == ["III-IV", None, "V-VI", "I-II"]
    assert conditions(table) == ["non_neoplastic", "other_malignant", "actinic_keratosis", "other_unknown"]
    assert values(table, "malignancy") == ["benign", "malignant", "premalignant", "benign"]
    assert values(table, "inflammatory") == [True, False, False, False]
    assert "1 rows that the source's own check calls wrongly labelled are kept" in table.notes


def test_fitzpatrick17k_images_by_md5_with_any_suffix_in_any_folder(tmp_path: Path) -> None:
    write_table(tmp_path / "fitzpatrick17k.csv", FITZ_HEADER.format(scale="fitzpatrick_scale"), FITZ_ROWS)
    md5 = [row.split(",")[0] for row in FITZ_ROWS]
    expected = [f"images/{md5[0]}.jpg", f"{md5[1].upper()}.PNG", f"a/b/{md5[2]}.ashx", f"images/{md5[3]}"]
    touch(tmp_path, *expected, f"{md5[0]}.txt")
    assert paths(read_source("fitzpatrick17k", tmp_path)) == expected


@pytest.mark.parametrize(
    ("true", "false"), [("TRUE", "FALSE"), ("True", "False"), ("1", "0"), ("1.0", "0.0")]
)
def test_ddi_records(tmp_path: Path, true: str, false: str) -> None:
    rows = [
        f"0,1,000001.png,56,{true},melanoma-in-situ",
        f"1,2,000002.png,12,{true},mycosis-fungoides",
        f"2,3,000003.png,34,{false},actinic-keratosis",
        f"3,4,000004.png,,{false},eczema-spongiotic-dermatitis",
    ]
    write_table(tmp_path / "ddi_metadata.csv", DDI_HEADER, rows)
    touch(tmp_path, "ddidiversedermatologyimages/000002.png")
    table = read_source("ddi", tmp_path)
    assert values(table, "image_id")[0] == "ddi/000001"
    assert values(table, "fst_group") == ["V-VI", "I-II", "III-IV", None]
    assert values(table, "fitzpatrick") == [None] * 4
    assert values(table, "malignancy") == ["malignant", "malignant", "benign", "benign"]
    assert conditions(table) == ["melanoma", "other_malignant", "actinic_keratosis", "non_neoplastic"]
    assert values(table, "inflammatory") == [False, False, False, True]
    assert paths(table) == [None, "ddidiversedermatologyimages/000002.png", None, None]
    assert values(table, "lesion_id") == values(table, "patient_id") == [None] * 4


def test_records_do_not_depend_on_the_order_in_which_files_were_written(tmp_path: Path) -> None:
    names = ["b/ISIC_0027419.jpg", "a/ISIC_0027419.jpg", "c/ISIC_0025030.jpg"]
    for folder, order in ((tmp_path / "one", names), (tmp_path / "two", names[::-1])):
        write_table(folder / "HAM10000_metadata.csv", HAM_HEADER, HAM_ROWS)
        touch(folder, *order)
    one, two = (read_source("ham10000", tmp_path / name) for name in ("one", "two"))
    pd.testing.assert_frame_equal(one.records, two.records)
    assert one.notes == two.notes
