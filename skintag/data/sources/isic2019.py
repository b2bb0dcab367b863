"""The training files of the ISIC 2019 challenge, as a way to get BCN20000.

The challenge mixes BCN20000 with HAM10000 and MSK images, so only lesions called `BCN_...` are taken. Its
nine classes are coarser than the archive's diagnoses: solar lentigines, for one, are in BKL.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.data.catalog.records import SourceTable
from skintag.data.sources import cells
from skintag.data.sources.common import image_ids, prefixed, source_table
from skintag.data.sources.folder import RawFolder
from skintag.data.sources.links import link
from skintag.data.sources.table import MetadataTable, read_table

GROUND_TRUTH: Final = "isic_2019_training_groundtruth*.csv"
METADATA: Final = "isic_2019_training_metadata*.csv"
CLASSES: Final = ("MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK")


def read(folder: RawFolder) -> SourceTable:
    """Read the images of BCN20000 that are in the training set of ISIC 2019.

    Ids lose the suffix `_downsampled`; the files are found with or without it.

    Raises:
        DataError: one of the two files or a needed column is missing, an image has no label, or a row of
            labels is not one-hot.
    """
    truth = read_table(folder.need_table(GROUND_TRUTH))
    table = read_table(folder.need_table(METADATA))
    lesion = table.need("lesion_id")
    ours = lesion.str.startswith("BCN_").fillna(False).astype(bool)
    if not ours.any():
        raise DataError(
            table.path,
            expected="lesion ids that start with BCN_",
            found=f"none in {len(lesion):,} rows, but {first_few(list(lesion.dropna().unique()), 3)}",
            fix="use the challenge's own training metadata",
        )
    table = table.keep(ours)
    ids = _ids(table)
    note = f"read from ISIC 2019; {int((~ours).sum()):,} rows that are not BCN20000's left out"
    return source_table(
        folder,
        table,
        ids=ids,
        raw_label=_labels(truth, ids, table),
        columns={
            "lesion_id": prefixed(folder.dataset, table.need("lesion_id")),
            "age": cells.ages(table.get("age_approx", "age"), table.path),
            "sex": cells.sexes(table.get("sex"), table.path),
            "site": cells.lower(table.get("anatom_site_general")),
        },
        notes=(note,),
    )


def _ids(table: MetadataTable) -> pd.Series:
    """Image ids of either file, text [n], without `_downsampled`."""
    return image_ids(table.need("image").str.replace("_downsampled", ""), table.path)


def _labels(truth: MetadataTable, ids: pd.Series, table: MetadataTable) -> pd.Series:
    """The class of each image, text [n], in the order and with the index of `ids`."""
    columns = pd.DataFrame({name: truth.need(name) for name in CLASSES})
    label = cells.one_hot(columns, truth.path)
    return link(ids, table.path, _ids(truth), truth.path).carry(label)
