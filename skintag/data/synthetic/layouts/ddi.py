"""DDI (Daneshjou et al. 2022): skin tone in pairs of Fitzpatrick types, PNGs in `images/`."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.synthetic.layouts.base import Layout, Tables, one_photo

_PAIRS: Final = {1: 12, 2: 12, 3: 34, 4: 34, 5: 56, 6: 56}
# images by pair of types (I-II, III-IV, V-VI). Tone is confounded with diagnosis in the real set: of the 48
# malignant V-VI images 32 are neither melanoma nor carcinoma and none is a basal cell carcinoma.
_BENIGN: Final = (159.0, 167.0, 159.0)
_BY_LOOK: Final = {
    "bcc": (22.0, 27.0, 0.0), "scc": (14.0, 30.0, 9.0), "melanoma": (6.0, 8.0, 7.0),
    "lymphoma": (3.0, 4.0, 26.0), "kaposi": (1.0, 1.0, 4.0), "metastasis": (3.0, 4.0, 2.0),
}  # fmt: skip
_WITHIN_PAIR: Final = np.array([0.35, 0.65, 0.6, 0.4, 0.65, 0.35])


def _tone_weights(lesions: pd.DataFrame) -> NDArray[np.float64]:
    pairs = np.array([_BY_LOOK.get(look, _BENIGN) for look in lesions["look"]])
    return np.repeat(pairs, 2, axis=1) * _WITHIN_PAIR


def _build(photos: pd.DataFrame, rng: np.random.Generator) -> Tables:
    ids = [f"{number:06d}" for number in range(1, len(photos) + 1)]
    metadata = pd.DataFrame({
        "": range(len(photos)),
        "DDI_ID": range(1, len(photos) + 1),
        "DDI_file": [f"{name}.png" for name in ids],
        "skin_tone": photos["fitzpatrick"].map(_PAIRS).to_numpy(),
        "malignant": (photos["malignancy"] == "malignant").astype(str).to_numpy(),
        "disease": photos["label"].to_numpy(),
    })  # fmt: skip
    return Tables(metadata, ids, [f"images/{name}.png" for name in ids])


LAYOUT: Final = Layout(
    domain="clinical",
    csv_name="ddi_metadata.csv", picture_size=(480, 512), shape_spread=0.12, photos_per_lesion=one_photo,
    tone_weights=_tone_weights, build=_build,
)  # fmt: skip
