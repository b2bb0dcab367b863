"""The words of the field, each once: conditions, malignancy, domains, skin types, sexes, age bands, splits, models.

No more than tuples and an enumeration, so that everything may import it, a server without pandas included.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Condition(IntEnum):
    """The ten conditions of the taxonomy, and the eleventh of the extended one."""

    MELANOMA = 0
    BASAL_CELL_CARCINOMA = 1
    SQUAMOUS_CELL_CARCINOMA = 2
    ACTINIC_KERATOSIS = 3
    MELANOCYTIC_NEVUS = 4
    SEBORRHEIC_KERATOSIS = 5
    DERMATOFIBROMA = 6
    VASCULAR_LESION = 7
    NON_NEOPLASTIC = 8
    OTHER_UNKNOWN = 9
    OTHER_MALIGNANT = 10

    @property
    def slug(self) -> str:
        """Lower-case name as it stands in label tables, e.g. `melanoma`."""
        return self.name.lower()


CONDITIONS: Final = tuple(c.slug for c in Condition)
"""Names of the conditions, in the order of their numbers."""
MALIGNANCY: Final = ("benign", "premalignant", "malignant")
DOMAINS: Final = ("dermoscopic", "clinical", "smartphone")
SEXES: Final = ("female", "male")
SPLITS: Final = ("train", "val", "test")

FST_GROUP_OF: Final[dict[int, str]] = {1: "I-II", 2: "I-II", 3: "III-IV", 4: "III-IV", 5: "V-VI", 6: "V-VI"}
"""Fitzpatrick skin type -> its group."""
FST_GROUPS: Final = tuple(dict.fromkeys(FST_GROUP_OF.values()))
AGE_BANDS: Final[dict[str, float]] = {"<30": float("-inf"), "30-49": 30.0, "50-69": 50.0, "70+": 70.0}
"""Name -> the age in years that it begins at."""

HEAD: Final = "head"
"""The trained head, as the predictions table calls it beside the probes."""
FINETUNED: Final = "finetuned"
FROZEN: Final = "frozen"
FEATURES: Final = (FINETUNED, FROZEN)
"""Embeddings of the trained backbone, and of the one that training began with."""

RECALL_NOTE: Final = (
    "The search for near-duplicates does not find all of them. On Fitzpatrick17k, where its settings were chosen, it "
    "knows 264 of 267 pairs that other means found (99%: copies, close-ups, second photographs), of made copies with a "
    "watermark and a crop to 60-85% about 95%; crops that are mirrored as well are not looked for, and on other data "
    "its share has hardly been measured (experiments/near_duplicates)."
)
"""What a statement that no related images are on two sides is worth; stands beside it wherever it is made."""
