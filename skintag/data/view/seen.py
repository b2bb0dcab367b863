"""Which leakage groups weights have seen, so that nobody tests them on their own training images."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from skintag.core.errors import ConfigError, first_few
from skintag.core.hashing import hash_strings
from skintag.data.view.view import View

_SALT: Final = "skintag_trained_on"  # part of checkpoints and bundles that are there already


def seen_groups(view: View) -> NDArray[np.int64]:
    """Hashes of the leakage groups of the view's train and val images, int64 [groups]."""
    return _hashed(view.frame["group_id"][view.frame["split"] != "test"].unique())


def refuse_seen_groups(view: View, seen: NDArray[np.int64], where: object) -> None:
    """Refuse weights that were trained on what the view tests on; a split that leaks on purpose is not checked.

    Args:
        view: of this run.
        seen: what `seen_groups` gave when the weights were trained, int64 [groups].
        where: what to call the weights.

    Raises:
        ConfigError: train or val images of the weights share a patient, lesion or near-duplicate with test
            images of the view.
    """
    if view.audit.leaky:
        return
    test = view.frame[view.frame["split"] == "test"]
    known = np.isin(_hashed(test["group_id"]), seen)
    if known.any():
        names = test["image_id"][known].tolist()
        raise ConfigError(
            f"{where} was trained on images that this run tests on: {len(names):,} of {len(test):,} test images "
            f"share a patient, lesion or near-duplicate with its train or val images, e.g. {first_few(names, 3)}\n"
            "  to do: use the split and split_seed that it was trained with"
        )


def _hashed(groups: object) -> NDArray[np.int64]:
    return hash_strings(groups, _SALT).astype(np.int64)  # type: ignore[arg-type]
