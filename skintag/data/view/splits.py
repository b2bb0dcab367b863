"""Who trains, who chooses, who is tested: train/val/test for every image, without leaks unless asked for.

A split sees diagnosed images only and knows nothing of the label policy, so an image keeps its split when
`labels` changes. All classes have the same shape: fields that Hydra fills in, `leaky`, and `assign`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, DataError, first_few, near_matches
from skintag.data.view.levels import as_names, rows_named
from skintag.data.view.partition import partition, parts_of

DROPPED: Final = ""


class Split(Protocol):
    """What `build_view` asks of a split."""

    @property
    def leaky(self) -> bool:
        """Whether related images may stand on both sides, so that its test figures flatter."""
        ...

    def assign(self, frame: pd.DataFrame, seed: int) -> NDArray[np.object_]:
        """`train`, `val` or `test` for each row, object [n]; a function of the rows and the seed.

        A row that it drops has `DROPPED` where it is related to the test set, or a short phrase that says why.

        Args:
            frame: catalog rows (image_id, dataset, domain, malignancy, group_id), in any order.
            seed: another seed, another split.

        Raises:
            ConfigError: a dataset or domain that `frame` does not hold, or nothing left to train on.
            DataError: rows without a leakage group.
        """
        ...


@runtime_checkable
class Telling(Protocol):
    """A split that has something to say of the images it was given."""

    def notes(self, frame: pd.DataFrame) -> tuple[str, ...]:
        """Sentences for the user, about the rows that `assign` was given."""
        ...


@dataclass(frozen=True)
class Grouped:
    """Images of one leakage group (patient, lesion, near-duplicate) stay together; the default."""

    val: float = 0.1
    """Share of images for val."""
    test: float = 0.2
    """Share of images for test."""
    leaky: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_shares(val=self.val, test=self.test)

    def assign(self, frame: pd.DataFrame, seed: int) -> NDArray[np.object_]:
        """See `Split.assign`; drops no row."""
        return partition(frame, _groups(frame), self.val, self.test, seed)


@dataclass(frozen=True)
class Folds:
    """One fold of a grouped k-fold cross-validation: each image is tested in one of the k folds."""

    fold: int = 0
    """Which fold is tested: 0 to k - 1."""
    k: int = 5
    """How many folds there are."""
    val: float = 0.1
    """Share of all images for val, out of those that are not tested."""
    leaky: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name, value in (("k", self.k), ("fold", self.fold)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise ConfigError(f"split.{name}={value}: expected a whole number")
        if self.k < 2:
            raise ConfigError(f"split.k={self.k}: expected 2 folds or more")
        if not 0 <= self.fold < self.k:
            raise ConfigError(f"split.fold={self.fold}: expected 0 to {self.k - 1}, for split.k={self.k}")
        _check_shares(val=self.val, test=1 / self.k)

    def assign(self, frame: pd.DataFrame, seed: int) -> NDArray[np.object_]:
        """See `Split.assign`; drops no row."""
        groups = _groups(frame)
        tested = parts_of(frame, groups, [1 / self.k] * self.k, f"folds/{seed}") == self.fold
        split = np.full(len(frame), "test", dtype=object)
        if not tested.all():  # one group may be all there is
            val = self.val / (1 - 1 / self.k)
            split[~tested] = partition(frame[~tested], groups[~tested], val, 0.0, seed)
        return split


@dataclass(frozen=True)
class Stratified:
    """The 80/20 image-level split most papers use: related images land on both sides.

    Here to show what that is worth. Val is carved out of the 80, which leaves the shares of `Grouped`.
    """

    val: float = 0.1
    """Share of images for val."""
    test: float = 0.2
    """Share of images for test."""
    leaky: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_shares(val=self.val, test=self.test)

    def assign(self, frame: pd.DataFrame, seed: int) -> NDArray[np.object_]:
        """See `Split.assign`; drops no row."""
        return partition(frame, frame["image_id"].to_numpy(object), self.val, self.test, seed)


class _LeaveOneOut:
    """The images with one value in `column` are only tested; the others train."""

    column: ClassVar[str]
    """Also the name of the field that holds the value."""
    leaky: ClassVar[bool] = False
    val: float
    in_domain_test: float

    def __post_init__(self) -> None:
        _check_shares(val=self.val, in_domain_test=self.in_domain_test)

    def assign(self, frame: pd.DataFrame, seed: int) -> NDArray[np.object_]:
        """See `Split.assign`; drops rows of train and val that share a group with what is held out."""
        held_out = _named(frame, self.column, (getattr(self, self.column),), f"split.{self.column}")
        return _hold_out(frame, held_out, self.val, self.in_domain_test, seed)


@dataclass(frozen=True)
class LeaveOneDomainOut(_LeaveOneOut):
    """One domain is only tested; the others train."""

    domain: str
    """The domain held out."""
    val: float = 0.1
    """Share of the other domains' images for val."""
    in_domain_test: float = 0.0
    """Share of the other domains' images tested as well; with 0.2 they are split as `Grouped` splits them.

    0 keeps the overall test figures those of the domain held out.
    """
    column: ClassVar[str] = "domain"


@dataclass(frozen=True)
class LeaveOneDatasetOut(_LeaveOneOut):
    """One dataset is only tested; the others train."""

    dataset: str
    """The dataset held out."""
    val: float = 0.1
    """Share of the other datasets' images for val."""
    in_domain_test: float = 0.0
    """Share of the other datasets' images tested as well; see `LeaveOneDomainOut`."""
    column: ClassVar[str] = "dataset"


@dataclass(frozen=True)
class External:
    """Named datasets are only tested; the rest is split as `Grouped` splits it, with its own test images."""

    datasets: tuple[str, ...]
    """The datasets only tested."""
    val: float = 0.1
    """Share of the other datasets' images for val."""
    test: float = 0.2
    """Share of the other datasets' images for test."""
    leaky: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "datasets", as_names(self.datasets))
        if not self.datasets:
            raise ConfigError("split.datasets is empty; name the external test sets, or take split=grouped")
        _check_shares(val=self.val, test=self.test)

    def assign(self, frame: pd.DataFrame, seed: int) -> NDArray[np.object_]:
        """See `Split.assign`; drops rows of train and val that share a group with an external image."""
        held_out = _named(frame, "dataset", self.datasets, "split.datasets")
        return _hold_out(frame, held_out, self.val, self.test, seed)


def _hold_out(
    frame: pd.DataFrame, held_out: NDArray[np.bool_], val: float, test: float, seed: int
) -> NDArray[np.object_]:
    """Held-out rows to test, the others split by group; those of train and val related to test dropped."""
    groups = _groups(frame)
    split = np.full(len(frame), "test", dtype=object)
    rest = ~held_out
    split[rest] = partition(frame[rest], groups[rest], val, test, seed)
    related = pd.Series(groups).isin(groups[held_out]).to_numpy()
    split[related & (split != "test")] = DROPPED
    return split


def _named(frame: pd.DataFrame, column: str, names: Sequence[str], key: str) -> NDArray[np.bool_]:
    """Rows whose `column` is one of `names`, bool [n]; ConfigError: a name is absent or nothing is left."""
    present = sorted(frame[column].unique())
    for name in names:
        if name not in present:
            raise ConfigError(
                f"{key}: no diagnosed image is of {column} {name!r}; {near_matches(name, present)}. "
                f"The data hold {first_few(present)}"
            )
    rows = frame[column].isin(names).to_numpy(dtype=bool)
    if rows.all():
        raise ConfigError(f"{key}: without {first_few(names)} nothing is left to train on; add a {column}")
    return rows


def _groups(frame: pd.DataFrame) -> NDArray[np.object_]:
    """The leakage group of each row, object [n]; DataError where one is null."""
    unknown = frame["group_id"].isna()
    if unknown.any():
        raise DataError(
            "column 'group_id' of the catalog",
            expected="a leakage group for every image that can be read",
            found=f"none for {rows_named(frame, unknown.to_numpy(dtype=bool))}",
            fix="run skintag prepare again: without groups a split cannot be free of leaks",
        )
    return frame["group_id"].to_numpy(object)


def _check_shares(**shares: float) -> None:
    """Raise ConfigError unless val is above 0, no share is negative and something is left to train on."""
    for name, value in shares.items():
        if not (0 < value < 1 or (value == 0 and name == "in_domain_test")):
            raise ConfigError(f"split.{name}={value} must lie between 0 and 1")
    if sum(shares.values()) >= 1:
        listed = " + ".join(f"split.{name}={value}" for name, value in shares.items())
        raise ConfigError(f"{listed} leaves nothing to train on; their sum must be below 1")
