"""PAD-UFES-20: 2,298 smartphone images of 1,373 patients from Espirito Santo (Pacheco et al. 2020)."""

from __future__ import annotations

from skintag.core.bands import fst_group_of
from skintag.data.catalog.records import SourceTable
from skintag.data.sources import cells
from skintag.data.sources.common import image_ids, prefixed, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.registry import source
from skintag.data.sources.table import read_table


@source("pad_ufes_20", domains=["smartphone"])
def read(folder: RawFolder) -> SourceTable:
    """Read PAD-UFES-20: `metadata.csv`, and PNGs in one folder or in `imgs_part_1` to `_3`, nested or not.

    The file spells `fitspatrick` and `biopsed` so. Lesion numbers repeat between patients: a lesion is known
    by patient and number together.

    Raises:
        DataError: no metadata file, a needed column missing, or a row that makes no sense.
    """
    table = read_table(folder.need_table("metadata.csv", "pad*ufes*.csv", "*metadata*.csv"))
    where = table.path
    patient = table.need("patient_id")
    fitzpatrick = cells.skin_types(table.need("fitspatrick", "fitzpatrick"), where)
    biopsied = cells.flags(table.get("biopsed", "biopsied"), where)
    return source_table(
        folder,
        table,
        ids=image_ids(table.need("img_id"), where),
        raw_label=table.need("diagnostic", "diagnosis"),
        columns={
            "patient_id": prefixed(folder.dataset, patient),
            "lesion_id": prefixed(folder.dataset, patient, table.need("lesion_id")),
            "age": cells.ages(table.get("age"), where),
            "sex": cells.sexes(table.get("gender", "sex"), where),
            "site": cells.lower(table.get("region")),
            "confirmation": biopsied.map({True: "biopsy", False: "no biopsy"}),
            "fitzpatrick": fitzpatrick,
            "fst_group": fst_group_of(fitzpatrick),
        },
    )
