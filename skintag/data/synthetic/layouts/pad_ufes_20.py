"""PAD-UFES-20 (Pacheco et al. 2020): 26 columns, several lesions per patient, skin type often missing."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.synthetic.layouts.base import Layout, Tables, ages, draw, per_lesion

COLUMNS: Final = (
    "patient_id", "lesion_id", "smoke", "drink", "background_father", "background_mother", "age", "pesticide",
    "gender", "skin_cancer_history", "cancer_history", "has_piped_water", "has_sewage_system", "fitspatrick",
    "region", "diameter_1", "diameter_2", "diagnostic", "itch", "grew", "hurt", "changed", "bleed",
    "elevation", "img_id", "biopsed",
)  # fmt: skip

# share of rows without an interview (and so without skin type), and of interviewed ones that were biopsied
_NO_INTERVIEW: Final = {"ACK": 447 / 730, "NEV": 169 / 244, "SEK": 188 / 235}
_BIOPSED: Final = {"ACK": 178 / 283, "NEV": 60 / 75, "SEK": 15 / 47, "BCC": 1.0, "SCC": 1.0, "MEL": 1.0}
_SHARED_NUMBERS: Final = 250 / 1891  # lesions whose number another patient's lesion has too
_MEAN_MORE_LESIONS, _MEAN_MORE_PHOTOS = 1891 / 1373 - 1, 2298 / 1891 - 1
_TONES: Final = np.array([153.0, 876.0, 392.0, 62.0, 10.0, 1.0])
_YES_SHARE: Final = {
    "smoke": 202 / 1494, "drink": 368 / 1494, "pesticide": 597 / 1494, "skin_cancer_history": 681 / 1494,
    "cancer_history": 779 / 1494, "has_piped_water": 923 / 1494, "has_sewage_system": 846 / 1494,
}  # fmt: skip
_ANCESTRY: Final = {
    "POMERANIA": 530,
    "GERMANY": 466,
    "ITALY": 250,
    "UNK": 95,
    "BRAZIL": 89,
    "NETHERLANDS": 19,
    "": 14,
}
_REGIONS: Final = {
    "FACE": 570, "FOREARM": 392, "CHEST": 280, "BACK": 248, "ARM": 192, "NOSE": 158, "HAND": 126, "NECK": 93,
    "THIGH": 73, "EAR": 73, "ABDOMEN": 36, "LIP": 23, "SCALP": 18, "FOOT": 16,
}  # fmt: skip
_COMPLAINTS: Final = {
    "itch": {"True": 1455, "False": 837, "UNK": 6}, "grew": {"False": 971, "True": 925, "UNK": 402},
    "hurt": {"False": 1891, "True": 397, "UNK": 10}, "changed": {"False": 1700, "UNK": 396, "True": 202},
    "bleed": {"False": 1678, "True": 614, "UNK": 6}, "elevation": {"True": 1433, "False": 863, "UNK": 2},
}  # fmt: skip


def _photos_per_lesion(label: str, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return 1 + rng.poisson(_MEAN_MORE_PHOTOS, n)


def _patients(lesions: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Adds `interviewed` by label (rounded within each) and `patient`; nobody is half interviewed."""
    interviewed = np.ones(len(lesions), bool)
    for label, share in _NO_INTERVIEW.items():
        rows = rng.permutation(np.flatnonzero(lesions["label"] == label))
        interviewed[rows[: round(share * len(rows))]] = False
    patient = np.zeros(len(lesions), np.int64)
    for answer in (True, False):
        rows = rng.permutation(np.flatnonzero(interviewed == answer))
        starts = np.zeros(len(rows), np.int64)
        sizes = 1 + rng.poisson(_MEAN_MORE_LESIONS, len(rows))
        starts[np.cumsum(sizes)[np.cumsum(sizes) < len(rows)]] = 1
        patient[rows] = np.cumsum(starts) + (patient.max() + 1 if answer is False else 0)
    return lesions.assign(interviewed=interviewed, patient=patient)


def _of_patients(photos: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The answers of the interview, a row per photograph; blank without one."""
    people = photos.drop_duplicates("patient").reset_index(drop=True)
    n = len(people)
    names = rng.permutation(np.arange(4, 4 + n))
    answers = pd.DataFrame({
        "patient_id": [f"PAT_{name}" for name in names],
        **{column: np.where(rng.random(n) < share, "True", "False") for column, share in _YES_SHARE.items()},
        "background_father": draw(rng, _ANCESTRY, n),
        "background_mother": draw(rng, _ANCESTRY, n),
        "gender": draw(rng, {"FEMALE": 753, "MALE": 741}, n),
        "fitspatrick": people["fitzpatrick"].map("{:.1f}".format),
    })  # fmt: skip
    answers.loc[~people["interviewed"], answers.columns != "patient_id"] = ""
    answers["age"] = ages(people["look"], rng, spread=12.0).round().astype(int)
    at = pd.Index(people["patient"]).get_indexer(pd.Index(photos["patient"]))
    return answers.iloc[at].reset_index(drop=True)


def _lesion_numbers(lesions: pd.DataFrame, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers that are unique within a patient only, as in the public metadata."""
    numbers = rng.permutation(np.arange(50, 50 + len(lesions)))
    pairs = rng.permutation(len(lesions))[: 2 * round(_SHARED_NUMBERS * len(lesions))].reshape(2, -1)
    patient = lesions["patient"].to_numpy()
    pairs = pairs[:, patient[pairs[0]] != patient[pairs[1]]]
    numbers[pairs[1]] = numbers[pairs[0]]
    return numbers


def _of_lesions(photos: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    lesions, at = per_lesion(photos)
    n = len(lesions)
    long = np.rint(lesions["diameter"] * rng.lognormal(0.0, 0.2, n)).clip(lower=1)
    short = np.rint(long * rng.uniform(0.55, 1.0, n)).clip(lower=1)
    biopsed = lesions["interviewed"] & (rng.random(n) < lesions["label"].map(_BIOPSED))
    facts = pd.DataFrame({
        "lesion_id": _lesion_numbers(lesions, rng),
        "region": draw(rng, _REGIONS, n),
        "diameter_1": long.map("{:.1f}".format).where(lesions["interviewed"], ""),
        "diameter_2": short.map("{:.1f}".format).where(lesions["interviewed"], ""),
        "diagnostic": lesions["label"],
        **{column: draw(rng, weights, n) for column, weights in _COMPLAINTS.items()},
        "biopsed": biopsed.astype(str),
    })  # fmt: skip
    return facts.iloc[at].reset_index(drop=True)


def _build(photos: pd.DataFrame, rng: np.random.Generator) -> Tables:
    metadata = pd.concat([_of_patients(photos, rng), _of_lesions(photos, rng)], axis=1)
    n = len(photos)
    numbers = rng.choice(np.arange(1, max(1000, 2 * n)), n, replace=False)
    own = (
        metadata["patient_id"]
        + "_"
        + metadata["lesion_id"].astype(str)
        + "_"
        + pd.Series(numbers).astype(str)
    )
    metadata["img_id"] = own + ".png"
    files: list[str | None] = [
        f"images/imgs_part_{1 + 3 * row // n}/{name}.png" for row, name in enumerate(own.tolist())
    ]
    return Tables(metadata[list(COLUMNS)], own.tolist(), files)


LAYOUT: Final = Layout(
    domain="smartphone",
    csv_name="metadata.csv", picture_size=(512, 500), shape_spread=0.08, photos_per_lesion=_photos_per_lesion,
    tone_weights=lambda lesions: np.tile(_TONES, (len(lesions), 1)), build=_build, patients=_patients,
)  # fmt: skip
