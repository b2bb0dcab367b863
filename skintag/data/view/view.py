"""A view: everything an ablation can change, as one table computed from the catalog.

    catalog --status, labels--> usable rows --split, train_on--> train/val/test --balance--> weights

No image is touched. Every row that the catalog has and the view has not is counted, with the reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, near_matches
from skintag.core.hashing import content_key
from skintag.core.vocabulary import SPLITS
from skintag.data.catalog.schema import check_unique
from skintag.data.view.audit import LeakageAudit, audit_split
from skintag.data.view.balance import Balance
from skintag.data.view.label_policy import UNDIAGNOSED, LabelPolicy
from skintag.data.view.left_out import LeftOut, check_columns, check_splits, counted
from skintag.data.view.levels import as_names, group_index
from skintag.data.view.splits import DROPPED, Split, Telling

MISSING: Final = "missing file"
UNREADABLE: Final = "unreadable file"
RELATED_TO_TEST: Final = "shares a patient, lesion or near-duplicate with the test set"
NOT_TRAINED_ON: Final = "not in train_on"


@dataclass(frozen=True)
class View:
    """One row per image used, and how it came about."""

    frame: pd.DataFrame
    """The catalog's columns, sorted by image_id, plus

    - `split` str, one of SPLITS
    - `target` int8, 0 or 1
    - `target_condition` int8, 0..n_conditions-1
    - `weight` float32, of the loss; mean 1 over train, 1 outside
    - `sampling_weight` float32, of the sampler; mean 1 over train, 1 outside
    - `group_index` int16, position in GROUP_NAMES; the same in every view, so some may have no image
    """
    audit: LeakageAudit
    """What train, val and test share; nothing, unless the split is meant to leak."""
    left_out: tuple[LeftOut, ...]
    """The catalog's rows that are not in `frame`, by dataset and reason."""
    n_conditions: int
    """10, or 11 in the extended taxonomy."""
    fingerprint: str
    """Equal for equal images, splits, targets and weights, whatever policy led to them."""
    pictures: pd.DataFrame
    """`content_hash` and `group_id` of every readable image of the catalog, whether or not it is in `frame`."""
    notes: tuple[str, ...] = ()
    """What the split has to say of these images, a sentence each."""

    def __repr__(self) -> str:
        return f"View({', '.join(f'{n} {len(self.rows(n)):,}' for n in SPLITS)}, {self.fingerprint!r})"

    def rows(self, split: str) -> NDArray[np.int64]:
        """Positions in `frame` of the images of one split, ascending, int64."""
        return np.flatnonzero((self.frame["split"] == split).to_numpy())

    @property
    def held_out(self) -> tuple[str, ...]:
        """Domains and datasets that are tested, and of which no image trains or chooses."""
        frame, test = self.frame, self.frame["split"] == "test"
        return tuple(
            str(name)
            for column in ("domain", "dataset")
            for name in sorted({*frame[column][test]} - {*frame[column][~test]})
        )

    def to_dict(self) -> dict[str, Any]:
        """Counts, rows left out, audit and fingerprint as plain values for JSON."""
        return {
            "fingerprint": self.fingerprint,
            "images": {split: len(self.rows(split)) for split in SPLITS},
            "malignant": {s: int(self.frame["target"].iloc[self.rows(s)].sum()) for s in SPLITS},
            "n_conditions": self.n_conditions,
            "left_out": [vars(item) for item in self.left_out],
            "held_out": list(self.held_out),
            "notes": list(self.notes),
            "audit": self.audit.to_dict(),
        }


def build_view(
    catalog: pd.DataFrame,
    labels: LabelPolicy,
    split: Split,
    balance: Balance,
    *,
    seed: int,
    train_on: Sequence[str] | None = None,
) -> View:
    """Compute the view of a catalog; a function of the set of its rows, the policies and the seed.

    The split is made over all diagnosed images, before the label policy leaves any out and before
    `train_on` does, so an image is in the same split under each of them.

    Args:
        catalog: rows with CATALOG_COLUMNS, in any order.
        labels: how diagnoses become targets.
        split: who is in train, val and test.
        balance: the weights of the train rows.
        seed: of the split.
        train_on: datasets that train and val are restricted to; test stays as it is, so that runs with
            another `train_on` are compared on the same test images. None: all.

    Raises:
        DataError: the catalog lacks a column, repeats an image or holds a value outside the schema; or the
            audit finds a leak in a split that must have none.
        ConfigError: a split is empty, train or val has one class only, or a name is not in the data.
    """
    catalog = _sorted(catalog)
    targets = labels.targets(catalog)
    splits, reasons, notes = _assign(catalog, targets.left_out, split, seed, train_on)
    used, left_out = reasons == "", counted(catalog["dataset"], reasons)
    frame = _labelled(catalog[used], splits[used], targets.target[used], targets.condition[used])
    check_splits(frame, left_out)
    frame = _with_weights(frame, balance)
    audit = audit_split(frame, split=type(split).__name__, leaky=split.leaky)
    if not split.leaky:
        audit.assert_clean()
    fingerprint, pictures = _fingerprint(frame), _pictures(catalog)
    return View(frame, audit, left_out, labels.n_conditions, fingerprint, pictures, notes)


def _sorted(catalog: pd.DataFrame) -> pd.DataFrame:
    """The catalog by image_id; DataError where it lacks a column or repeats an image."""
    check_columns(catalog)
    check_unique(catalog, "catalog")
    if catalog["image_id"].is_monotonic_increasing:
        return catalog
    return catalog.sort_values("image_id", ignore_index=True)


def _assign(
    catalog: pd.DataFrame,
    unlabelled: NDArray[np.object_],
    split: Split,
    seed: int,
    train_on: Sequence[str] | None,
) -> tuple[NDArray[np.object_], NDArray[np.object_], tuple[str, ...]]:
    """Split of each row, why it is not used ("" where it is), each object [n], and what the split has to say.

    `unlabelled`: why the label policy does not use it, object [n].
    """
    reasons, status = unlabelled.copy(), catalog["status"].to_numpy(object)
    reasons[status != "ok"] = UNREADABLE
    reasons[status == "missing"] = MISSING
    splits = np.full(len(catalog), DROPPED, dtype=object)
    diagnosed = (status == "ok") & (unlabelled != UNDIAGNOSED)
    rows = catalog[diagnosed]
    splits[diagnosed] = split.assign(rows, seed)
    notes = split.notes(rows) if isinstance(split, Telling) else ()
    splits[diagnosed & (splits == DROPPED)] = RELATED_TO_TEST
    dropped = (reasons == "") & ~np.isin(splits, SPLITS)
    reasons[dropped] = splits[dropped]
    if train_on is not None:
        reasons[(reasons == "") & _not_trained_on(catalog, splits, as_names(train_on))] = NOT_TRAINED_ON
    return splits, reasons, notes


def _labelled(
    rows: pd.DataFrame, splits: NDArray[np.object_], target: NDArray[np.int8], condition: NDArray[np.int8]
) -> pd.DataFrame:
    """The rows with `split`, `target` and `target_condition`."""
    split = pd.Series(splits, dtype="str")
    return rows.reset_index(drop=True).assign(split=split, target=target, target_condition=condition)


def _with_weights(frame: pd.DataFrame, balance: Balance) -> pd.DataFrame:
    """The frame with `weight`, `sampling_weight` and `group_index`."""
    train = (frame["split"] == "train").to_numpy()
    ones = np.ones(len(frame), dtype=np.float32)
    weights = ones.copy()
    weights[train] = balance.weights(frame[train], frame["target"].to_numpy()[train])
    return frame.assign(
        weight=weights if balance.mode == "loss" else ones,
        sampling_weight=weights if balance.mode == "sampling" else ones,
        group_index=group_index(frame),
    )


def _pictures(catalog: pd.DataFrame) -> pd.DataFrame:
    """Hash and group of every image that could be read."""
    return catalog.loc[catalog["content_hash"].notna(), ["content_hash", "group_id"]].reset_index(drop=True)


def _not_trained_on(
    catalog: pd.DataFrame, splits: NDArray[np.object_], names: tuple[str, ...]
) -> NDArray[np.bool_]:
    """Rows of train and val outside the named datasets, bool [n]; ConfigError for one that cannot train."""
    dataset = catalog["dataset"]
    trainable = sorted(dataset[splits == "train"].unique())
    for name in names:
        if name not in trainable:
            raise ConfigError(
                f"train_on: dataset {name!r} has no image that this split trains on; "
                f"{near_matches(name, trainable)}"
            )
    if not names:
        raise ConfigError("train_on is empty; name at least one dataset, or null for all")
    return np.isin(splits, ("train", "val")) & ~dataset.isin(names).to_numpy(dtype=bool)


def _fingerprint(frame: pd.DataFrame) -> str:
    """Content key over image ids, splits, targets, conditions, weights and groups."""
    ids = hashlib.sha256("\n".join(frame["image_id"].tolist()).encode()).hexdigest()
    split = pd.Index(SPLITS).get_indexer(pd.Index(frame["split"])).astype(np.int8)
    columns = ("target", "target_condition", "weight", "sampling_weight", "group_index")
    arrays = [split, *(frame[name].to_numpy() for name in columns)]
    return content_key("view", ids, [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays])
