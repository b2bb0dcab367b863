"""HAM10000: 10,015 dermoscopic images of 7,470 lesions (Tschandl, Rosendahl and Kittler 2018)."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.data.catalog.records import SourceTable
from skintag.data.sources import archive, cells
from skintag.data.sources.common import image_ids, prefixed, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.links import link
from skintag.data.sources.registry import source
from skintag.data.sources.table import MetadataTable, read_table

TRUTH: Final = "isic2018_task3_training_groundtruth*.csv"
LESIONS: Final = "isic2018_task3_training_lesiongroupings*.csv"
CLASSES: Final = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
# the challenge's and the archive's words for `dx_type`
_CONFIRMED: Final = {
    "histopathology": "histo",
    "single image expert consensus": "consensus",
    "serial imaging showing no change": "follow_up",
    "confocal microscopy with consensus dermoscopy": "confocal",
}


@source("ham10000", domains=["dermoscopic"])
def read(folder: RawFolder) -> SourceTable:
    """Read HAM10000 from any of its layouts.

    The images may lie in `HAM10000_images_part_1` and `_2`, in one folder, or below the folder of a Kaggle
    download, which has many of them twice. The metadata file is Kaggle's CSV, or Harvard Dataverse's file,
    which comes with `.tab` or no suffix and has a further column `dataset`. Without it, the training files of ISIC
    2018 Task 3 (the same images: ground truth and lesion groupings, no ages, sexes and sites) are read, or an export
    of the ISIC archive, whose diagnoses part actinic keratosis from squamous cell carcinoma (both are `akiec` here).

    Raises:
        DataError: no metadata file, a needed column missing, or a row that makes no sense.
    """
    names = [f"ham10000_metadata{suffix}" for suffix in (".csv", ".tab", ".tsv", "", "*.csv")]
    own = folder.find_table(*names)
    if own is None and folder.find_table(TRUTH):
        return _challenge(folder)
    table = read_table(own or folder.need_table(*names, "*metadata*.csv"))
    if table.has("isic_id") and not table.has("image_id"):
        return _export(folder, table)
    where = table.path
    return source_table(
        folder,
        table,
        ids=image_ids(table.need("image_id"), where),
        raw_label=table.need("dx"),
        columns={
            "lesion_id": prefixed(folder.dataset, table.need("lesion_id")),
            "age": cells.ages(table.get("age"), where),
            "sex": cells.sexes(table.get("sex"), where),
            "site": cells.lower(table.get("localization")),
            "confirmation": cells.lower(table.get("dx_type")),
        },
    )


def _challenge(folder: RawFolder) -> SourceTable:
    """The training files of ISIC 2018 Task 3: a class per image, and the lesion that it shows."""
    truth, lesions = read_table(folder.need_table(TRUTH)), read_table(folder.need_table(LESIONS))
    ids = image_ids(truth.need("image"), truth.path)
    label = cells.one_hot(pd.DataFrame({name: truth.need(name) for name in CLASSES}), truth.path)
    of_image = link(ids, truth.path, image_ids(lesions.need("image"), lesions.path), lesions.path).carry
    return source_table(
        folder,
        truth,
        ids=ids,
        raw_label=label.str.lower(),
        columns={
            "lesion_id": prefixed(folder.dataset, of_image(lesions.need("lesion_id"))),
            "confirmation": of_image(_confirmed(lesions)),
        },
        notes=("read from ISIC 2018 Task 3, which has no age, sex and site",),
    )


def _export(folder: RawFolder, table: MetadataTable) -> SourceTable:
    """An export of the ISIC archive."""
    raw_label, malignancy = archive.diagnosis(table)
    return source_table(
        folder,
        table,
        ids=image_ids(table.need("isic_id"), table.path),
        raw_label=raw_label,
        malignancy=malignancy,
        columns={
            "lesion_id": prefixed(folder.dataset, table.need("lesion_id")),
            "age": cells.ages(table.get("age_approx", "age"), table.path),
            "sex": cells.sexes(table.get("sex"), table.path),
            "site": archive.site(table),
            "confirmation": _confirmed(table),
        },
        notes=("read from an export of the ISIC archive",),
    )


def _confirmed(table: MetadataTable) -> pd.Series:
    """How the diagnosis was confirmed, by the names of `dx_type` where it has one."""
    said = cells.lower(table.get("diagnosis_confirm_type"))
    return said.map(_CONFIRMED).fillna(said).astype("str")
