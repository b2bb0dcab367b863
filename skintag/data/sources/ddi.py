"""DDI, Diverse Dermatology Images: 656 clinical photos by skin tone (Daneshjou et al. 2022)."""

from __future__ import annotations

import pandas as pd

from skintag.data.catalog.records import SourceTable
from skintag.data.sources import cells
from skintag.data.sources.common import image_ids, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.registry import source
from skintag.data.sources.table import read_table


@source("ddi", domains=["clinical"])
def read(folder: RawFolder) -> SourceTable:
    """Read DDI: `ddi_metadata.csv` and PNGs called `000001.png` and so on.

    Skin tone is known as a pair of Fitzpatrick types only: `fst_group` is set and `fitzpatrick` stays null.
    Every diagnosis of DDI was confirmed by pathology, as its paper says.

    Raises:
        DataError: no metadata file, a needed column missing, or a row that makes no sense.
    """
    table = read_table(folder.need_table("ddi_metadata.csv", "ddi*.csv", "*metadata*.csv"))
    where = table.path
    malignant = cells.flags(table.need("malignant"), where)
    return source_table(
        folder,
        table,
        ids=image_ids(table.need("DDI_file"), where),
        raw_label=table.need("disease"),
        malignancy=malignant.map({True: "malignant", False: "benign"}).astype("str").rename("malignant"),
        columns={
            "fst_group": cells.skin_tone_groups(table.need("skin_tone"), where),
            "confirmation": pd.Series("histopathology", index=malignant.index),
        },
    )
