"""What is drawn: every lesion and photograph decided before the first pixel.

Each decision has a random stream of its own, so that a knob changes what it promises and nothing else: the
same lesions, tones and metadata come with and without the shortcut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.hashing import content_key, hash_strings, uniform_from_strings
from skintag.data.synthetic.layouts import LAYOUTS, Layout, Tables
from skintag.data.synthetic.looks import CUES, TRAITS, draw_traits
from skintag.data.synthetic.scene import Photo
from skintag.data.synthetic.settings import SyntheticSettings
from skintag.data.synthetic.skin import draw_ita
from skintag.data.synthetic.vocabulary import LEAST_ROWS_PER_LABEL, rows_per_cell, vocabulary

RULER_RATE: Final = 0.30  # of dermoscopic photographs without the shortcut
CLINICAL_RULER_RATE: Final = 0.10  # elsewhere, whatever the label


@dataclass(frozen=True)
class Corpus:
    """One dataset as planned, before any picture is drawn."""

    dataset: str
    """Its name, one of `LAYOUTS`."""
    photos: pd.DataFrame
    """A row per metadata row: label, partition, malignancy, look, drawn_label, drawn_look, drawn_malignancy,
    fitzpatrick (1..6), ita, ruler, lesion, patient, view, copy_of (row or -1), CUES, height, width, seeds."""
    traits: NDArray[np.float32]
    """[n, len(TRAITS)]"""
    tables: Tables
    """What the publisher would have written."""


def rng_of(*parts: object) -> np.random.Generator:
    """A random stream named by its parts."""
    return np.random.default_rng(int(content_key(*parts), 16))


def plan_corpus(dataset: str, rows: int, settings: SyntheticSettings) -> Corpus:
    """Plan `rows` metadata rows of a dataset; a pure function of its arguments."""
    layout, seed = LAYOUTS[dataset], settings.seed
    unique = rows - round(layout.copies * rows)
    lesions = _lesions(dataset, layout, unique, seed)
    if layout.patients is None:
        lesions["patient"] = np.arange(len(lesions))
    else:
        lesions = layout.patients(lesions, rng_of(seed, dataset, "patients"))
    lesions = _tones(lesions, layout, rng_of(seed, dataset, "tones"))
    lesions = _drawn_labels(lesions, dataset, settings)
    traits = draw_traits(lesions["drawn_look"].to_numpy(), settings.signal, rng_of(seed, dataset, "traits"))
    lesions[list(CUES)] = traits[:, [TRAITS.index(cue) for cue in CUES]].astype(np.float64)
    photos = _photographs(lesions, unique, rows, rng_of(seed, dataset, "photographs"))
    photos = _pictures(photos, dataset, layout, settings)
    tables = layout.build(photos, rng_of(seed, dataset, "metadata"))
    return Corpus(dataset, photos, traits[photos["lesion"].to_numpy()], tables)


def photo_of(corpus: Corpus, row: int, settings: SyntheticSettings) -> Photo:
    """All that the picture of one metadata row depends on."""
    photo = corpus.photos.iloc[row]
    dark = photo["fitzpatrick"] >= 5
    return Photo(
        dataset=corpus.dataset, height=int(photo["height"]), width=int(photo["width"]),
        traits=tuple(corpus.traits[row].tolist()), ita=float(photo["ita"]),
        contrast=settings.dark_skin_contrast if dark else 1.0, ruler=bool(photo["ruler"]),
        domain_gap=settings.domain_gap,
        lesion_seed=int(photo["lesion_seed"]), photo_seed=int(photo["photo_seed"]),
    )  # fmt: skip


def _lesions(dataset: str, layout: Layout, photos: int, seed: int) -> pd.DataFrame:
    """A row per lesion in the order of the vocabulary, with its number of photographs in `views`."""
    words = vocabulary(dataset)
    # labels of one malignancy and look side by side: rounding then keeps their sum in proportion
    words = words.sort_values(["malignancy", "look", "label"], kind="stable").reset_index(drop=True)
    # a minimum for each of 114 or 78 labels would flatten the proportions; the other three have at most 12
    least = LEAST_ROWS_PER_LABEL if len(words) <= 12 else 0
    counts = rows_per_cell(words["rows"].to_numpy(np.float64), photos, least)
    parts = []
    for word, count in zip(words.to_dict("records"), counts.tolist(), strict=True):
        if not count:
            continue
        rng = rng_of(seed, dataset, "lesions", word["label"], word["partition"])
        views = layout.photos_per_lesion(str(word["label"]), count, rng)
        views = np.minimum(views, max(1, count // 4))  # at least four lesions of each label
        ends = np.minimum(np.cumsum(views), count)
        views = np.diff(ends, prepend=0)
        parts.append(pd.DataFrame({"views": views[views > 0]}).assign(**{str(k): v for k, v in word.items()}))
    return pd.concat(parts, ignore_index=True).drop(columns="rows")


def _tones(lesions: pd.DataFrame, layout: Layout, rng: np.random.Generator) -> pd.DataFrame:
    """Adds `fitzpatrick` (1..6) and `ita`, both the same for all lesions of a patient.

    Types are dealt out by error diffusion along the rows, so that they are in proportion within any stretch
    of similar lesions, also where these are few.
    """
    people = lesions.drop_duplicates("patient")
    weights = layout.tone_weights(people)
    weights = weights / weights.sum(axis=1, keepdims=True)
    owed = rng.uniform(-0.5, 0.5, 6)
    types = np.empty(len(people), np.int64)
    for row, share in enumerate(weights):
        owed += share
        types[row] = choice = int(np.argmax(np.where(share > 0, owed, -np.inf)))
        owed[choice] -= 1.0
    types += 1
    at = pd.Index(people["patient"]).get_indexer(pd.Index(lesions["patient"]))
    return lesions.assign(fitzpatrick=types[at], ita=draw_ita(types, rng)[at])


def _drawn_labels(lesions: pd.DataFrame, dataset: str, settings: SyntheticSettings) -> pd.DataFrame:
    """Adds what is really drawn: the label, for noise one of the opposite malignancy, undiagnosed any."""
    rng = rng_of(settings.seed, dataset, "label noise")
    words = vocabulary(dataset).query("look != ''").reset_index(drop=True)
    suspicious = (words["malignancy"] != "benign").to_numpy()
    wrong = rng.random(len(lesions)) < settings.label_noise
    pick = rng.random(len(lesions))
    undiagnosed = (lesions["look"] == "").to_numpy()
    mine = (lesions["malignancy"] != "benign").to_numpy()
    drawn = lesions[["label", "look", "malignancy"]].copy()
    for rows, pool in (
        (undiagnosed, np.ones(len(words), bool)),
        (wrong & ~undiagnosed & mine, ~suspicious),
        (wrong & ~undiagnosed & ~mine, suspicious),
    ):
        edges = np.cumsum(words["rows"].to_numpy() * pool) / words["rows"].to_numpy()[pool].sum()
        chosen = np.searchsorted(edges, pick[rows], side="right").clip(max=len(words) - 1)
        drawn.loc[rows] = words.loc[chosen, ["label", "look", "malignancy"]].to_numpy()
    return lesions.join(drawn.add_prefix("drawn_"))


def _photographs(lesions: pd.DataFrame, unique: int, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """A row per photograph in random order; `copy_of` is the row of the picture it repeats, or -1."""
    lesion = np.repeat(np.arange(len(lesions)), lesions["views"])
    view = np.arange(len(lesion)) - np.repeat(
        np.cumsum(lesions["views"]) - lesions["views"], lesions["views"]
    )
    copied = rng.choice(unique, rows - unique, replace=False)
    source = np.concatenate([np.arange(unique), copied])
    order = rng.permutation(rows)
    position = np.empty(rows, np.int64)
    position[order] = np.arange(rows)
    photos = lesions.drop(columns="views").iloc[lesion[source]].reset_index(drop=True)
    photos["lesion"], photos["view"] = lesion[source], view.to_numpy()[source]
    photos["copy_of"] = np.concatenate([np.full(unique, -1), position[copied]])
    return photos.iloc[order].reset_index(drop=True)


def _pictures(
    photos: pd.DataFrame, dataset: str, layout: Layout, settings: SyntheticSettings
) -> pd.DataFrame:
    """Adds `ruler`, `height`, `width`, `lesion_seed` and `photo_seed`."""
    lesion = [f"{dataset}/{number}" for number in photos["lesion"]]
    photo = [f"{name}/{view}" for name, view in zip(lesion, photos["view"], strict=True)]
    chance = np.full(len(photos), CLINICAL_RULER_RATE)
    if layout.domain == "dermoscopic":
        # the difference between the two rates is the shortcut; unlabelled photographs keep the base rate
        tie = settings.shortcut
        chance[:] = RULER_RATE
        chance[photos["malignancy"] == "benign"] = RULER_RATE * (1 - tie)
        chance[photos["malignancy"].isin(["malignant", "premalignant"])] = RULER_RATE + tie * (1 - RULER_RATE)
    shape = np.array([[uniform_from_strings(photo, (settings.seed, name)) for name in ("size", "aspect")]])[0]
    spread = np.exp(layout.shape_spread * (2 * shape - 1) * [[0.6], [1.2]])
    height, width = (np.array(layout.picture_size) * settings.scale)[:, None] * spread[0]
    return photos.assign(
        ruler=uniform_from_strings(photo, (settings.seed, "ruler")) < chance,
        height=np.rint(height * np.sqrt(spread[1])).astype(np.int64),
        width=np.rint(width / np.sqrt(spread[1])).astype(np.int64),
        lesion_seed=hash_strings(lesion, (settings.seed, "lesion")),
        photo_seed=hash_strings(photo, (settings.seed, "photo")),
    )
