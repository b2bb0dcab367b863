"""The five raw folders against what their publishers' folders look like."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skintag.data.sources import read_source
from skintag.data.synthetic import SyntheticSettings, write_benchmark
from skintag.data.synthetic.layouts import LAYOUTS
from skintag.data.synthetic.plan import plan_corpus
from skintag.data.synthetic.settings import DATASETS

HEADERS = {
    "ham10000": "lesion_id,image_id,dx,dx_type,age,sex,localization",
    "bcn20000": "isic_id,attribution,copyright_license,age_approx,anatom_site_general,anatom_site_special,"
    "concomitant_biopsy,diagnosis_1,diagnosis_2,diagnosis_3,diagnosis_confirm_type,image_type,lesion_id,"
    "melanocytic,sex",
    "fitzpatrick17k": "md5hash,fitzpatrick_scale,fitzpatrick_centaur,label,nine_partition_label,"
    "three_partition_label,qc,url,url_alphanum",
    "ddi": ",DDI_ID,DDI_file,skin_tone,malignant,disease",
    "pad_ufes_20": "patient_id,lesion_id,smoke,drink,background_father,background_mother,age,pesticide,"
    "gender,skin_cancer_history,cancer_history,has_piped_water,has_sewage_system,fitspatrick,region,diameter_1,"
    "diameter_2,diagnostic,itch,grew,hurt,changed,bleed,elevation,img_id,biopsed",
}
PATHS = {
    "ham10000": r"HAM10000_images_part_[12]/ISIC_\d{7}\.jpg",
    "bcn20000": r"images/ISIC_\d{7}\.jpg",
    "fitzpatrick17k": r"images/[0-9a-f]{32}\.jpg",
    "ddi": r"images/\d{6}\.png",
    "pad_ufes_20": r"images/imgs_part_[123]/PAT_\d+_\d+_\d+\.png",
}
MODES = {"ham10000": "RGB", "bcn20000": "RGB", "fitzpatrick17k": "RGB", "ddi": "RGB", "pad_ufes_20": "RGBA"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SyntheticSettings(images=150, scale=0.12)
    return write_benchmark(tmp_path_factory.mktemp("raw"), settings, workers=1)


def table(raw: Path, dataset: str) -> pd.DataFrame:
    return pd.read_csv(raw / dataset / LAYOUTS[dataset].csv_name, dtype=str, keep_default_na=False)


def images(raw: Path, dataset: str) -> list[str]:
    found = (raw / dataset).rglob("*.*g")
    return sorted(path.relative_to(raw / dataset).as_posix() for path in found)


def planned(dataset: str, rows: int) -> pd.DataFrame:
    return plan_corpus(dataset, rows, SyntheticSettings()).tables.metadata


@pytest.mark.parametrize("dataset", DATASETS)
def test_columns_file_names_and_formats_are_the_publishers(dataset: str, raw: Path) -> None:
    with (raw / dataset / LAYOUTS[dataset].csv_name).open(encoding="utf-8", newline="") as stream:
        assert stream.readline().rstrip("\n") == HEADERS[dataset]
    files = images(raw, dataset)
    assert all(re.fullmatch(PATHS[dataset], name) for name in files)
    with Image.open(raw / dataset / files[0]) as image:
        assert image.mode == MODES[dataset]
        assert image.format == ("JPEG" if files[0].endswith("jpg") else "PNG")


@pytest.mark.real
@pytest.mark.parametrize("dataset", ["ham10000", "bcn20000", "fitzpatrick17k", "pad_ufes_20"])
def test_columns_and_values_are_written_as_in_the_real_metadata(dataset: str) -> None:
    if not os.environ.get("SKINTAG_REAL_DATA"):
        pytest.skip("SKINTAG_REAL_DATA names no folder with the real metadata")
    path = Path(os.environ["SKINTAG_REAL_DATA"]) / dataset / LAYOUTS[dataset].csv_name
    if not path.is_file():
        pytest.skip(f"no {path}")
    real = pd.read_csv(path, dtype=str, keep_default_na=False)
    ours = planned(dataset, 800).astype(str)
    assert list(ours) == list(real)
    for column in real:
        shape = real[column].str.replace(r"\d", "0", regex=True).str.replace(r"0+", "0", regex=True)
        if real[column].nunique() <= 150 and column not in ("age", "diameter_1", "diameter_2"):
            assert set(ours[column]) <= set(real[column]), column
        elif shape.nunique() <= 20:
            mine = ours[column].str.replace(r"\d", "0", regex=True).str.replace(r"0+", "0", regex=True)
            assert set(mine) <= set(shape), column


@pytest.mark.parametrize("dataset", DATASETS)
def test_files_are_the_rows_of_the_metadata(dataset: str, raw: Path) -> None:
    name = {"ham10000": "image_id", "bcn20000": "isic_id", "fitzpatrick17k": "md5hash", "ddi": "DDI_file",
            "pad_ufes_20": "img_id"}[dataset]  # fmt: skip
    rows = {Path(value).stem for value in table(raw, dataset)[name]}
    assert len(rows) == len(table(raw, dataset))
    stems = {Path(file).stem for file in images(raw, dataset)}
    assert stems <= rows
    assert (len(rows - stems) > 0) == (dataset == "fitzpatrick17k")


def test_ham_is_split_over_two_part_folders_in_order(raw: Path) -> None:
    parts = [
        {Path(f).name for f in images(raw, "ham10000") if f.startswith(f"HAM10000_images_part_{p}")}
        for p in (1, 2)
    ]
    assert max(parts[0]) < min(parts[1])
    assert abs(len(parts[0]) - len(parts[1])) <= 1


def test_bcn_has_undiagnosed_rows_and_vascular_ones_without_a_third_diagnosis() -> None:
    bcn = planned("bcn20000", 500)
    undiagnosed = bcn[bcn["diagnosis_1"] == ""]
    assert 0.04 < len(undiagnosed) / len(bcn) < 0.08
    assert (undiagnosed[["diagnosis_2", "diagnosis_3", "melanocytic"]] == "").all(axis=None)
    vascular = bcn["diagnosis_2"] == "Benign soft tissue proliferations - Vascular"
    assert vascular.any()
    assert ((bcn["diagnosis_3"] == "") == (vascular | (bcn["diagnosis_1"] == ""))).all()


def test_pad_skin_type_is_missing_for_a_reason_and_with_the_whole_interview() -> None:
    pad = planned("pad_ufes_20", 2298)
    gone = pad["fitspatrick"] == ""
    share = gone.groupby(pad["diagnostic"]).mean()
    assert (share[["BCC", "SCC", "MEL"]] == 0).all()
    np.testing.assert_allclose(share[["ACK", "NEV", "SEK"]], [0.61, 0.69, 0.80], atol=0.03)
    for column in ("smoke", "gender", "has_sewage_system", "diameter_1"):
        assert ((pad[column] == "") == gone).all()
    assert (pad.loc[gone, "biopsed"] == "False").all()
    assert gone.groupby(pad["patient_id"]).nunique().max() == 1


def test_pad_lesion_numbers_are_unique_within_a_patient_only() -> None:
    pad = planned("pad_ufes_20", 2298)
    pairs = pad.drop_duplicates(["patient_id", "lesion_id"])
    assert pairs["lesion_id"].duplicated().mean() == pytest.approx(250 / 1891, abs=0.03)
    assert pad.groupby(["patient_id", "lesion_id"])["diagnostic"].nunique().max() == 1
    assert pad["img_id"].is_unique


def test_fitzpatrick17k_partitions_follow_the_label_and_readings_vary() -> None:
    rows = planned("fitzpatrick17k", 1200)
    assert rows.groupby("label")["nine_partition_label"].nunique().max() == 1
    assert set(rows["three_partition_label"]) == {"benign", "malignant", "non-neoplastic"}
    assert set(rows["fitzpatrick_scale"]) == {-1, 1, 2, 3, 4, 5, 6}
    assert 0.02 < (rows["fitzpatrick_scale"] == -1).mean() < 0.05
    assert (rows["fitzpatrick_scale"] == rows["fitzpatrick_centaur"]).mean() < 0.7


def test_ddi_names_tones_in_pairs(raw: Path) -> None:
    ddi = table(raw, "ddi")
    assert set(ddi["skin_tone"]) == {"12", "34", "56"}
    assert set(ddi["malignant"]) == {"True", "False"}
    assert ddi.iloc[:, 0].tolist() == [str(n) for n in range(len(ddi))]


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_adapter_reads_what_was_drawn(dataset: str, raw: Path) -> None:
    truth = pd.read_csv(raw / "truth.csv", keep_default_na=False).set_index("image_id")
    truth = truth[truth["dataset"] == dataset]
    records = read_source(dataset, raw / dataset).records.set_index("image_id").reindex(truth.index)
    assert (records["malignancy"].fillna("") == truth["malignancy"]).all()
    assert (records["path"].notna() == truth["has_file"]).all()
    for column, number in (("lesion_id", "lesion"), ("patient_id", "patient")):
        if records[column].notna().any():
            pairs = pd.DataFrame({"read": records[column], "drawn": truth[number]}).drop_duplicates()
            assert not pairs["read"].duplicated().any()
            assert not pairs["drawn"].duplicated().any()


def test_csv_text_survives_a_plain_reader(raw: Path) -> None:
    with (raw / "bcn20000" / "bcn20000_metadata.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["attribution"] for row in rows} == {"Hospital Clínic de Barcelona"}
    assert any(row["diagnosis_3"] == "Melanoma, NOS" for row in rows)
