"""MILK10k: three files, two domains, a scale of skin tones of its own; and the published counts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from skintag.core.errors import DataError
from skintag.core.vocabulary import Condition
from skintag.data.catalog.labels import label_key, load_label_table
from skintag.data.catalog.leakage import leakage_groups
from skintag.data.sources import read_source
from skintag.data.sources.milk10k import CLASSES
from tests.data.test_sources_layouts import conditions, paths, touch, values

METADATA = "MILK10k_Training_Metadata.csv"
SUPPLEMENT = "MILK10k_Training_Supplement.csv"
TRUTH = "MILK10k_Training_GroundTruth.csv"
IMAGES = [  # two lesions, two pictures each
    "IL_1,clinical: close-up,ISIC_11,MILK study team,CC-BY-NC,altered,70,male,0,head_neck_face,0.5",
    "IL_1,dermoscopic,ISIC_12,MILK study team,CC-BY-NC,instrument only,70,male,0,head_neck_face,0.5",
    "IL_2,dermoscopic,ISIC_22,MILK study team,CC-BY-NC,instrument only,,female,,,0.5",
    "IL_2,clinical: close-up,ISIC_21,MILK study team,CC-BY-NC,instrument only,,female,,,0.5",
]
DIAGNOSES = [  # in another order
    'ISIC_21,"Squamous cell carcinoma in situ, Bowens disease",histopathology,',
    'ISIC_22,"Squamous cell carcinoma in situ, Bowens disease",histopathology,',
    "ISIC_11,Solar or actinic keratosis,single contributor clinical assessment,",
    "ISIC_12,Solar or actinic keratosis,single contributor clinical assessment,",
]
TWO = "AKIEC AKIEC"
WANTED = {
    "AKIEC": {"actinic_keratosis", "squamous_cell_carcinoma"},
    "BCC": {"basal_cell_carcinoma"},
    "BEN_OTH": {"other_unknown", "non_neoplastic", "vascular_lesion"},
    "BKL": {"seborrheic_keratosis", "other_unknown"},
    "DF": {"dermatofibroma"},
    "INF": {"non_neoplastic", "other_unknown"},
    "MAL_OTH": {"other_malignant"},
    "MEL": {"melanoma"},
    "NV": {"melanocytic_nevus"},
    "SCCKA": {"squamous_cell_carcinoma"},
    "VASC": {"vascular_lesion"},
}


def write(root: Path, images: list[str] = IMAGES, diagnoses: list[str] = DIAGNOSES, truth: str = TWO) -> Path:
    root.mkdir(exist_ok=True)
    header = (
        "lesion_id,image_type,isic_id,attribution,copyright_license,image_manipulation,age_approx,sex,"
        "skin_tone_class,site,MONET_hair"
    )
    (root / METADATA).write_text("\n".join([header, *images, ""]))
    header = "isic_id,diagnosis_full,diagnosis_confirm_type,invasion_thickness_interval"
    (root / SUPPLEMENT).write_text("\n".join([header, *diagnoses, ""]))
    rows = [
        ",".join([f"IL_{i}", *("1.0" if c == said else "0.0" for c in CLASSES)])
        for i, said in enumerate(truth.split(), start=1)
    ]
    (root / TRUTH).write_text("\n".join([",".join(["lesion_id", *CLASSES]), *rows, ""]))
    return root


def error_of(root: Path) -> DataError:
    with pytest.raises(DataError) as caught:
        read_source("milk10k", root)
    return caught.value


def test_records_of_both_domains(tmp_path: Path) -> None:
    touch(write(tmp_path), "images/ISIC_11.jpg", "images/ISIC_22.jpg")
    table = read_source("milk10k", tmp_path)
    assert values(table, "image_id") == [f"milk10k/ISIC_{n}" for n in (11, 12, 22, 21)]
    assert values(table, "domain") == ["clinical", "dermoscopic", "dermoscopic", "clinical"]
    assert values(table, "lesion_id") == ["milk10k/IL_1"] * 2 + ["milk10k/IL_2"] * 2
    assert conditions(table) == ["actinic_keratosis"] * 2 + ["squamous_cell_carcinoma"] * 2
    assert values(table, "malignancy") == ["premalignant"] * 2 + ["malignant"] * 2
    assert values(table, "age") == [70, 70, None, None]
    assert values(table, "site") == ["head_neck_face"] * 2 + [None] * 2
    assert values(table, "confirmation")[1:3] == ["single contributor clinical assessment", "histopathology"]
    assert paths(table) == ["images/ISIC_11.jpg", None, "images/ISIC_22.jpg", None]
    assert "1 images that the source calls altered are kept" in table.notes


def test_its_scale_of_skin_tones_is_no_fitzpatrick_type_and_zero_is_a_tone(tmp_path: Path) -> None:
    table = read_source("milk10k", write(tmp_path))
    assert values(table, "skin_tone") == [0, 0, None, None]
    assert values(table, "fitzpatrick") == values(table, "fst_group") == [None] * 4


def test_both_pictures_of_a_lesion_are_one_group(tmp_path: Path) -> None:
    records = read_source("milk10k", write(tmp_path)).records
    unopened = records.assign(content_hash=None, duplicate_id=None)
    groups = leakage_groups(unopened).tolist()
    assert groups == ["milk10k/ISIC_11"] * 2 + ["milk10k/ISIC_21"] * 2


@pytest.mark.parametrize("name", [METADATA, SUPPLEMENT, TRUTH])
def test_each_of_the_three_files_is_needed(tmp_path: Path, name: str) -> None:
    (write(tmp_path) / name).unlink()
    error = error_of(tmp_path)
    assert name.rsplit("_", 1)[1].removesuffix(".csv").lower() in error.expected
    assert "'~data.sources.milk10k'" in error.fix


@pytest.mark.parametrize(
    ("name", "column"),
    [
        (METADATA, "isic_id"), (METADATA, "lesion_id"), (METADATA, "image_type"), (SUPPLEMENT, "isic_id"),
        (SUPPLEMENT, "diagnosis_full"), (TRUTH, "lesion_id"), (TRUTH, "SCCKA"),
    ],
)  # fmt: skip
def test_a_column_that_is_missing_is_named_with_its_file(tmp_path: Path, name: str, column: str) -> None:
    path = write(tmp_path) / name
    path.write_text(path.read_text().replace(column, f"{column}_x", 1))
    error = error_of(tmp_path)
    assert name in error.where
    assert f"'{column}'" in error.expected


@pytest.mark.parametrize(
    ("old", "new", "expected", "found"),
    [
        ("dermoscopic,ISIC_12", "microscope,ISIC_12", "clinical: close-up or dermoscopic", "row 3: 'microscope'"),
        ("dermoscopic,ISIC_12", ",ISIC_12", "clinical: close-up or dermoscopic", "row 3: "),
        ("male,0,", "male,6,", "0 (very dark) to 5 (very light)", "row 2: '6'"),
        ("ISIC_12", "ISIC_13", f"each isic_id to be in {SUPPLEMENT}", "row 3: 'ISIC_13'"),
        ("IL_2", "IL_3", f"each lesion_id to be in {TRUTH}", "row 4: 'IL_3'"),
        ("ISIC_12", "ISIC_11", "one row per image", "'ISIC_11' in rows 2, 3"),
    ],
)  # fmt: skip
def test_an_odd_value_is_named_by_row(tmp_path: Path, old: str, new: str, expected: str, found: str) -> None:
    error = error_of(write(tmp_path, images=[row.replace(old, new, 1) for row in IMAGES]))
    assert METADATA in error.where
    assert expected in error.expected
    assert found in error.found


def test_a_diagnosis_that_contradicts_the_class_is_refused(tmp_path: Path) -> None:
    error = error_of(write(tmp_path, truth="AKIEC NV"))
    assert f"'class in {TRUTH}'" in error.expected
    assert "Bowens disease' is malignant in the table, benign in the source (row 4, row 5)" in error.found


def test_a_lesion_of_two_classes_or_of_two_rows_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path) / TRUTH
    good = path.read_text()
    path.write_text(good.replace("IL_2,1.0,0.0", "IL_2,1.0,1.0"))
    assert "row 3: 2" in error_of(tmp_path).found
    path.write_text(good.replace("IL_2", "IL_1"))
    assert "'IL_1' in rows 2, 3" in error_of(tmp_path).found


# ---- the published files


@cache
def _raw(root: Path) -> pd.DataFrame:
    """Label, class and scale of each image, by the files alone; indexed by isic_id."""
    folder = root / "milk10k"
    table = pd.read_csv(folder / METADATA, dtype="str").set_index("isic_id")
    truth = pd.read_csv(folder / TRUTH).set_index("lesion_id").idxmax(axis=1)
    supplement = pd.read_csv(folder / SUPPLEMENT, dtype="str").set_index("isic_id")
    return table.assign(truth=table["lesion_id"].map(truth)).join(supplement)


@cache
def _records(root: Path) -> pd.DataFrame:
    return read_source("milk10k", root / "milk10k").records


@pytest.mark.real
def test_golden_counts(real_data: Path) -> None:
    records, raw = _records(real_data), _raw(real_data)
    assert len(records) == records["image_id"].nunique() == 10_480
    assert records["lesion_id"].nunique() == 5_240
    assert int(records["path"].notna().sum()) == 4_612
    assert records.loc[records["path"].notna(), "lesion_id"].nunique() == 2_306
    assert records.groupby("lesion_id")["domain"].nunique().eq(2).all()
    assert records["domain"].value_counts().to_dict() == {"clinical": 5_240, "dermoscopic": 5_240}
    lesions = raw.drop_duplicates("lesion_id")["truth"].value_counts().to_dict()
    assert lesions == {
        "AKIEC": 303, "BCC": 2522, "BEN_OTH": 44, "BKL": 544, "DF": 52, "INF": 50, "MAL_OTH": 9, "MEL": 450,
        "NV": 746, "SCCKA": 473, "VASC": 47,
    }  # fmt: skip
    tones = records.drop_duplicates("lesion_id")["skin_tone"].value_counts().sort_index()
    assert tones.to_dict() == {0: 6, 1: 105, 2: 506, 3: 3174, 4: 1066, 5: 383}
    assert records["fitzpatrick"].isna().all()
    share = (records["confirmation"] == "histopathology").mean()
    assert round(float(share), 3) == 0.957


@pytest.mark.real
def test_malignancy_and_condition_counts(real_data: Path) -> None:
    """Worked out by hand: lesions of the classes, AKIEC parted by its two diagnoses (123 and 180)."""
    records = _records(real_data).drop_duplicates("lesion_id")
    assert records["malignancy"].value_counts().to_dict() == {
        "malignant": 2522 + 9 + 450 + 473 + 180, "premalignant": 123, "benign": 44 + 544 + 52 + 50 + 746 + 47,
    }  # fmt: skip
    found = {Condition(int(c)).slug: int(n) for c, n in records["condition"].value_counts().items()}
    assert found == {
        "melanoma": 450, "basal_cell_carcinoma": 2522, "squamous_cell_carcinoma": 473 + 180,
        "actinic_keratosis": 123, "melanocytic_nevus": 746, "seborrheic_keratosis": 544 - 4,
        "dermatofibroma": 52, "vascular_lesion": 47 + 2, "other_malignant": 9,
        "non_neoplastic": 46 + 1 + 6 + 3 + 2, "other_unknown": 44 - 6 - 3 - 2 - 2 + 3 + 4,
    }  # fmt: skip
    inflammatory = set(_records(real_data).query("inflammatory")["raw_label"])
    assert inflammatory == {"Inflammatory or infectious diseases", "Juvenile xanthogranuloma", "Mastocytosis"}


@pytest.mark.real
def test_every_diagnosis_has_its_row_and_every_row_its_class(real_data: Path) -> None:
    raw, table = _raw(real_data), load_label_table("milk10k").rows
    assert set(raw["diagnosis_full"].map(label_key)) == set(table.index)
    for label, truth in raw.groupby("diagnosis_full")["truth"].first().items():
        row = table.loc[label_key(str(label))]
        assert Condition(int(row["condition"])).slug in WANTED[str(truth)], label
        assert row["malignancy"] == CLASSES[str(truth)] or CLASSES[str(truth)] is None, label
        assert str(row["note"]).startswith(str(truth)), label
