"""What a view needs of a catalog, what its splits have to hold, and the count of what is left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, DataError, first_few
from skintag.core.vocabulary import SPLITS
from skintag.data.view.audit import KEYS

_NEEDED: Final = (
    "image_id", "dataset", "domain", "status", "malignancy", "condition", "fst_group", "content_hash", *KEYS.values(),
)  # fmt: skip


@dataclass(frozen=True)
class LeftOut:
    """Rows of the catalog that the view does not use."""

    dataset: str
    """Where they come from."""
    reason: str
    """Why they are not used, a short phrase."""
    images: int
    """How many."""


def counted(dataset: pd.Series, reasons: NDArray[np.object_]) -> tuple[LeftOut, ...]:
    """Counts of the rows with a reason, by dataset and reason."""
    gone = reasons != ""
    counts = Counter(zip(dataset[gone].tolist(), reasons[gone].tolist(), strict=True))
    return tuple(LeftOut(name, reason, n) for (name, reason), n in sorted(counts.items()))


def check_columns(catalog: pd.DataFrame) -> None:
    missing = [name for name in _NEEDED if name not in catalog]
    if missing:
        raise DataError(
            "catalog",
            expected=f"the columns {', '.join(_NEEDED)}",
            found=f"no {first_few(missing)}",
            fix="run skintag prepare with this version of SkinTag",
        )


def check_splits(frame: pd.DataFrame, left_out: tuple[LeftOut, ...]) -> None:
    """Raise ConfigError where a split is empty, or train or val has one class only."""
    counts = Counter(zip(frame["split"].tolist(), frame["target"].tolist(), strict=True))
    empty = [name for name in SPLITS if not counts[name, 0] + counts[name, 1]]
    # val too: a threshold fitted on one class would be found impossible only after the training
    one_class = [name for name in ("train", "val") if not (counts[name, 0] and counts[name, 1])]
    if not empty and not one_class:
        return
    listed = ", ".join(f"{s}: {counts[s, 0]} benign + {counts[s, 1]} malignant" for s in SPLITS)
    gone = first_few([f"{item.images} {item.dataset} ({item.reason})" for item in left_out])
    what = (
        f"{' and '.join(empty)} without an image"
        if empty
        else f"{' and '.join(one_class)} with one class only"
    )
    raise ConfigError(
        f"this data, labels, split and train_on leave {what}\n  images:   {listed}\n"
        f"  left out: {gone or 'none'}\n"
        "  to do:    take more data, another label policy, or larger shares (split.val, split.test)"
    )
