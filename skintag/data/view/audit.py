"""How many test images are related to training images: the number every run has to show.

A share of leaked images is a share of test answers that could have been remembered instead of found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from skintag.core.errors import DataError
from skintag.core.pretraining import SURE, Pretraining
from skintag.core.vocabulary import RECALL_NOTE

KEYS: Final[dict[str, str]] = {
    "patient": "patient_id",
    "lesion": "lesion_id",
    "near-duplicate": "duplicate_id",
    "any of these": "group_id",  # joined by the catalog, chains of them included
}
COMPARISONS: Final = (
    ("test", ("train",)),
    ("test", ("train", "val")),
    ("val", ("train",)),
)
ALL: Final = "all"
_EXAMPLES: Final = 2


@dataclass(frozen=True)
class Overlap:
    """Images of one split that share one kind of key with other splits. Malignant means target 1."""

    dataset: str
    """Where the counted images come from, or `all`. The related image may be of any dataset."""
    split: str
    """The split whose images are counted: `test` or `val`."""
    against: str
    """The splits they are compared with, e.g. `train+val`."""
    key: str
    """What is shared, one of `KEYS`."""
    images: int
    """Images counted."""
    known: int
    """Those of them whose key is known; the others cannot be found to leak."""
    shared: int
    """Those whose key is also on the other side."""
    malignant: int
    """Malignant images counted."""
    malignant_shared: int
    """Malignant ones whose key is also on the other side."""

    @property
    def share(self) -> float:
        """`shared` of `images`, 0..1; nan without images."""
        return self.shared / self.images if self.images else float("nan")

    @property
    def malignant_share(self) -> float:
        """`malignant_shared` of `malignant`, 0..1; nan without malignant images."""
        return self.malignant_shared / self.malignant if self.malignant else float("nan")


@dataclass(frozen=True)
class SeenBefore:
    """Test images of a dataset that the backbone's published weights have, or may have, learned from."""

    dataset: str
    """Where they come from."""
    images: int
    """Test images of it."""
    malignant: int
    """Malignant ones of them."""
    backbone: str
    """Whose pretraining."""
    sure: str
    """One of `skintag.core.pretraining.SURE`."""
    source: str
    """Where that is from."""

    @property
    def text(self) -> str:
        """In one sentence, for a person."""
        seen = "may have been" if self.sure == "possible" else "were"
        said = {"given": "as the run was told", "reported": "by report"}.get(self.sure, self.sure)
        what = f"{self.images:,} test images of {self.dataset}"
        return f"{what} {seen} seen in the pretraining of {self.backbone} ({said})"


@dataclass(frozen=True)
class LeakageAudit:
    """What train, val and test of one view share."""

    split: str
    """Name of the split, for messages."""
    leaky: bool
    """Whether the split is meant to leak."""
    overlaps: tuple[Overlap, ...]
    """One per dataset (and `all`) x comparison x key."""
    examples: tuple[str, ...]
    """Up to two pairs of related images for each key and side, as text; empty where there is none."""
    pretraining: tuple[SeenBefore, ...] = ()
    """Test images that weights from elsewhere have or may have learned from: marked, for they cannot be told apart."""

    @property
    def clean(self) -> bool:
        """Whether no image of test or val is related to one it must not be."""
        return not any(overlap.shared for overlap in self.overlaps)

    def find(self, key: str, *, dataset: str = ALL, split: str = "test", against: str = "train") -> Overlap:
        """The overlap of these names; KeyError where there is none."""
        for overlap in self.overlaps:
            names = (overlap.key, overlap.dataset, overlap.split, overlap.against)
            if names == (key, dataset, split, against):
                return overlap
        raise KeyError(f"no overlap {key!r} of {dataset!r} {split!r} against {against!r} in the audit")

    def assert_clean(self) -> None:
        """Raise DataError, with examples, where train, val and test share anything."""
        if self.clean:
            return
        found = [
            f"{o.shared} {o.split} image(s) related to {o.against} by {o.key}"
            for o in self.overlaps
            if o.dataset == ALL and o.shared
        ]
        raise DataError(
            f"leakage audit of split {self.split}",
            expected="no patient, lesion or near-duplicate on two sides",
            found="\n            ".join([*found, *self.examples]),
            fix="run skintag prepare again, which joins related images into leakage groups; "
            "if it still fails, the group_id of the images above is wrong",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; shares of nothing are nan."""
        overlaps = [
            {**asdict(o), "share": o.share, "malignant_share": o.malignant_share} for o in self.overlaps
        ]
        seen = {"pretraining": [asdict(entry) for entry in self.pretraining]} if self.pretraining else {}
        return {
            "split": self.split, "leaky": self.leaky, "clean": self.clean,
            "overlaps": overlaps, "examples": list(self.examples), **seen,
        }  # fmt: skip

    def table(self) -> Table:
        """Leaked images, absolute and in percent, malignant ones below them: all, then test by dataset."""
        verdict = "clean" if self.clean else "LEAKY ON PURPOSE" if self.leaky else "LEAKY"
        title = f"Leakage audit of split {self.split}: {verdict}"
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.show_edge = table.pad_edge = False  # or it is wider than 80 columns
        seen = "".join(f"\n{entry.text}" for entry in self.pretraining)
        table.caption = f"dataset by dataset: test with train\n{RECALL_NOTE}{seen}"
        table.caption_justify = "left"
        table.add_column("images", no_wrap=True)
        table.add_column("n", justify="right", no_wrap=True)
        for key in KEYS:
            table.add_column(key.replace("-", "-\n").replace(" ", "\n", 1), justify="right", no_wrap=True)
        rows: dict[tuple[str, str, str], list[Overlap]] = {}
        for overlap in self.overlaps:
            rows.setdefault((overlap.dataset, overlap.split, overlap.against), []).append(overlap)
        for (dataset, split, against), row in rows.items():
            if dataset == ALL or (split, against) == ("test", "train"):
                name = f"{split} with {against}" if dataset == ALL else dataset
                counts = f"{row[0].images:,}\n{row[0].malignant:,}"
                table.add_row(f"{name}\n  malignant", counts, *map(_cell, row))
        return table


def _cell(overlap: Overlap) -> str:
    """`12 3.4%` over the same of malignant images; dashes where no key is known."""
    if not overlap.known:
        return "–\n–"
    malignant = f"{overlap.malignant_shared:,} {overlap.malignant_share:.1%}" if overlap.malignant else "–"
    return f"{overlap.shared:,} {overlap.share:.1%}\n{malignant}"


def audit_split(frame: pd.DataFrame, *, split: str, leaky: bool) -> LeakageAudit:
    """Compare the splits of `frame` (image_id, dataset, split, target 0/1, and the columns of `KEYS`)."""
    dataset, names = pd.factorize(frame["dataset"], sort=True)
    malignant = frame["target"].to_numpy() == 1
    keys = {key: pd.factorize(frame[column])[0] for key, column in KEYS.items()}
    sides = {name: (frame["split"] == name).to_numpy() for name in ("train", "val", "test")}
    overlaps: list[Overlap] = []
    examples: list[str] = []
    for subject, against in COMPARISONS:
        other = np.logical_or.reduce([sides[name] for name in against])
        for key, codes in keys.items():
            leaked = sides[subject] & _shares(codes, other)
            if (subject, against) != ("test", ("train",)):  # those are among test against train and val
                examples.extend(_examples(frame, key, leaked, other))
            masks = (sides[subject], sides[subject] & (codes >= 0), leaked)
            counts = [_by_dataset(mask, dataset, len(names)) for mask in masks]
            counts += [_by_dataset(mask & malignant, dataset, len(names)) for mask in (masks[0], leaked)]
            for row, numbers in zip((ALL, *names), zip(*counts, strict=True), strict=True):
                overlaps.append(Overlap(str(row), subject, "+".join(against), key, *numbers))
    overlaps.sort(key=lambda o: o.dataset != ALL)  # stable: `all` first, then dataset by dataset
    return LeakageAudit(split, leaky, tuple(overlaps), tuple(examples))


def seen_before(frame: pd.DataFrame, pretraining: Iterable[Pretraining]) -> tuple[SeenBefore, ...]:
    """The test images of `frame` (dataset, split, target) of datasets that pretraining has or may have seen; of one
    dataset the surest word counts."""
    test = frame[frame["split"] == "test"]
    found = []
    for dataset, rows in test.groupby("dataset", sort=True):
        said = [entry for entry in pretraining if entry.covers(str(dataset))]
        if said:
            entry = min(said, key=lambda entry: (SURE.index(entry.sure), entry.backbone))
            counts = len(rows), int((rows["target"] == 1).sum())
            found.append(SeenBefore(str(dataset), *counts, entry.backbone, entry.sure, entry.source))
    return tuple(found)


def _shares(codes: NDArray[np.int64], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rows whose key also occurs among the `other` rows, bool [n]; -1 (unknown) is shared with nobody."""
    present = np.zeros(int(codes.max(initial=-1)) + 2, dtype=bool)  # the last place is for -1
    present[codes[other]] = True
    present[-1] = False
    return present[codes]


def _by_dataset(mask: NDArray[np.bool_], dataset: NDArray[np.int64], n: int) -> list[int]:
    """Rows of the mask in all and in each dataset, n + 1 integers."""
    counts = np.bincount(dataset[mask], minlength=n).tolist()
    return [sum(counts), *counts]


def _examples(
    frame: pd.DataFrame, key: str, leaked: NDArray[np.bool_], other: NDArray[np.bool_]
) -> Iterator[str]:
    """The first few leaked images, each with one image it is related to."""
    column, ids, splits = KEYS[key], frame["image_id"], frame["split"]
    for row in np.flatnonzero(leaked)[:_EXAMPLES]:
        value = frame[column].iloc[row]
        partner = int(np.flatnonzero(other & (frame[column] == value).to_numpy(dtype=bool))[0])
        pair = " and ".join(f"{ids.iloc[i]} ({splits.iloc[i]})" for i in (row, partner))
        yield f"{pair}: {column} {value}"
