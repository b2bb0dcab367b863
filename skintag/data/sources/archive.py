"""What exports of the ISIC archive have in common: three levels of diagnosis, and sites of the body."""

from __future__ import annotations

from typing import Final

import pandas as pd

from skintag.data.sources import cells
from skintag.data.sources.table import MetadataTable

_MALIGNANCY: Final = {"benign": "benign", "malignant": "malignant", "indeterminate": "premalignant"}
# exports of 2026 give up to five levels; their first two by the names that `anatom_site_general` had
_SITES: Final = {
    "head and neck": "head/neck",
    "anterior trunk": "anterior torso",
    "posterior trunk": "posterior torso",
    "lateral trunk": "lateral torso",
}
_LEVELS: Final = ("anatom_site_1", "anatom_site_2")


def diagnosis(table: MetadataTable) -> tuple[pd.Series, pd.Series]:
    """Raw label, and malignancy by the archive's own column, each text [n].

    In the present export the third level is the diagnosis; where it is empty (all vascular lesions) the
    level above it stands in. Older exports call some malignancies `indeterminate/benign`: that is no
    statement to hold a label against.
    """
    if table.has("diagnosis_3") or not table.has("diagnosis"):
        levels = [table.get("diagnosis_1"), table.get("diagnosis_2"), table.need("diagnosis_3", "diagnosis")]
        label = levels[2].fillna(levels[1]).fillna(levels[0])
        said = cells.translate(levels[0], _MALIGNANCY, table.path, "Benign, Malignant or Indeterminate")
        return label, said.astype("str")
    said = table.get("benign_malignant")
    return table.need("diagnosis"), said.where(said.str.lower().isin(["benign", "malignant"])).str.lower()


def site(table: MetadataTable) -> pd.Series:
    """Lower-case site of the body, text [n]: `anatom_site_general`, or what the levels that replaced it say.

    The second level stands where an older export distinguished as much (the sides of the trunk), else the first; a
    special site (palms, mucosa) where there is neither.
    """
    if table.has("anatom_site_general") or not table.has(*_LEVELS):
        return cells.lower(table.get("anatom_site_general"))
    region, part = (cells.lower(table.get(name)) for name in _LEVELS)
    known = part.map(_SITES).fillna(region.map(_SITES)).fillna(region)
    special = cells.lower(table.need("anatom_site_special")) if table.has("anatom_site_special") else known
    return known.fillna(special).astype("str")
