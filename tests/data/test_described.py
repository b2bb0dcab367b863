"""A dataset of one's own, described in YAML: what is read, what is refused, and MILK10k read so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skintag.core.errors import ConfigError, DataError
from skintag.data.catalog.catalog import CATALOG, read_catalog
from skintag.data.prepared.opening import ensure_prepared, prepare_data
from skintag.data.prepared.settings import DataSettings
from skintag.data.sources import SourceTable, check_source, read_source
from tests.data.test_sources_layouts import conditions, paths, touch, values

PHOTOS = """Datei;Fall;Diagnose;Kamera
a1.jpg;7;Melanom;Dermatoskop
a2.JPG;7;Melanom;Handy
b1;8;Naevus;Handy
c1.jpg;9;;Handy
"""
CASES = """Fall,Patient,Geschlecht,Alter,Hauttyp
9,P3,w,33,II
8,P2,m,,unbekannt
7,P1,w,71,VI
10,P4,m,50,I
"""
LABELS = """raw_label,condition,malignancy,inflammatory,note
Melanom,melanoma,malignant,false,
Naevus,melanocytic_nevus,benign,false,
"""
CLINIC = """
table: [photos.csv, cases.csv]
key: Fall
images: bilder
domain: Kamera
columns:
  image_id: Datei
  label: Diagnose
  patient: Patient
  lesion: [Patient, Fall]
  age: Alter
  sex: Geschlecht
  fitzpatrick: Hauttyp
values:
  domain: {Dermatoskop: dermoscopic, Handy: smartphone}
  sex: {w: female}
  fitzpatrick: {unbekannt: null}
labels: labels.csv
groups: [patient]
"""


def write(root: Path, **texts: str) -> Path:
    """The clinic's folder; returns the description. `texts` replaces files by their stem."""
    root.mkdir(exist_ok=True, parents=True)
    for name, text in {"photos": PHOTOS, "cases": CASES, "labels": LABELS}.items():
        (root / f"{name}.csv").write_text(texts.get(name, text))
    (root / "clinic.yaml").write_text(texts.get("clinic", CLINIC))
    touch(root, "bilder/a1.jpg", "bilder/2024/a2.jpg", "bilder/b1.png")
    return root / "clinic.yaml"


def clinic(root: Path, **texts: str) -> SourceTable:
    return read_source("clinic", write(root, **texts))


def test_described_tables_become_records(tmp_path: Path) -> None:
    table = clinic(tmp_path)
    assert values(table, "image_id") == [f"clinic/{name}" for name in ("a1", "a2", "b1", "c1")]
    assert values(table, "domain") == ["dermoscopic", "smartphone", "smartphone", "smartphone"]
    assert paths(table) == ["a1.jpg", "2024/a2.jpg", "b1.png", None]
    assert table.root == tmp_path / "bilder"
    assert conditions(table) == ["melanoma", "melanoma", "melanocytic_nevus", None]
    assert values(table, "patient_id") == ["clinic/P1", "clinic/P1", "clinic/P2", "clinic/P3"]
    assert values(table, "lesion_id") == ["clinic/P1/7", "clinic/P1/7", "clinic/P2/8", "clinic/P3/9"]
    assert values(table, "sex") == ["female", "female", "male", "female"]
    assert values(table, "age") == [71, 71, None, 33]
    assert values(table, "fitzpatrick") == [6, 6, None, 2]
    assert values(table, "fst_group") == ["V-VI", "V-VI", None, "I-II"]
    assert "cases.csv: 1 rows that no picture belongs to" in table.notes
    assert "1 rows without a diagnosis are kept, condition unknown" in table.notes


def test_tables_are_joined_in_a_chain(tmp_path: Path) -> None:
    """Pictures know their lesion, lesions their patient."""
    (tmp_path / "images.csv").write_text("image,lesion\n1.jpg,L1\n2.jpg,L2\n3.jpg,L2\n")
    (tmp_path / "lesions.csv").write_text("lesion,person,diagnosis\nL1,12.0,nevus\nL2,13,nevus\n")
    (tmp_path / "people.csv").write_text("person,age\n13,60\n12,50\n")
    (tmp_path / "x.yaml").write_text(
        "table: [images.csv, lesions.csv, people.csv]\nkey: [person, lesion]\nlabels: bcn20000\ndomain: clinical\n"
        "columns: {image_id: image, label: diagnosis, patient: person, lesion: lesion, age: age}\n"
    )
    table = read_source("x", tmp_path / "x.yaml")
    assert values(table, "age") == [50, 60, 60]
    assert values(table, "patient_id") == ["x/12", "x/13", "x/13"]
    assert values(table, "domain") == ["clinical"] * 3
    assert values(table, "malignancy") == ["benign"] * 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("columns:", "colums:", "no colums: did you mean 'columns'"),
        ("  label: Diagnose\n", "", "columns.label is not set"),
        ("  age: Alter", "  alter: Alter", "no columns.alter"),
        ("  age: Alter", "  age: 3", "columns.age=3: expected a text, or null"),
        ("  patient: Patient\n", "", "groups has 'patient', and columns has not"),
        ("groups: [patient]", "groups: [family]", "expected some of patient, lesion"),
        ("key: Fall\n", "", "no key to join them by"),
        ("  sex: {w", "  gender: {w", "values.gender: "),
        ("table:", "name: Clinic\ntable:", "name=Clinic: expected small letters"),
        ("table:", "name: hospital\ntable:", "calls itself 'hospital'"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        clinic(tmp_path, clinic=CLINIC.replace(old, new))
    assert message in str(caught.value)
    assert "clinic.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "where", "said"),
    [
        ("clinic", "photos.csv", "foto.csv", "foto.csv", "photos.csv"),
        ("clinic", "images: bilder", "images: bild", "bild", "bilder"),
        ("clinic", "label: Diagnose", "label: Diagnosen", "photos.csv", "did you mean 'diagnose'"),
        ("clinic", "labels: labels.csv", "labels: lables.csv", "lables.csv", "skintag labels draft"),
        ("clinic", "domain: Kamera", "domain: dermoscopc", "photos.csv", "a column 'dermoscopc'"),
        ("clinic", "Handy: smartphone", "Handi: smartphone", "photos.csv", "row 3: 'handy'"),
        ("clinic", "key: Fall", "key: Case", "cases.csv", "a column 'Case' that a table before it has too"),
        ("cases", "P1,w,71", "P1,w,171", "cases.csv, column 'alter'", "row 4: '171'"),
        ("cases", "P1,w", "P1,d", "cases.csv, column 'geschlecht'", "row 4: 'd'"),
        ("cases", "7,P1", "7,", "cases.csv, column 'patient'", "a patient in every row, as groups has it"),
        ("cases", "7,P1", "6,P1", "photos.csv, column 'fall'", "each fall to be in cases.csv"),
        ("cases", "8,P2", "7,P2", "cases.csv, column 'fall'", "'7' in rows 3, 4"),
        ("photos", "a2.JPG", "a1.png", "photos.csv, column 'datei'", "'a1' in rows 2, 3"),
        ("photos", "Melanom;Handy", "Melanome;Handy", "photos.csv", "'Melanome' (1 row, did you mean 'Melanom'?)"),
    ],
)  # fmt: skip
def test_files_that_do_not_fit_are_named(
    tmp_path: Path, file: str, old: str, new: str, where: str, said: str
) -> None:
    good = {"clinic": CLINIC, "cases": CASES, "photos": PHOTOS}[file]
    assert old in good
    with pytest.raises(DataError) as caught:
        clinic(tmp_path, **{file: good.replace(old, new)})
    assert where in caught.value.where
    assert said in str(caught.value)


def test_rows_without_a_patient_are_counted_where_groups_do_not_ask_for_one(tmp_path: Path) -> None:
    table = clinic(
        tmp_path, cases=CASES.replace("7,P1", "7,"), clinic=CLINIC.replace("groups: [patient]", "")
    )
    assert values(table, "patient_id")[:2] == [None, None]
    assert "2 rows without a patient" in table.notes


def test_malignancy_of_ones_own_is_held_against_the_label_table(tmp_path: Path) -> None:
    photos = (
        PHOTOS.replace("Kamera", "Kamera;Art").replace("Handy", "Handy;gut").replace("kop\n", "kop;boese\n")
    )
    about = CLINIC.replace("  age:", "  malignancy: Art\n  age:")
    about = about.replace("values:", "values:\n  malignancy: {gut: benign, boese: malignant}")
    with pytest.raises(
        DataError, match=r"'Melanom' is malignant in the table, benign in the source \(row 3\)"
    ):
        clinic(tmp_path, photos=photos, clinic=about)


def test_settings_take_a_description_for_a_folder(tmp_path: Path) -> None:
    check_source("clinic", "clinic.yaml")  # which need not be there
    with pytest.raises(ConfigError, match="no such dataset"):
        check_source("clinic", "clinic")
    with pytest.raises(ConfigError, match="small letters"):
        check_source("my-clinic", "clinic.yaml")
    with pytest.raises(ConfigError, match=r"among drawn lesions; say data=table"):
        DataSettings({"clinic": "clinic.yaml"}, "prepared", synthetic={"out": "raw"})
    with pytest.raises(ConfigError, match=r"table=<file\.yaml>"):
        DataSettings({}, "prepared")


def test_prepared_and_opened_again_also_where_the_description_has_moved(tmp_path: Path) -> None:
    place = write(tmp_path / "here")
    for seed, name in enumerate(("a1.jpg", "2024/a2.jpg", "b1.png")):
        noise = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "here" / "bilder" / name)
    settings = DataSettings({"clinic": str(place)}, str(tmp_path / "prepared"), workers=1)
    catalog = read_catalog(prepare_data(settings) / CATALOG)
    assert catalog["status"].tolist() == ["ok", "ok", "ok", "missing"]
    assert catalog["group_id"].tolist() == ["clinic/a1", "clinic/a1", "clinic/b1", "clinic/c1"]
    (tmp_path / "here").rename(tmp_path / "there")
    moved = DataSettings(
        {"clinic": str(tmp_path / "there" / "clinic.yaml")}, str(tmp_path / "prepared"), workers=1
    )
    assert ensure_prepared(moved) == tmp_path / "prepared"
    (tmp_path / "there" / "bilder" / "a1.jpg").write_bytes(b"another picture")
    with pytest.raises(DataError, match=r"a1\.jpg is not as it was there"):
        ensure_prepared(moved)
    gone = DataSettings({"clinic": str(tmp_path / "nowhere.yaml")}, str(tmp_path / "prepared"))
    assert ensure_prepared(gone) == tmp_path / "prepared"  # a copy, on a machine without the raw files


MILK10K = """
table: [{raw}/MILK10k_Training_Metadata.csv, {raw}/MILK10k_Training_Supplement.csv]
key: isic_id
images: {raw}
domain: image_type
columns:
  image_id: isic_id
  label: diagnosis_full
  lesion: lesion_id
  age: age_approx
  sex: sex
  site: site
  skin_tone: skin_tone_class
  confirmation: diagnosis_confirm_type
values:
  domain: {{"clinical: close-up": clinical}}
labels: milk10k
groups: [lesion]
"""


@pytest.mark.real
def test_milk10k_without_python_gives_the_records_of_its_adapter(real_data: Path, tmp_path: Path) -> None:
    raw = real_data / "milk10k"
    (tmp_path / "milk.yaml").write_text(MILK10K.format(raw=raw.absolute()))
    known = read_source("milk10k", raw).records
    assert len(known) == 10_480
    pd.testing.assert_frame_equal(read_source("milk10k", tmp_path / "milk.yaml").records, known)
