"""BCN20000 (Hernandez-Perez et al. 2024) as the ISIC archive exports it now (`diagnosis_1..3`)."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.synthetic.layouts.base import Layout, Tables, ages, draw, per_lesion

FIRST_IMAGE: Final = 53453
COLUMNS: Final = (
    "isic_id", "attribution", "copyright_license", "age_approx", "anatom_site_general", "anatom_site_special",
    "concomitant_biopsy", "diagnosis_1", "diagnosis_2", "diagnosis_3", "diagnosis_confirm_type", "image_type",
    "lesion_id", "melanocytic", "sex",
)  # fmt: skip

_MEAN_PHOTOS: Final = 3.3
_MEAN_PHOTOS_OF: Final = {"Melanoma, NOS": 5.76, "Basal cell carcinoma": 2.82, "Melanoma metastasis": 2.76}
_MOST_PHOTOS: Final = 31
_SITES: Final = {
    "anterior torso": 7369, "head/neck": 4961, "lower extremity": 3616, "upper extremity": 1934,
    "palms/soles": 670, "": 297, "oral/genital": 99,
}  # fmt: skip
_SPECIAL: Final = {"palms/soles": "acral palms or soles", "oral/genital": "oral or genital"}
_CONFIRMED: Final = {"histopathology": 14196, "": 3506, "confocal microscopy with consensus dermoscopy": 1244}
_SEXES: Final = {"male": 9840, "female": 8989, "": 117}
# not published; a mostly light-skinned Catalan population
_TONES: Final = np.array([0.10, 0.42, 0.36, 0.09, 0.02, 0.01])


def _photos_per_lesion(label: str, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.minimum(rng.geometric(1 / _MEAN_PHOTOS_OF.get(label, _MEAN_PHOTOS), n), _MOST_PHOTOS)


def _build(photos: pd.DataFrame, rng: np.random.Generator) -> Tables:
    lesions, at = per_lesion(photos)
    n = len(lesions)
    parts = lesions["partition"].str.partition("|")
    site = pd.Series(draw(rng, _SITES, n))
    confirmed = np.where(lesions["label"] == "Melanoma, NOS", "histopathology", draw(rng, _CONFIRMED, n))
    melanocytic = parts[2].str.contains("melanocytic").astype(str).where(parts[2] != "", "")
    age = np.minimum(5 * np.rint(ages(lesions["look"], rng) / 5), 85).astype(int).astype(str)
    facts = pd.DataFrame({
        "attribution": "Hospital Clínic de Barcelona",
        "copyright_license": "CC-BY-NC",
        "age_approx": np.where(rng.random(n) < 121 / 18946, "", age),
        "anatom_site_general": site,
        "anatom_site_special": site.map(_SPECIAL).fillna(""),
        "concomitant_biopsy": (confirmed == "histopathology").astype(str),
        "diagnosis_1": parts[0],
        "diagnosis_2": parts[2],
        "diagnosis_3": lesions["label"],
        "diagnosis_confirm_type": confirmed,
        "image_type": "dermoscopic",
        "lesion_id": [f"IL_{number:07d}" for number in rng.choice(10_000_000, n, replace=False)],
        "melanocytic": melanocytic,
        "sex": draw(rng, _SEXES, n),
    })  # fmt: skip
    ids = [f"ISIC_{FIRST_IMAGE + number:07d}" for number in range(len(photos))]
    metadata = facts.iloc[at].reset_index(drop=True).assign(isic_id=ids)[list(COLUMNS)]
    return Tables(metadata, ids, [f"images/{name}.jpg" for name in ids])


LAYOUT: Final = Layout(
    domain="dermoscopic", csv_name="bcn20000_metadata.csv", picture_size=(512, 512), shape_spread=0.0,
    photos_per_lesion=_photos_per_lesion, tone_weights=lambda lesions: np.tile(_TONES, (len(lesions), 1)),
    build=_build,
)  # fmt: skip
