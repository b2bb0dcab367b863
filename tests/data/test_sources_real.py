"""The adapters on the real metadata, against the published counts."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from skintag.core.vocabulary import Condition
from skintag.data.catalog.labels import load_label_table
from skintag.data.sources import read_source

pytestmark = pytest.mark.real


@cache
def _records(root: Path, dataset: str) -> pd.DataFrame:
    return read_source(dataset, root / dataset).records


@pytest.fixture(scope="module")
def golden(real_data: Path) -> Any:
    path = real_data.parent / "facts" / "golden_counts.json"
    if not path.is_file():
        pytest.skip("no golden_counts.json beside the real data")
    return json.loads(path.read_text(encoding="utf-8"))


def counts(column: pd.Series) -> dict[str, int]:
    return {str(value): int(n) for value, n in column.value_counts().items()}


def known(expected: dict[str, int], *unknown: str) -> dict[str, int]:
    """The published counts in lower case, without what the adapters read as null."""
    return {name.lower(): n for name, n in expected.items() if name not in unknown}


@pytest.mark.parametrize(
    ("dataset", "images"),
    [("ham10000", 8995), ("bcn20000", 11124), ("pad_ufes_20", 629), ("fitzpatrick17k", 2215)],
)
def test_rows_and_images_found(real_data: Path, golden: Any, dataset: str, images: int) -> None:
    records = _records(real_data, dataset)
    assert len(records) == records["image_id"].nunique() == golden[dataset]["rows"]
    assert int(records["path"].notna().sum()) == images
    found = records["path"].dropna()
    assert found.is_unique
    assert all((real_data / dataset / path).is_file() for path in found.iloc[::500])


def test_ham10000_counts(real_data: Path, golden: Any) -> None:
    records, expected = _records(real_data, "ham10000"), golden["ham10000"]
    assert records["lesion_id"].nunique() == expected["lesions"] == 7470
    assert counts(records["raw_label"]) == expected["dx"]
    assert counts(records["confirmation"]) == expected["dx_type"]
    assert counts(records["sex"]) == known(expected["sex"], "unknown")
    assert counts(records["site"]) == known(expected["localization"], "unknown")
    assert int(records["age"].isna().sum()) == expected["age_null"]
    assert counts(records["malignancy"]) == {
        "benign": 6705 + 1099 + 142 + 115, "malignant": 1113 + 514, "premalignant": 327,
    }  # fmt: skip


def test_bcn20000_counts(real_data: Path, golden: Any) -> None:
    records, expected = _records(real_data, "bcn20000"), golden["bcn20000"]
    assert records["lesion_id"].nunique() == expected["lesions"] == 5440
    raw = counts(records["raw_label"])
    assert raw.pop("Benign soft tissue proliferations - Vascular") == 151
    assert raw == {name: n for name, n in expected["diagnosis_3"].items() if name != "null"}
    assert int(records["condition"].notna().sum()) == 17790
    assert counts(records["malignancy"]) == {
        "malignant": expected["diagnosis_1"]["Malignant"], "benign": expected["diagnosis_1"]["Benign"],
        "premalignant": expected["diagnosis_1"]["Indeterminate"],
    }  # fmt: skip
    assert counts(records["sex"]) == known(expected["sex"], "null")
    assert counts(records["site"]) == known(expected["anatom_site_general"], "null")
    assert counts(records["confirmation"]) == known(expected["diagnosis_confirm_type"], "null")


def test_pad_ufes_20_counts(real_data: Path, golden: Any) -> None:
    records, expected = _records(real_data, "pad_ufes_20"), golden["pad_ufes_20"]
    assert records["patient_id"].nunique() == expected["patients"] == 1373
    assert records["lesion_id"].nunique() == expected["patient_lesion_pairs"] == 1891
    assert counts(records["raw_label"]) == expected["diagnostic"]
    assert counts(records["fitzpatrick"]) == known(expected["fitspatrick"], "null")
    assert counts(records["sex"]) == known(expected["gender"], "null")
    assert counts(records["confirmation"]) == {
        "biopsy": expected["biopsed"]["True"], "no biopsy": expected["biopsed"]["False"],
    }  # fmt: skip
    missing = records[records["fitzpatrick"].isna()]
    assert counts(missing["raw_label"]) == expected["fitspatrick_null_by_diagnostic"]


def test_fitzpatrick17k_counts(real_data: Path, golden: Any) -> None:
    records, expected = _records(real_data, "fitzpatrick17k"), golden["fitzpatrick17k"]
    assert counts(records["raw_label"]) == expected["label"]
    assert records["raw_label"].nunique() == 114
    assert counts(records["fitzpatrick"]) == known(expected["fitzpatrick_scale"], "-1")
    malignant = records[records["malignancy"] != "benign"]  # with the policy premalignant=malignant
    assert len(malignant) == expected["three_partition_label"]["malignant"] == 2263
    assert counts(malignant["raw_label"]) == expected["malignant_by_label"]
    # and prurigo nodularis, which the source files under benign epidermal: one vocabulary for all tables
    assert int(records["inflammatory"].sum()) == expected["nine_partition_label"]["inflammatory"] + 170


def test_fitzpatrick17k_conditions(real_data: Path) -> None:
    """Worked out by hand from the labels that belong to each condition."""
    records = _records(real_data, "fitzpatrick17k")
    found = {Condition(int(c)).slug: n for c, n in records["condition"].value_counts().items()}
    assert found == {
        "melanoma": 261 + 118 + 111 + 83,
        "basal_cell_carcinoma": 468 + 66 + 62,
        "squamous_cell_carcinoma": 581,
        "actinic_keratosis": 175,
        "melanocytic_nevus": 86 + 82 + 68,
        "seborrheic_keratosis": 69,
        "dermatofibroma": 79,
        "vascular_lesion": 113 + 75 + 100 + 126 + 59,
        "non_neoplastic": 12080 + 170,  # the source's partition, and prurigo nodularis
        "other_unknown": 63 + 100 + 79 + 93 + 53 + 127 + 60 + 91 + 112 + 73 + 95 + 183 + 78,
        "other_malignant": 182 + 156,
    }
    nevus = records["raw_label"].isin(["becker nevus", "epidermal nevus", "nevus sebaceous of jadassohn"])
    assert int(nevus.sum()) == 249
    assert not (records.loc[nevus, "condition"] == Condition.MELANOCYTIC_NEVUS).any()


def test_ddi_table_against_the_counts_of_a_public_copy(golden: Any) -> None:
    diseases = pd.DataFrame(golden["ddi"]["disease"])
    meaning = load_label_table("ddi").apply(diseases["disease"].astype("str"), "golden_counts.json")
    assert ((meaning["malignancy"] == "malignant") == diseases["malignant"]).all()
    malignant = diseases["n"][diseases["malignant"]]
    # The copy lacks 3 of the 656 rows: 170 of the 171 malignant ones are in it.
    assert (int(diseases["n"].sum()), int(malignant.sum())) == (653, 170)
    assert 0 <= golden["ddi"]["malignant_published"] - int(malignant.sum()) <= 3
    other = meaning["condition"] == Condition.OTHER_MALIGNANT
    assert int(diseases["n"][other].sum()) == 48
    assert (meaning.loc[other, "malignancy"] == "malignant").all()


def test_ddi_rows_made_of_those_counts_pass_the_row_by_row_check(tmp_path: Path, golden: Any) -> None:
    diseases = pd.DataFrame(golden["ddi"]["disease"])
    rows = diseases.loc[diseases.index.repeat(diseases["n"])].reset_index(drop=True)
    rows["DDI_file"] = [f"{i:06d}.png" for i in range(len(rows))]
    rows["skin_tone"] = 56
    rows[["DDI_file", "skin_tone", "malignant", "disease"]].to_csv(tmp_path / "ddi_metadata.csv")
    records = read_source("ddi", tmp_path).records
    assert counts(records["malignancy"]) == {"benign": 653 - 170, "malignant": 170}
