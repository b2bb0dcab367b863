"""HAM10000 (Tschandl et al. 2018) as its archive unpacks: one CSV, two folders of JPEGs."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.synthetic.layouts.base import Layout, Tables, ages, draw, per_lesion

FIRST_IMAGE: Final = 24306  # ISIC archive number of the first image

# mean photographs per lesion, and rows by kind of confirmation, in the public metadata
_PHOTOS: Final = {"mel": 1.81, "bcc": 1.57, "akiec": 1.43, "nv": 1.24, "bkl": 1.51, "df": 1.58, "vasc": 1.45}
_CONFIRMED: Final = {
    "akiec": {"histo": 327}, "bcc": {"histo": 514}, "mel": {"histo": 1113},
    "bkl": {"confocal": 69, "consensus": 264, "histo": 766}, "df": {"consensus": 60, "histo": 55},
    "nv": {"consensus": 503, "follow_up": 3704, "histo": 2498}, "vasc": {"consensus": 75, "histo": 67},
}  # fmt: skip
_SITES: Final = {
    "back": 2192, "lower extremity": 2077, "trunk": 1404, "upper extremity": 1118, "abdomen": 1022,
    "face": 745, "chest": 407, "foot": 319, "unknown": 234, "neck": 168, "scalp": 128, "hand": 90,
    "ear": 56, "genital": 48, "acral": 7,
}  # fmt: skip
_SEXES: Final = {"male": 5406, "female": 4552, "unknown": 57}
# not published; a mostly light-skinned Austrian and Australian population
_TONES: Final = np.array([0.18, 0.47, 0.27, 0.06, 0.015, 0.005])


def _photos_per_lesion(label: str, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return 1 + rng.poisson(_PHOTOS[label] - 1, n)


def _build(photos: pd.DataFrame, rng: np.random.Generator) -> Tables:
    lesions, at = per_lesion(photos)
    n = len(lesions)
    age = np.minimum(5 * np.rint(ages(lesions["look"], rng) / 5), 85)
    facts = pd.DataFrame({
        "lesion_id": [f"HAM_{number:07d}" for number in rng.permutation(n)],
        "dx": lesions["label"],
        "dx_type": [draw(rng, _CONFIRMED[label], 1)[0] for label in lesions["label"]],
        "age": np.where(rng.random(n) < 57 / 10015, "", [f"{a:.1f}" for a in age]),
        "sex": draw(rng, _SEXES, n),
        "localization": draw(rng, _SITES, n),
    })  # fmt: skip
    ids = [f"ISIC_{FIRST_IMAGE + number:07d}" for number in rng.permutation(len(photos))]
    half = sorted(ids)[(len(ids) - 1) // 2]
    metadata = facts.iloc[at].reset_index(drop=True)
    metadata.insert(1, "image_id", ids)
    files: list[str | None] = [f"HAM10000_images_part_{1 if name <= half else 2}/{name}.jpg" for name in ids]
    return Tables(metadata, ids, files)


LAYOUT: Final = Layout(
    domain="dermoscopic", csv_name="HAM10000_metadata.csv", picture_size=(450, 600), shape_spread=0.0,
    photos_per_lesion=_photos_per_lesion, tone_weights=lambda lesions: np.tile(_TONES, (len(lesions), 1)),
    build=_build,
)  # fmt: skip
