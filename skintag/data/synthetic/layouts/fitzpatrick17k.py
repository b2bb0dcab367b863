"""Fitzpatrick17k (Groh et al. 2021): md5 names, two readings of skin type, dead links, copies."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.synthetic.layouts.base import Layout, Tables, draw, one_photo

_MISSING_IMAGES: Final = 0.02
_NO_TYPE, _NO_CENTAUR, _NO_URL = 565 / 16577, 1073 / 16577, 41 / 16577
_QC: Final = {
    "": 16073, "1 Diagnostic": 348, "5 Potentially": 97, "2 Characteristic": 32,
    "3 Wrongly labelled": 17, "4 Other": 10,
}  # fmt: skip
# types I..VI by three_partition_label, in the public metadata
_TONES: Final = {
    "benign": (444, 671, 475, 367, 159, 44),
    "malignant": (453, 742, 456, 301, 147, 61),
    "non-neoplastic": (2050, 3395, 2377, 2113, 1227, 530),
}
_READING_ERROR: Final = {0: 0.86, -1: 0.07, 1: 0.07}
_CENTAUR_ERROR: Final = {0: 0.50, -1: 0.32, 1: 0.11, -2: 0.07}  # the crowd reads lighter than the experts


def _three_partition(nine: pd.Series) -> pd.Series:
    first = nine.str.split(" ").str[0]
    return first.where(first.isin(["benign", "malignant"]), "non-neoplastic")


def _tone_weights(lesions: pd.DataFrame) -> NDArray[np.float64]:
    return np.array([_TONES[three] for three in _three_partition(lesions["partition"])], np.float64)


def _reading(
    types: pd.Series, errors: dict[int, float], unknown: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    read = np.clip(types.to_numpy(np.int64) + draw(rng, errors, len(types)).astype(np.int64), 1, 6)
    return np.where(rng.random(len(types)) < unknown, -1, read)


def _build(photos: pd.DataFrame, rng: np.random.Generator) -> Tables:
    n = len(photos)
    salt = rng.bytes(8).hex()
    ids = [hashlib.md5(f"{salt}/{row}".encode(), usedforsecurity=False).hexdigest() for row in range(n)]
    slug = photos["label"].str.replace(" ", "-")
    urls = [
        f"https://atlas.example/images/{name[0]}/{name}/{name}{row}.jpg"
        for row, name in enumerate(slug.tolist(), 1)
    ]
    metadata = pd.DataFrame({
        "md5hash": ids,
        "fitzpatrick_scale": _reading(photos["fitzpatrick"], _READING_ERROR, _NO_TYPE, rng),
        "fitzpatrick_centaur": _reading(photos["fitzpatrick"], _CENTAUR_ERROR, _NO_CENTAUR, rng),
        "label": photos["label"].to_numpy(),
        "nine_partition_label": photos["partition"].to_numpy(),
        "three_partition_label": _three_partition(photos["partition"]).to_numpy(),
        "qc": draw(rng, _QC, n),
        "url": np.where(rng.random(n) < _NO_URL, "", urls),
        "url_alphanum": ["".join(c for c in url if c.isalnum()) + ".jpg" for url in urls],
    })  # fmt: skip
    gone = set(rng.choice(n, max(1, round(_MISSING_IMAGES * n)), replace=False).tolist())
    files = [None if row in gone else f"images/{name}.jpg" for row, name in enumerate(ids)]
    return Tables(metadata, ids, files)


LAYOUT: Final = Layout(
    domain="clinical",
    csv_name="fitzpatrick17k.csv", picture_size=(448, 520), shape_spread=0.22, photos_per_lesion=one_photo,
    tone_weights=_tone_weights, build=_build, copies=0.11,
)  # fmt: skip
