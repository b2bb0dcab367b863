"""Other people's labels as targets: which words mean malignant, and which say that a lesion is premalignant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few, near_matches
from skintag.core.vocabulary import MALIGNANCY
from skintag.evaluation.foreign.values import option, plain, refuse_missing, translated, unknowns

POSITIVE: Final = ("1", "true", "yes", "malignant", "premalignant", "cancer", "positive")
NEGATIVE: Final = ("0", "false", "no", "benign", "negative", "healthy")
PREMALIGNANT: Final = ("premalignant", "precancerous", "precancer")
_MALIGNANCY: Final = {**dict.fromkeys(PREMALIGNANT, "premalignant"), **{word: word for word in MALIGNANCY}}


def targets(
    column: pd.Series,
    positive: Sequence[str],
    negative: Sequence[str],
    ids: pd.Series,
    where: object,
    unknown: Iterable[str] = (),
) -> tuple[pd.Series, str]:
    """0/1 from labels, and one sentence that says which label became what.

    Without `positive`, only the spellings in `POSITIVE` and `NEGATIVE` are understood. With it, what is listed
    is positive and every other label negative; `negative` narrows the latter to a list of its own. Spellings of
    unknown are no labels, unless they are listed.

    Raises:
        DataError: a row has no label, a label is not understood, or a given one does not occur.
    """
    text = plain(column)
    wanted = tuple(plain(pd.Series([str(p) for p in positive]))) or POSITIVE
    benign = tuple(plain(pd.Series([str(p) for p in negative]))) or (() if positive else NEGATIVE)
    _refuse_unlabelled(text.where(text.isin(unknowns(unknown)) & ~text.isin([*wanted, *benign])), ids, where)
    labels = text.value_counts()
    if positive:
        _refuse_absent(wanted, labels.index, "positive", where)
    if negative:
        _refuse_absent(benign, labels.index, "negative", where)
    strange = [label for label in labels.index if label not in wanted and benign and label not in benign]
    if strange:
        raise DataError(
            where,
            expected=f"labels among {first_few([*wanted, *benign], 20)}",
            found=f"{len(strange)} other label(s): {first_few([f'{s} ({labels[s]:,})' for s in strange])}",
            fix="say which labels mean malignant: 'positive=[melanoma,bcc]'; all others then count as benign",
        )
    value = text.isin(wanted).astype("Int8")
    counted = [f"{label} ({n:,})" for label, n in labels.items()]
    parts = [first_few([c for c, label in zip(counted, labels.index, strict=True) if (label in wanted) == side], 12)
             for side in (True, False)]  # fmt: skip
    return value, f"target 1 (malignant): {parts[0] or 'none'}; target 0: {parts[1] or 'none'}"


def malignancies(column: pd.Series, unknown: Iterable[str], where: object) -> pd.Series:
    """`benign`, `premalignant`, `malignant` or null; DataError for any other word."""
    none = unknowns(unknown)

    def parse(value: str) -> str | None:
        word = re.sub(r"[ _-]", "", value)
        if value in none:
            return None
        return _MALIGNANCY[word]

    expected = "benign, premalignant, malignant, or unknown"
    return translated(plain(column), parse, "malignancy", where, expected).astype("str")


def _refuse_unlabelled(missing: pd.Series, ids: pd.Series, where: object) -> None:
    """DataError for rows whose label is a spelling of unknown; null where a row has a label."""
    fix = "drop unlabelled rows: they cannot be scored"
    words = [word for word in missing.dropna().unique() if word]
    if words:
        spelt = ", ".join(repr(word) for word in words)
        fix += f"; {spelt} count as unknown. Where they are labels, list all that mean benign: "
        fix += option("negative", [*words, "nevus"])
    refuse_missing(missing.notna(), "a label", ids, where, fix=fix)


def _refuse_absent(given: Sequence[str], labels: pd.Index, name: str, where: object) -> None:
    """A given label that occurs nowhere is a spelling mistake, and would turn positives into negatives."""
    absent = [label for label in given if label not in set(labels)]
    if absent:
        raise DataError(
            where,
            expected=f"every label of {name}= to occur in the target column",
            found=f"no row with {first_few([repr(a) for a in absent])}",
            fix=near_matches(absent[0], [str(label) for label in labels]),
        )
