"""A dataset with two cameras, added from outside: each picture is augmented as its own camera's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skintag.core.errors import ConfigError, DataError
from skintag.core.vocabulary import DOMAINS
from skintag.data.augment import Augmentation
from skintag.data.augment.condition import Condition
from skintag.data.catalog.catalog import CATALOG, read_catalog
from skintag.data.catalog.records import SourceTable
from skintag.data.loading.datamodule import LesionDataModule
from skintag.data.loading.settings import LoaderSettings
from skintag.data.prepared.settings import DataSettings
from skintag.data.prepared.writing import write_prepared
from skintag.data.sheets.pictures import SheetSettings, find_pictures
from skintag.data.sources import read_source, registry
from skintag.data.sources.cells import lower
from skintag.data.sources.common import image_ids, prefixed, source_table
from skintag.data.sources.folder import RawFolder, scan_folder
from skintag.data.sources.registry import adapter_of, registered, source
from skintag.data.sources.table import read_table
from skintag.data.view.balance import Balance
from skintag.data.view.label_policy import LabelPolicy
from skintag.data.view.splits import Grouped
from skintag.data.view.view import View, build_view

LESIONS = 24
GREY = {"dermoscopic": 60, "clinical": 180}
LABELS = """raw_label,condition,malignancy,inflammatory,note
NV,melanocytic_nevus,benign,false,
MEL,melanoma,malignant,false,
"""


def read_two_cameras(folder: RawFolder) -> SourceTable:
    """What a person who adds a dataset writes: the camera is a column of the metadata."""
    table = read_table(folder.need_table("two_cameras.csv"))
    return source_table(
        folder,
        table,
        ids=image_ids(table.need("image"), table.path),
        raw_label=table.need("diagnosis"),
        columns={
            "domain": lower(table.need("camera")),
            "lesion_id": prefixed(folder.dataset, table.need("lesion")),
        },
    )


@pytest.fixture(autouse=True)
def two_cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dataset, known as long as a test runs."""
    monkeypatch.setattr(registry, "_ADAPTERS", dict(registry._ADAPTERS))
    labels = tmp_path / "labels.csv"
    labels.write_text(LABELS)
    source("two_cameras", domains=["dermoscopic", "clinical"], labels=labels)(read_two_cameras)


def write_raw(root: Path) -> Path:
    """One picture of each lesion by each camera, of a grey that says which; noise tells lesions apart."""
    root.mkdir()
    rows = ["image,lesion,camera,diagnosis"]
    for lesion in range(LESIONS):
        for camera, grey in GREY.items():
            name = f"{lesion:02d}_{camera[0]}"
            noise = np.random.default_rng([lesion, grey]).integers(-40, 41, (12, 12, 3))
            Image.fromarray((grey + noise).astype(np.uint8)).resize((48, 48)).save(root / f"{name}.png")
            rows.append(f"{name}.png,{lesion},{camera.upper()},{'MEL' if lesion % 2 else 'NV'}")
    (root / "two_cameras.csv").write_text("\n".join([*rows, ""]))
    return root


class Blacken(Condition):
    """A step for dermoscopic pictures alone whose effect cannot be overlooked."""

    domains = ("dermoscopic",)

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.zeros_like(image)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    raw = write_raw(tmp_path / "raw")
    return write_prepared(DataSettings({"two_cameras": str(raw)}, str(tmp_path / "prepared"), workers=1))


@pytest.fixture
def view(prepared: Path) -> View:
    return build_view(read_catalog(prepared / CATALOG), LabelPolicy(), Grouped(), Balance(), seed=0)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("mode", ["indexed", "stream"])
def test_steps_for_dermoscopic_pictures_leave_the_other_camera_alone(
    prepared: Path, view: View, mode: str, workers: int
) -> None:
    data = LesionDataModule(
        view=view,
        prepared=prepared,
        image_size=16,
        augmentation=Augmentation(corner_removal=Blacken(p=1.0)),
        seed=0,
        loader=LoaderSettings(mode=mode, batch_size=8, num_workers=workers),
    )
    seen: dict[str, list[float]] = {"dermoscopic": [], "clinical": []}
    for batch in data.train_dataloader():
        for image, row in zip(batch["image"], batch["row"].tolist(), strict=True):
            seen[view.frame["domain"].iloc[row]].append(float(image.float().mean()))
    data.teardown("fit")
    assert len(seen["dermoscopic"]) > 8
    assert len(seen["clinical"]) > 8
    assert max(seen["dermoscopic"]) == 0
    assert min(seen["clinical"]) > 150


def test_domain_of_every_image_is_in_catalog_and_view(prepared: Path, view: View) -> None:
    catalog = read_catalog(prepared / CATALOG)
    assert catalog["domain"].value_counts().to_dict() == {"dermoscopic": LESIONS, "clinical": LESIONS}
    assert (catalog["domain"].str[0] == catalog["image_id"].str[-1]).all()
    assert set(view.frame["domain"]) == set(GREY)


def test_contact_sheet_shows_images_of_both_cameras(prepared: Path, tmp_path: Path) -> None:
    pictures, _ = find_pictures(SheetSettings(rows=3), None, None, prepared)
    assert [p.domain for p in pictures] == ["dermoscopic"] * 3 + ["clinical"] * 3
    assert all((p.image.mean() > 120) == (p.domain == "clinical") for p in pictures)
    (tmp_path / "raw").rename(tmp_path / "two_cameras")
    with pytest.raises(ConfigError, match=r"several domains, so say domain=<dermoscopic\|clinical>"):
        find_pictures(SheetSettings(), str(tmp_path / "two_cameras" / "*.png"), None, tmp_path)


@pytest.mark.parametrize("camera", ["SMARTPHONE", "telescope", ""])
def test_row_of_a_domain_that_the_source_has_not_is_named(tmp_path: Path, camera: str) -> None:
    raw = write_raw(tmp_path / "raw")
    table = raw / "two_cameras.csv"
    table.write_text(table.read_text().replace("DERMOSCOPIC", camera, 1))
    with pytest.raises(DataError, match=r"a domain in every row: dermoscopic, clinical(.|\n)*row 2"):
        read_source("two_cameras", raw)


def test_dataset_is_known_by_its_registration_alone() -> None:
    assert "two_cameras" in registered()
    with pytest.raises(ConfigError, match="did you mean 'two_cameras'"):
        DataSettings({"two_camera": "raw"}, "prepared")


def test_registration_is_checked() -> None:
    with pytest.raises(ConfigError, match="no domain 'dermoscopc'; did you mean 'dermoscopic'"):
        source("other", domains=["dermoscopc"])(read_two_cameras)
    with pytest.raises(ConfigError, match="no domain; one or more of"):
        source("other", domains=[])(read_two_cameras)
    with pytest.raises(ConfigError, match="reads a dataset of that name"):
        source("ham10000", domains=["dermoscopic"])(read_two_cameras)


def test_every_shipped_source_has_pictures_of_known_domains() -> None:
    shipped = [name for name in registered() if name != "two_cameras"]
    assert shipped == ["bcn20000", "ddi", "fitzpatrick17k", "ham10000", "milk10k", "pad_ufes_20"]
    assert all(set(adapter_of(name).domains) <= set(DOMAINS) for name in shipped)


def test_column_that_no_record_has_is_a_mistake_of_the_adapter(tmp_path: Path) -> None:
    def misspelt(folder: RawFolder) -> SourceTable:
        table = read_table(folder.need_table("two_cameras.csv"))
        ids, label = image_ids(table.need("image"), table.path), table.need("diagnosis")
        columns = {"domain": lower(table.need("camera")), "lesion": table.need("lesion")}
        return source_table(folder, table, ids=ids, raw_label=label, columns=columns)

    with pytest.raises(ValueError, match="no record has a column 'lesion': did you mean 'lesion_id'"):
        misspelt(scan_folder("two_cameras", write_raw(tmp_path / "raw")))
