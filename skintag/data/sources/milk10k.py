"""MILK10k: 5,240 lesions, each in a dermoscopic and a clinical close-up picture (MILK study team 2025)."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.data.catalog.records import SourceTable
from skintag.data.sources import cells
from skintag.data.sources.common import image_ids, prefixed, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.links import link
from skintag.data.sources.registry import source
from skintag.data.sources.table import MetadataTable, read_table

_DOMAINS: Final = {"clinical: close-up": "clinical", "dermoscopic": "dermoscopic"}
# What a class says of malignancy. AKIEC says nothing: it joins actinic keratosis with Bowen's disease.
CLASSES: Final[dict[str, str | None]] = {
    "AKIEC": None,
    **dict.fromkeys(("BCC", "MAL_OTH", "MEL", "SCCKA"), "malignant"),
    **dict.fromkeys(("BEN_OTH", "BKL", "DF", "INF", "NV", "VASC"), "benign"),
}


@source("milk10k", domains=["dermoscopic", "clinical"])
def read(folder: RawFolder) -> SourceTable:
    """Read the training set of MILK10k: its metadata, ground truth and supplement, and images called by `isic_id`.

    The diagnosis is `diagnosis_full` of the supplement, held against the class of the lesion row by row. The scale of
    skin tones is kept as it is, for it is not Fitzpatrick's. The `MONET_*` scores are not read: a model made them.

    Raises:
        DataError: one of the three files or a needed column is missing, an image or lesion is not in all of them, or a
            row makes no sense.
    """
    table = read_table(folder.need_table("milk10k*metadata*.csv", "*metadata*.csv"))
    supplement = read_table(folder.need_table("milk10k*supplement*.csv", "*supplement*.csv"))
    where, ids = table.path, image_ids(table.need("isic_id"), table.path)
    named = image_ids(supplement.need("isic_id"), supplement.path)
    further = link(ids, where, named, supplement.path)
    kind = table.need("image_type")
    cells.refuse(kind[kind.isna()], where, " or ".join(_DOMAINS))
    lesion = table.need("lesion_id")
    return source_table(
        folder,
        table,
        ids=ids,
        raw_label=further.carry(supplement.need("diagnosis_full")),
        malignancy=_malignancy_of_class(folder, lesion, table),
        columns={
            "domain": cells.translate(kind, _DOMAINS, where, " or ".join(_DOMAINS)).astype("str"),
            "lesion_id": prefixed(folder.dataset, lesion),
            "age": cells.ages(table.get("age_approx", "age"), where),
            "sex": cells.sexes(table.get("sex"), where),
            "site": cells.lower(table.get("site")),
            "skin_tone": cells.skin_tones(table.get("skin_tone_class"), where),
            "confirmation": cells.lower(further.carry(supplement.get("diagnosis_confirm_type"))),
        },
        notes=_altered(table),
    )


def _malignancy_of_class(folder: RawFolder, lesion: pd.Series, table: MetadataTable) -> pd.Series:
    """What the class of each image's lesion says of malignancy, text [n]; null where it says nothing."""
    truth = read_table(folder.need_table("milk10k*groundtruth*.csv", "*groundtruth*.csv"))
    classes = cells.one_hot(pd.DataFrame({name: truth.need(name) for name in CLASSES}), truth.path)
    of_lesion = link(lesion, table.path, truth.need("lesion_id"), truth.path)
    return of_lesion.carry(classes).map(CLASSES).astype("str").rename(f"class in {truth.path.name}")


def _altered(table: MetadataTable) -> tuple[str, ...]:
    """A note on pictures that were changed before they were published; they stay in."""
    altered = int(table.get("image_manipulation").str.lower().eq("altered").fillna(False).sum())
    return (f"{altered:,} images that the source calls altered are kept",) if altered else ()
