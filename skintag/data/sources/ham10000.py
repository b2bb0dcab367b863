"""HAM10000: 10,015 dermoscopic images of 7,470 lesions (Tschandl, Rosendahl and Kittler 2018)."""

from __future__ import annotations

from skintag.data.catalog.records import SourceTable
from skintag.data.sources import cells
from skintag.data.sources.common import image_ids, prefixed, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.registry import source
from skintag.data.sources.table import read_table


@source("ham10000", domains=["dermoscopic"])
def read(folder: RawFolder) -> SourceTable:
    """Read HAM10000 from any of its layouts.

    The images may lie in `HAM10000_images_part_1` and `_2`, in one folder, or below the folder of a Kaggle
    download, which has many of them twice. The metadata file is Kaggle's CSV, or Harvard Dataverse's file,
    which comes with `.tab` or no suffix and has a further column `dataset`.

    Raises:
        DataError: no metadata file, a needed column missing, or a row that makes no sense.
    """
    names = [f"ham10000_metadata{suffix}" for suffix in (".csv", ".tab", ".tsv", "", "*.csv")]
    table = read_table(folder.need_table(*names, "*metadata*.csv"))
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
