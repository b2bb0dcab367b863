"""A split that somebody wrote down: their test images and nobody else's, checked against the pictures that are here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, first_few
from skintag.core.vocabulary import SPLITS
from skintag.data.view.split_table import LEFT_OUT, by_dataset, problem, read_split

NOT_NAMED: Final = "not in the split file"
ON_NO_SIDE: Final = "left out by the split file"
_EXAMPLES: Final = 3


@dataclass(frozen=True)
class File:
    """Who trains, chooses and is tested stands in a file, as `skintag split export` writes it."""

    path: str
    """The CSV: image_id, split and content_hash, also group, dataset and fold (skintag.data.view.split_table)."""
    fold: int | None = None
    """Which of its splits, where it holds several."""
    leaky: bool = False
    """Take a split that puts related images on two sides; every report then says so."""
    any_content: bool = False
    """Take an image whose content is not that which the file names, or whose content it does not name."""

    def __post_init__(self) -> None:
        if not isinstance(self.path, str) or not self.path:
            raise ConfigError(f"split.path={self.path}: expected a CSV that skintag split export wrote")
        if self.fold is not None and (not isinstance(self.fold, int) or isinstance(self.fold, bool)):
            raise ConfigError(f"split.fold={self.fold}: expected a whole number, or null for the only split")
        for name in ("leaky", "any_content"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"split.{name}={getattr(self, name)}: expected true or false")

    def assign(self, frame: pd.DataFrame, seed: int) -> NDArray[np.object_]:
        """See `Split.assign`; rows that the file does not name, or names as left out, have the reason instead.

        Raises:
            ConfigError: a seed, which a file has not; or a fold that the file has not.
            DataError: see `read_split`; none of its images is here; other pictures under the same names; or related
                images on two sides.
        """
        if seed:
            raise ConfigError(
                f"split_seed={seed}: a split file is what it is under any seed; leave split_seed out "
                "(a file of several splits has split.fold=0,1,...)"
            )
        table = self.rows()
        named = table.set_index("image_id").reindex(frame["image_id"])
        if named["split"].isna().all():
            found = f"none of its {len(table):,} images: it has {first_few(table['image_id'].tolist(), _EXAMPLES)}"
            there = f"; here are {first_few(frame['image_id'].tolist(), _EXAMPLES)}"
            fix = "take the data that it was made for (data=...), or the file that was made for these"
            raise problem(self._place, "images that are here", found + there, fix)
        if not self.any_content:
            self._check_content(frame, named)
        split = named["split"].fillna(NOT_NAMED).replace(LEFT_OUT, ON_NO_SIDE).to_numpy(object)
        if not self.leaky:
            self._check_leaks(frame, split, table)
        return split

    def notes(self, frame: pd.DataFrame) -> tuple[str, ...]:
        """What was not as the file has it, a sentence each.

        Args:
            frame: the rows that `assign` was given.
        """
        table, name = self.rows(), self._place.name
        said = []
        absent = table[~table["image_id"].isin(frame["image_id"])]
        if len(absent):
            said.append(
                f"{len(absent):,} of {len(table):,} images of {name} are not here, or not readable, or without a "
                f"diagnosis: {by_dataset(absent)}"
            )
        unknown = frame[~frame["image_id"].isin(table["image_id"])]
        if len(unknown):
            said.append(
                f"{len(unknown):,} images here are not in {name}, and left out: {by_dataset(unknown)}"
            )
        if self.any_content and "content_hash" in table:
            named = table.set_index("image_id").reindex(frame["image_id"])
            other = _others(frame, named)
            if other.any():
                taken = "and are taken all the same (split.any_content=true)"
                said.append(
                    f"{int(other.sum()):,} images are not those of {name}, {taken}: {by_dataset(frame[other])}"
                )
        return tuple(said)

    @property
    def _place(self) -> Path:
        return Path(self.path)

    def rows(self) -> pd.DataFrame:
        """The rows of the fold; raises ConfigError and DataError as `assign` does of the file alone."""
        table = read_split(self._place, hashes=not self.any_content)
        if "fold" not in table:
            if self.fold is not None:
                raise ConfigError(
                    f"split.fold={self.fold}: {self.path} holds one split and no folds; leave it out"
                )
            return table
        folds = sorted(table["fold"].unique().tolist())
        if self.fold is None and len(folds) > 1:
            raise ConfigError(
                f"split.fold is not set, and {self.path} holds several: one of {first_few(folds)}"
            )
        fold = folds[0] if self.fold is None else self.fold
        if fold not in folds:
            raise ConfigError(f"split.fold={fold}: {self.path} holds the folds {first_few(folds)}")
        return table[table["fold"] == fold].reset_index(drop=True)

    def _check_content(self, frame: pd.DataFrame, named: pd.DataFrame) -> None:
        other = _others(frame, named)
        if other.any():
            raise problem(
                self._place,
                "the pictures that it was made of (content_hash is the SHA-256 of the file)",
                f"{int(other.sum()):,} others under the same name here: {by_dataset(frame[other])}",
                "take the files that the split was published for, or split.any_content=true to take these, which is "
                "said with every run",
            )

    def _check_leaks(self, frame: pd.DataFrame, split: NDArray[np.object_], table: pd.DataFrame) -> None:
        """Refuse related images on two sides, by what the catalog knows of them and by what the file says itself."""
        here = pd.DataFrame({"image_id": frame["image_id"].to_numpy(object), "split": split})
        crossing: dict[str, list[str]] = {}
        for key, column in (("group_id", frame["group_id"]), ("content_hash", frame["content_hash"])):
            crossing[f"{key} of the catalog"] = _crossing(here, column.to_numpy(object))
        for key in ("group", "content_hash"):
            if key in table:
                crossing[f"{key} of the file"] = _crossing(table, table[key].to_numpy(object))
        found = [f"{len(c):,} by {key}: {'; '.join(c[:_EXAMPLES])}" for key, c in crossing.items() if c]
        if found:
            raise problem(
                self._place,
                "no patient, lesion or near-duplicate on two sides",
                "\n            ".join(found),
                "put each group on one side, or split.leaky=true to take the split as it is, which every report says",
            )


def _others(frame: pd.DataFrame, named: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows that the file names with another content than they have here, bool [n]."""
    said, found = named["content_hash"], frame["content_hash"].to_numpy(object)
    return said.notna().to_numpy() & (said != "").to_numpy() & (said.to_numpy(object) != found)


def _crossing(rows: pd.DataFrame, keys: NDArray[np.object_]) -> list[str]:
    """Each key on two sides, as `key: a (train), b (test)`; an empty or unknown key is shared with nobody."""
    known = pd.Series(keys).notna().to_numpy() & (keys != "") & rows["split"].isin(SPLITS).to_numpy()
    told = rows[known].assign(key=keys[known])
    sides = told.drop_duplicates(["key", "split"])  # one image of each side
    two = sides[sides.duplicated("key", keep=False)].sort_values(["key", "image_id"])
    return [
        f"{key}: {', '.join(f'{i} ({s})' for i, s in zip(part['image_id'], part['split'], strict=True))}"
        for key, part in two.groupby("key", sort=False)
    ]
