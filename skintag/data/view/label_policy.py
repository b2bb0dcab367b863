"""How the labels of the catalog become training targets, and which rows cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import DataError, first_few
from skintag.core.vocabulary import MALIGNANCY, Condition
from skintag.data.view.levels import check_choice, level_codes, rows_named

UNDIAGNOSED: Final = "undiagnosed"
PREMALIGNANT_EXCLUDED: Final = "premalignant, excluded by labels.premalignant"
NON_NEOPLASTIC_EXCLUDED: Final = "non-neoplastic, excluded by labels.non_neoplastic"

_BENIGN, _PREMALIGNANT, _MALIGNANT = range(3)  # positions in MALIGNANCY


@dataclass(frozen=True)
class Targets:
    """What a label policy makes of n rows."""

    target: NDArray[np.int8]
    """0 benign, 1 malignant; -1 where the row is not used. Shape [n]."""
    condition: NDArray[np.int8]
    """0..9, or 0..10 in the extended taxonomy; -1 where the row is not used. Shape [n]."""
    left_out: NDArray[np.object_]
    """Why the row is not used, "" where it is. Shape [n]."""

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Rows that have a target, bool [n]."""
        return self.left_out == ""


@dataclass(frozen=True)
class LabelPolicy:
    """The choices between a diagnosis and a target.

    The binary target follows the source's own malignancy, never the condition: a Fitzpatrick17k image of
    mycosis fungoides is malignant although none of the ten conditions is.
    """

    premalignant: str = "malignant"
    """What actinic keratosis and its like count as: `malignant`, `benign`, or `exclude`."""
    non_neoplastic: str = "benign"
    """What benign rows of the condition non-neoplastic count as: `benign` or `exclude`."""
    taxonomy: str = "ten"
    """`ten` conditions (other malignant folded into other/unknown) or `extended` (eleven)."""

    def __post_init__(self) -> None:
        check_choice("labels.premalignant", self.premalignant, ("malignant", "benign", "exclude"))
        check_choice("labels.non_neoplastic", self.non_neoplastic, ("benign", "exclude"))
        check_choice("labels.taxonomy", self.taxonomy, ("ten", "extended"))

    @property
    def n_conditions(self) -> int:
        """Conditions that a model learns: 10, or 11 in the extended taxonomy."""
        return len(Condition) if self.taxonomy == "extended" else len(Condition) - 1

    @property
    def malignant_conditions(self) -> tuple[int, ...]:
        """Conditions whose rows are malignant under this policy, ascending.

        Other/unknown is not among them: it holds both kinds, so the binary target cannot be told from it.
        """
        chosen = [Condition.MELANOMA, Condition.BASAL_CELL_CARCINOMA, Condition.SQUAMOUS_CELL_CARCINOMA]
        if self.premalignant == "malignant":
            chosen.append(Condition.ACTINIC_KERATOSIS)
        if self.taxonomy == "extended":
            chosen.append(Condition.OTHER_MALIGNANT)
        return tuple(int(condition) for condition in chosen)

    def targets(self, frame: pd.DataFrame) -> Targets:
        """Targets of the rows of `frame` (columns image_id, malignancy, condition).

        A row is undiagnosed, and left out, where its malignancy is null. A row of known malignancy
        without a condition is other/unknown (other malignant, if malignant, in the extended taxonomy).

        Raises:
            DataError: a malignancy or condition outside the schema.
        """
        malignancy = level_codes(frame, "malignancy", MALIGNANCY)
        source = _condition_codes(frame)
        threshold = _PREMALIGNANT if self.premalignant == "malignant" else _MALIGNANT
        target = (malignancy >= threshold).astype(np.int8)

        condition = np.where(source < 0, Condition.OTHER_UNKNOWN, source)
        condition[(source < 0) & (malignancy == _MALIGNANT)] = Condition.OTHER_MALIGNANT
        if self.taxonomy == "ten":
            condition[condition == Condition.OTHER_MALIGNANT] = Condition.OTHER_UNKNOWN

        left_out = np.full(len(frame), "", dtype=object)
        if self.non_neoplastic == "exclude":
            left_out[(source == Condition.NON_NEOPLASTIC) & (malignancy == _BENIGN)] = NON_NEOPLASTIC_EXCLUDED
        if self.premalignant == "exclude":
            left_out[malignancy == _PREMALIGNANT] = PREMALIGNANT_EXCLUDED
        left_out[malignancy < 0] = UNDIAGNOSED
        unused = left_out != ""
        target[unused], condition[unused] = -1, -1
        return Targets(target=target, condition=condition.astype(np.int8), left_out=left_out)


def _condition_codes(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The catalog's condition as int64 [n], null as -1."""
    codes: NDArray[np.int64] = np.asarray(frame["condition"].astype("Int64").fillna(-1), dtype=np.int64)
    wrong = (codes < -1) | (codes >= len(Condition))
    if wrong.any():
        raise DataError(
            "column 'condition' of the catalog",
            expected=f"0..{len(Condition) - 1} or null",
            found=f"{first_few(sorted(set(codes[wrong])))}; {rows_named(frame, wrong)}",
            fix="correct the source's label table, then run skintag prepare again",
        )
    return codes
