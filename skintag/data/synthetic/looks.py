"""How the lesions of each diagnosis look, as numbers that can be mixed.

`looks.csv` has a row per look. Its traits are what `lesion.draw_lesion` turns into maps:

* amounts of pigment: `melanin` (negative: lighter than the skin around), `blood`, `veil` (blue-white);
* surface: `keratin` (yellow-brown, waxy), `scale` (white flakes), `pearl` (shiny, with a rolled pale edge),
  `cysts` (milia-like white dots), `centre` (white centre), `ulcer` (dark red crust), `relief` (height);
* structure: `vessels` (arborising), `network` (pigment network), `dots`, `sharp` (edge), `patchy` (one lesion
  at 0, scattered patches at 1);
* the ABCD of the ABCDE rule (Friedman et al. 1985, CA Cancer J Clin 35:130): `asymmetry`, border
  `irregularity`, colour `variegation`, `diameter` in mm. Evolution does not show in one photograph.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TRAITS: Final = (
    "melanin", "blood", "keratin", "scale", "veil", "pearl", "vessels", "network", "dots", "cysts", "centre",
    "sharp", "relief", "ulcer", "patchy", "asymmetry", "irregularity", "variegation", "diameter",
)  # fmt: skip
CUES: Final = ("asymmetry", "irregularity", "variegation", "diameter")
DIAMETER_RANGE: Final = (2.0, 90.0)  # mm

_CUE_AT: Final = np.array([TRAITS.index(cue) for cue in CUES[:3]])
_MELANIN, _BLOOD, _DIAMETER = (TRAITS.index(name) for name in ("melanin", "blood", "diameter"))
# malignant lesions of every kind are a little more irregular (A, B, C) and larger (in log mm)
_CUE_SHIFT, _DIAMETER_SHIFT = 0.10, 0.15


@cache
def look_table() -> pd.DataFrame:
    """`looks.csv` indexed by look: `malignant` 0/1, mean `age` of patients in years, then TRAITS."""
    text = files("skintag.data.synthetic").joinpath("looks.csv").read_text(encoding="utf-8")
    table = pd.read_csv(StringIO(text), index_col="look")
    return table[["malignant", "age", *TRAITS]]


def draw_traits(looks: NDArray[np.object_], signal: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Traits of one lesion per look, float32 [n, len(TRAITS)].

    A lesion is its own look mixed with that of a random other one; `signal` scales the share of its own, so
    that at 0 nothing in the picture follows from the label and classes overlap at any other value.
    """
    table = look_table()
    values = table[list(TRAITS)].to_numpy(np.float64)
    values[:, _DIAMETER] = np.log(values[:, _DIAMETER])
    n = len(looks)
    own_at = table.index.get_indexer(pd.Index(looks))
    if (own_at < 0).any():
        raise ValueError(f"no look {looks[own_at < 0][0]!r} in looks.csv")
    other_at = rng.integers(0, len(table), n)
    share = np.clip(signal * rng.beta(1.8, 1.7, n), 0.0, 1.0)[:, None]
    mixed = share * values[own_at] + (1.0 - share) * values[other_at]
    suspicious = table["malignant"].to_numpy()[own_at] * 2.0 - 1.0
    mixed[:, _CUE_AT] += signal * _CUE_SHIFT * suspicious[:, None] + rng.normal(0.0, 0.13, (n, 3))
    mixed[:, _DIAMETER] += signal * _DIAMETER_SHIFT * suspicious + rng.normal(0.0, 0.35, n)
    mixed[:, _MELANIN] *= rng.lognormal(0.0, 0.25, n)
    mixed[:, _BLOOD] *= rng.lognormal(0.0, 0.25, n)
    diameter = np.clip(np.exp(mixed[:, _DIAMETER]), *DIAMETER_RANGE)
    clipped = np.clip(mixed, 0.0, 1.0)
    clipped[:, _MELANIN] = np.clip(mixed[:, _MELANIN], -0.6, 2.2)
    clipped[:, _BLOOD] = np.clip(mixed[:, _BLOOD], 0.0, 1.8)
    clipped[:, _DIAMETER] = diameter
    return clipped.astype(np.float32)
