"""What one dataset's layout says, and the helpers with which publishers' columns are filled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.data.synthetic.looks import look_table


@dataclass(frozen=True)
class Tables:
    """A publisher's metadata for the planned photographs, row i describing photograph i."""

    metadata: pd.DataFrame
    """The CSV's columns, ready to be written as text."""
    own_ids: list[str]
    """The source's own image id of each row, without suffix."""
    files: list[str | None]
    """Path in the raw folder, "/" between parts; None where the metadata lists an image that is not there."""


@dataclass(frozen=True)
class Layout:
    """What planning and writing have to know of one dataset."""

    domain: str
    """What kind of pictures it has, one of `DOMAINS`."""
    csv_name: str
    """File name of the metadata in the raw folder."""
    picture_size: tuple[int, int]
    """(height, width) at scale 1."""
    shape_spread: float
    """Log standard deviation of height / width and of the size; 0 where all pictures have one shape."""
    photos_per_lesion: Callable[[str, int, np.random.Generator], NDArray[np.int64]]
    """(label, n, rng) -> photographs of each of n lesions, at least 1."""
    tone_weights: Callable[[pd.DataFrame], NDArray[np.float64]]
    """(lesions) -> weights of the six Fitzpatrick types, [n, 6]."""
    build: Callable[[pd.DataFrame, np.random.Generator], Tables]
    """(photographs, rng) -> metadata, own ids and file names."""
    patients: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame] | None = None
    """Lesions with a `patient` number and what is decided per patient; None: a patient for each lesion."""
    copies: float = 0.0
    """Share of rows that are near-duplicates of another row."""


def one_photo(label: str, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """A single photograph of each lesion."""
    return np.ones(n, np.int64)


def draw(rng: np.random.Generator, weights: Mapping[Any, float], n: int) -> NDArray[np.object_]:
    """`n` independent keys of `weights`, object [n]."""
    keys = np.empty(len(weights), dtype=object)
    keys[:] = list(weights)
    share = np.array(list(weights.values()), np.float64)
    return rng.choice(keys, n, p=share / share.sum())


def per_lesion(photos: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The first row of each lesion, and for each photograph the position of its lesion among those."""
    first = photos.drop_duplicates("lesion").reset_index(drop=True)
    position = pd.Index(first["lesion"]).get_indexer(pd.Index(photos["lesion"]))
    return first, position.astype(np.int64)


def ages(looks: pd.Series, rng: np.random.Generator, spread: float = 14.0) -> NDArray[np.float64]:
    """Ages in years around the mean of each look (50 where there is none), float64 [n], within 1..89."""
    mean = looks.map(look_table()["age"]).fillna(50.0).to_numpy(np.float64)
    return np.clip(mean + rng.normal(0, spread, len(looks)), 1, 89)
