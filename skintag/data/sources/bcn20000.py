"""BCN20000: 18,946 dermoscopic images in the ISIC archive's export (Hernandez-Perez et al. 2024).

Three ways to get it are read: the archive's present export (`diagnosis_1` to `diagnosis_3`), an older one
or the authors' own file (`diagnosis`), and the training files of the ISIC 2019 challenge (see `isic2019`).
"""

from __future__ import annotations

from skintag.core.bands import fst_group_of
from skintag.data.catalog.records import SourceTable
from skintag.data.sources import archive, cells, isic2019
from skintag.data.sources.common import image_ids, prefixed, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.registry import source
from skintag.data.sources.table import read_table


@source("bcn20000", domains=["dermoscopic"])
def read(folder: RawFolder) -> SourceTable:
    """Read BCN20000 from an export of the archive or, where there is none, from ISIC 2019's files.

    Rows without a diagnosis are kept: condition and malignancy are null.

    Raises:
        DataError: no metadata file, a needed column missing, or a row that makes no sense.
    """
    own = folder.find_table("bcn20000*metadata*.csv", "bcn_20k_train*.csv", "bcn*.csv")
    if own is None and folder.find_table(isic2019.GROUND_TRUTH):
        return isic2019.read(folder)
    table = read_table(own or folder.need_table("bcn20000*metadata*.csv", "*metadata*.csv"))
    where = table.path
    raw_label, malignancy = archive.diagnosis(table)
    fitzpatrick = cells.skin_types(table.get("fitzpatrick_skin_type"), where)
    return source_table(
        folder,
        table,
        ids=image_ids(table.need("isic_id", "image_name", "image", "bcn_filename"), where),
        raw_label=raw_label,
        malignancy=malignancy,
        columns={
            "lesion_id": prefixed(folder.dataset, table.need("lesion_id")),
            "patient_id": prefixed(folder.dataset, table.get("patient_id")),
            "age": cells.ages(table.get("age_approx", "age"), where),
            "sex": cells.sexes(table.get("sex"), where),
            "site": archive.site(table),
            "confirmation": cells.lower(table.get("diagnosis_confirm_type")),
            "fitzpatrick": fitzpatrick,
            "fst_group": fst_group_of(fitzpatrick),
        },
    )
