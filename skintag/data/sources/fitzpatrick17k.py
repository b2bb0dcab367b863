"""Fitzpatrick17k: 16,577 clinical photos of two web atlases, with skin types (Groh et al. 2021)."""

from __future__ import annotations

from skintag.core.bands import fst_group_of
from skintag.data.catalog.records import SourceTable
from skintag.data.sources import cells
from skintag.data.sources.common import image_ids, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.registry import source
from skintag.data.sources.table import MetadataTable, read_table

_PARTITION = {"malignant": "malignant", "benign": "benign", "non-neoplastic": "benign"}


@source("fitzpatrick17k", domains=["clinical"])
def read(folder: RawFolder) -> SourceTable:
    """Read Fitzpatrick17k: its CSV, and images called by their MD5, with any suffix, in any folder.

    The skin type is the first annotators' (`fitzpatrick_scale`, or `fitzpatrick` in the first release). The
    images have no patient or lesion id.

    Raises:
        DataError: no metadata file, a needed column missing, or a row that makes no sense.
    """
    table = read_table(folder.need_table("fitzpatrick17k.csv", "fitzpatrick*17k*.csv"))
    where = table.path
    partition = table.need("three_partition_label")
    fitzpatrick = cells.skin_types(table.need("fitzpatrick_scale", "fitzpatrick"), where)
    return source_table(
        folder,
        table,
        ids=image_ids(cells.lower(table.need("md5hash")), where),
        raw_label=table.need("label"),
        malignancy=cells.translate(partition, _PARTITION, where, " or ".join(_PARTITION)).astype("str"),
        columns={"fitzpatrick": fitzpatrick, "fst_group": fst_group_of(fitzpatrick)},
        notes=_quality_notes(table),
    )


def _quality_notes(table: MetadataTable) -> tuple[str, ...]:
    """The source checked 504 images; those it calls wrongly labelled stay in, and are counted."""
    wrong = int(table.get("qc").str.startswith("3").fillna(False).sum())
    return (f"{wrong:,} rows that the source's own check calls wrongly labelled are kept",) if wrong else ()
