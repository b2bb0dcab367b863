"""The leakage audit: exact on a case made by hand, and the published figures on the real metadata."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from skintag.core.errors import DataError
from skintag.data.view.audit import KEYS, audit_split
from skintag.data.view.splits import Grouped, Stratified

# image, dataset, split, target, patient, lesion, duplicate
BY_HAND = [
    ("h/1", "ham10000", "train", 1, None, "L1", "D1"),
    ("h/2", "ham10000", "test", 1, None, "L1", "D2"),  # lesion with train
    ("h/3", "ham10000", "test", 0, None, "L2", "D1"),  # near-duplicate with train
    ("h/4", "ham10000", "test", 0, None, "L3", "D4"),  # clean
    ("h/5", "ham10000", "val", 0, None, "L4", "D5"),
    ("h/6", "ham10000", "test", 1, None, "L4", "D6"),  # lesion with val alone
    ("p/1", "pad_ufes_20", "train", 0, "P1", "L5", "D7"),
    ("p/2", "pad_ufes_20", "val", 1, "P1", "L6", "D8"),  # val: patient with train
    ("p/3", "pad_ufes_20", "test", 1, "P1", "L7", "D9"),  # patient with train and val
    ("p/4", "pad_ufes_20", "test", 0, None, None, "D10"),  # unknown keys match nobody's unknown
    ("p/5", "pad_ufes_20", "train", 0, None, None, "D11"),
]
GROUPS = ["A", "A", "A", "B", "C", "C", "E", "E", "E", "F", "G"]


@pytest.fixture
def frame() -> pd.DataFrame:
    columns = ["image_id", "dataset", "split", "target", "patient_id", "lesion_id", "duplicate_id"]
    made = pd.DataFrame(BY_HAND, columns=columns).assign(group_id=GROUPS)
    texts = [name for name in made if name != "target"]
    return made.astype(dict.fromkeys(texts, "str")).astype({"target": "int8"})


def numbers(overlap) -> tuple[int, ...]:
    return (overlap.images, overlap.known, overlap.shared, overlap.malignant, overlap.malignant_shared)


@pytest.mark.parametrize(
    ("key", "names", "expected"),
    [
        ("patient", {}, (6, 1, 1, 3, 1)),
        ("lesion", {}, (6, 5, 1, 3, 1)),
        ("near-duplicate", {}, (6, 6, 1, 3, 0)),
        ("any of these", {}, (6, 6, 3, 3, 2)),
        ("lesion", {"against": "train+val"}, (6, 5, 2, 3, 2)),
        ("any of these", {"against": "train+val"}, (6, 6, 4, 3, 3)),
        ("patient", {"split": "val"}, (2, 1, 1, 1, 1)),
        ("any of these", {"dataset": "ham10000"}, (4, 4, 2, 2, 1)),
        ("any of these", {"dataset": "pad_ufes_20"}, (2, 2, 1, 1, 1)),
        ("patient", {"dataset": "ham10000"}, (4, 0, 0, 2, 0)),
    ],
)
def test_counts_by_hand(frame, key, names, expected):
    assert numbers(audit_split(frame, split="s", leaky=False).find(key, **names)) == expected


def test_shares_are_of_all_images_and_nan_without_any(frame):
    overlap = audit_split(frame, split="s", leaky=False).find("lesion")
    assert overlap.share == pytest.approx(1 / 6)
    assert overlap.malignant_share == pytest.approx(1 / 3)
    none = audit_split(frame[frame["split"] == "train"], split="s", leaky=False).find("lesion")
    assert math.isnan(none.share)
    assert math.isnan(none.malignant_share)


def test_a_leak_stops_with_examples_that_name_both_images(frame):
    audit = audit_split(frame, split="Grouped", leaky=False)
    assert not audit.clean
    with pytest.raises(DataError, match=r"(?s)Grouped.*h/2 \(test\) and h/1 \(train\): lesion_id L1"):
        audit.assert_clean()


def test_a_leak_between_val_and_train_alone_stops_too(frame):
    audit = audit_split(frame[frame["split"] != "test"], split="Grouped", leaky=False)
    with pytest.raises(DataError, match=r"p/2 \(val\) and p/1 \(train\): patient_id P1"):
        audit.assert_clean()


def test_a_clean_split_passes(frame):
    clean = frame[frame["image_id"].isin(["h/1", "h/4", "h/5", "p/4", "p/5"])]
    audit = audit_split(clean, split="Grouped", leaky=False)
    assert audit.clean
    assert audit.examples == ()
    audit.assert_clean()


def test_an_image_of_another_dataset_leaks_as_well(frame):
    crossed = frame.assign(duplicate_id=frame["duplicate_id"].replace({"D10": "D1"}))
    overlap = audit_split(crossed, split="s", leaky=True).find("near-duplicate", dataset="pad_ufes_20")
    assert overlap.shared == 1


def test_the_audit_goes_to_json_and_to_the_console(frame):
    audit = audit_split(frame, split="Stratified", leaky=True)
    told = json.loads(json.dumps(audit.to_dict()))
    assert (told["leaky"], told["clean"], len(told["overlaps"])) == (True, False, 3 * 3 * len(KEYS))
    console = Console(width=160, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(audit.table())
    text = console.export_text()
    assert "LEAKY ON PURPOSE" in text
    assert "3 50.0%" in text  # any of these, test with train
    assert "2 66.7%" in text  # the malignant ones
    assert "does not find all of them" in " ".join(text.split())


def metadata(dataset: str, ids: pd.Series, lesion: pd.Series, malignant: pd.Series) -> pd.DataFrame:
    """Rows with what a split and its audit read; nothing known of patients and duplicates."""
    return pd.DataFrame(
        {
            "image_id": dataset + "/" + ids.astype("str"),
            "dataset": dataset,
            "malignancy": np.where(malignant, "malignant", "benign"),
            "target": malignant.astype("int8"),
            "patient_id": pd.Series([None] * len(ids), dtype="str"),
            "lesion_id": lesion.astype("str"),
            "duplicate_id": ids.astype("str"),
            "group_id": lesion.astype("str"),
        }
    )


@pytest.fixture(params=["ham10000", "bcn20000"])
def real_metadata(request, real_data: Path) -> pd.DataFrame:
    """All rows of one dataset's own CSV, whether or not their images are there."""
    if request.param == "ham10000":
        source = pd.read_csv(real_data / "ham10000" / "HAM10000_metadata.csv")
        malignant = source["dx"].isin(["mel", "bcc", "akiec"])
        return metadata("ham10000", source["image_id"], source["lesion_id"], malignant)
    source = pd.read_csv(real_data / "bcn20000" / "bcn20000_metadata.csv", dtype="str")
    malignant = source["diagnosis_1"] == "Malignant"
    return metadata("bcn20000", source["isic_id"], source["lesion_id"], malignant)


@pytest.mark.real
def test_a_random_80_20_split_leaks_what_the_protocol_says(real_metadata):
    frame = real_metadata.assign(split=Stratified().assign(real_metadata, 0))
    frame["split"] = frame["split"].replace({"val": "train"})  # the plain 80/20 of most papers
    lesion = audit_split(frame, split="Stratified", leaky=True).find("lesion")
    if frame["dataset"].iloc[0] == "ham10000":
        assert lesion.images == pytest.approx(2003, abs=2)
        assert lesion.share == pytest.approx(0.38, abs=0.025)
        assert lesion.malignant_share == pytest.approx(0.60, abs=0.04)
    else:
        assert lesion.share == pytest.approx(0.91, abs=0.015)


@pytest.mark.real
def test_a_grouped_split_of_the_same_images_is_clean_and_in_proportion(real_metadata):
    frame = real_metadata.assign(split=Grouped().assign(real_metadata, 0))
    audit_split(frame, split="Grouped", leaky=False).assert_clean()
    by_class = pd.crosstab(frame["target"], frame["split"], normalize="index")
    np.testing.assert_allclose(by_class["test"], 0.2, atol=0.02)
    np.testing.assert_allclose(by_class["val"], 0.1, atol=0.02)
