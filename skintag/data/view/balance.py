"""Weights that make domains, skin types or classes count the same, whatever their numbers.

Each factor is inverse frequency: a row weighs 1 / (rows of its level), normalised to mean 1. The factors
form a chain, each balanced inside the cells of those before it, and a row's weight is their product:

    domain       over all rows
    malignancy   inside each domain where `domain` is balanced too, else over all rows
    fitzpatrick  over I-II, III-IV, V-VI inside each domain (and each class, with `malignancy`)

Because every factor has mean 1 inside the cells of the earlier ones, no factor undoes another.

Images without a skin type get the neutral fitzpatrick factor 1, and the annotated ones of the same cell have
mean 1 between them. Whether a skin type was written down says a lot about an image: in PAD-UFES-20 it is
missing for none of the cancers and for 61 to 80% of actinic keratoses, seborrheic keratoses and nevi. Were
"unknown" a level of its own, or were the annotated rows' total allowed to grow with their number, the weights
would carry that gap, and so the diagnosis, into training. As it is, the sum of the weights of a cell is its
number of rows, whichever of them are annotated: missingness moves no weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import ConfigError
from skintag.core.vocabulary import DOMAINS, FST_GROUPS
from skintag.data.view.levels import as_names, check_choice, level_codes

FACTORS: Final = ("domain", "malignancy", "fitzpatrick")
MODES: Final = ("loss", "sampling")


@dataclass(frozen=True)
class Balance:
    """What training weighs up, and how."""

    over: tuple[str, ...] = ()
    """Which of `domain`, `malignancy`, `fitzpatrick` to balance; in any order, empty for none."""
    mode: str = "loss"
    """`loss`: they multiply the loss, no image is seen twice; `sampling`: they set how often it is drawn."""
    max_ratio: float | None = 10.0
    """No image weighs more than this many average ones; null for no cap.

    What a capped level loses goes to the other levels of its cell, so every mean stays 1. Without a cap the
    five or so smartphone images of skin types V-VI in PAD-UFES-20 would weigh hundreds each.
    """

    def __post_init__(self) -> None:
        over = as_names(self.over)
        for factor in over:
            check_choice("balance.over", factor, FACTORS)
        if len(set(over)) < len(over):
            raise ConfigError(f"balance.over={list(over)} names a factor twice; name each once")
        object.__setattr__(self, "over", tuple(factor for factor in FACTORS if factor in over))
        check_choice("balance.mode", self.mode, MODES)
        if self.max_ratio is not None and not self.max_ratio >= 1:
            raise ConfigError(f"balance.max_ratio={self.max_ratio} must be at least 1, or null for no cap")

    def weights(self, train: pd.DataFrame, target: NDArray[np.int8]) -> NDArray[np.float64]:
        """Weights of the training rows, mean 1, float64 [n].

        Args:
            train: the rows of the train split and no others, with image_id, domain and fst_group.
            target: their binary target 0/1, int8 [n].

        Raises:
            DataError: a domain or skin-type group outside the schema.
        """
        whole = np.zeros(len(train), dtype=np.int64)
        weights = np.ones(len(train))
        if not self.over:
            return weights
        domain = level_codes(train, "domain", DOMAINS, null=False)
        classes = target.astype(np.int64)
        if "domain" in self.over:
            weights *= inverse_frequency(domain, whole, self._ceiling(weights))
        if "malignancy" in self.over:
            cells = domain if "domain" in self.over else whole
            weights *= inverse_frequency(classes, cells, self._ceiling(weights))
        if "fitzpatrick" in self.over:
            cells = domain * 2 + classes if "malignancy" in self.over else domain
            groups = level_codes(train, "fst_group", FST_GROUPS)
            weights *= inverse_frequency(groups, cells, self._ceiling(weights))
        return weights

    def _ceiling(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """By how much the next factor may multiply each row's weight."""
        return (self.max_ratio or np.inf) / weights


def inverse_frequency(
    levels: NDArray[np.int64], cells: NDArray[np.int64], ceiling: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 / (rows of the level in the cell), scaled to mean 1 over the cell's rows with a level; float64 [n].

    Rows without a level (-1) get exactly 1, so each cell's mean is 1 with or without them. No level gets
    more than `ceiling` (the same for all rows of a cell, at least 1): in a cell of N rows with n_l of level l
    a row weighs min(c / n_l, ceiling), where c makes the n_l * weight add up to N.
    """
    known = levels >= 0
    if not known.any():
        return np.ones(len(levels))
    shape = (int(cells.max()) + 1, int(levels.max()) + 1)
    flat = np.where(known, cells * shape[1] + levels, 0)
    counts = np.bincount(flat[known], minlength=shape[0] * shape[1]).reshape(shape)  # [cells, levels]
    most = np.ones((shape[0], 1))
    most[cells, 0] = np.clip(ceiling, 1.0, len(levels))  # no weight can be above the number of rows
    scaled = _fill(counts, most)
    return np.where(known, scaled.ravel()[flat], 1.0)


def _fill(counts: NDArray[np.int64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of each level, float64 [cells, levels]: as equal in mass as `most` [cells, 1] lets them be.

    Each round caps the levels whose equal share of the mass left would lift them above `most`.
    """
    rows = counts.sum(axis=1, keepdims=True)
    capped = np.zeros(counts.shape, dtype=bool)
    weight = np.zeros(counts.shape)
    for _ in range(counts.shape[1]):
        free = (counts > 0) & ~capped
        left = rows - most * np.where(capped, counts, 0).sum(axis=1, keepdims=True)
        mass = left / np.maximum(free.sum(axis=1, keepdims=True), 1)
        weight = np.divide(mass, counts, out=np.zeros(counts.shape), where=free)
        capped |= weight > most
    return np.where(capped, most, weight)
