"""Other people's spellings: labels, skin types, sexes and splits as text, turned into the table's own values.

Whatever is not understood is refused with the spellings that were found, never guessed or dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import numpy as np
import pandas as pd

from skintag.core.errors import DataError, first_few, near_matches
from skintag.core.vocabulary import CONDITIONS

UNKNOWN: Final = frozenset(
    ("", "-", "--", "?", "-1", "-1.0", "nan", "none", "null", "nil", "na", "n/a", "<na>", "unknown", "unk",
     "unspecified", "not specified", "not available", "not recorded", "not given", "not reported", "missing",
     "undefined", "undetermined")
)  # fmt: skip
POSITIVE: Final = ("1", "true", "yes", "malignant", "premalignant", "cancer", "positive")
NEGATIVE: Final = ("0", "false", "no", "benign", "negative", "healthy")
PREMALIGNANT: Final = ("premalignant", "precancerous", "precancer")
_SPLITS: Final = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development", "tune", "tuning"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "holdout", "hold-out", "external"), "test"),
}
_SEXES: Final = {
    **dict.fromkeys(("f", "female", "woman", "w"), "female"),
    **dict.fromkeys(("m", "male", "man"), "male"),
}
_ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6}
_GROUP_OF: Final = {1: "I-II", 2: "I-II", 3: "III-IV", 4: "III-IV", 5: "V-VI", 6: "V-VI"}
_PAIRS: Final = {(1, 2): "I-II", (3, 4): "III-IV", (5, 6): "V-VI"}
_PREFIX: Final = re.compile(r"^(fitzpatrick|fst|photo-?type|skin[ _-]?(type|tone)|type|scale|[ _:-])+")

T = TypeVar("T")


def plain(column: pd.Series) -> pd.Series:
    """Text of any column: stripped, lower case, `1.0` as `1`, null as the empty text."""
    text = column.astype("str").fillna("").str.strip().str.lower()
    return text.str.replace(r"^([+-]?\d+)\.0+$", r"\1", regex=True)


def known(column: pd.Series, unknown: Iterable[str] = ()) -> pd.Series:
    """The column as stripped text in its own case, spellings of unknown as null."""
    text = column.astype("str").fillna("").str.strip()
    return text.mask(text.str.lower().isin(_unknowns(unknown)))


def _unknowns(further: Iterable[object]) -> set[str]:
    """All spellings of unknown; the command line gives numbers as numbers."""
    given = [str(word).strip().lower() for word in further]
    return {*UNKNOWN, *given, *plain(pd.Series(given, dtype="str"))}


def numbers(column: pd.Series, name: str, ids: pd.Series, where: object) -> pd.Series:
    """Float values; null where the cell is a spelling of unknown.

    Raises:
        DataError: a cell is no number; decimal commas are refused with the reason.
    """
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64")
    text = column.astype("str").fillna("").str.strip()
    value = pd.to_numeric(text.mask(text.str.lower().isin(UNKNOWN)), errors="coerce").astype("float64")
    bad = value.isna() & ~text.str.lower().isin(UNKNOWN)
    if bad.any():
        comma = text[bad].str.fullmatch(r"[+-]?\d*,\d+").any()
        fix = f"write {name!r} as plain numbers, like 0.53"
        if comma:
            fix = "write a decimal point: 0.53. A comma may be meant as decimal or thousands sign, and guessing it "
            fix += "wrong would change numbers silently"
        elif text[bad].str.endswith("%").any():
            fix = "divide percentages by 100"
        raise DataError(
            where,
            expected=f"numbers in {name!r}" + (" with a decimal point" if comma else ""),
            found=f"{bad.sum():,} other cell(s): {cells(bad, text, ids)}",
            fix=fix,
        )
    return value


def conditions(column: pd.Series, ids: pd.Series, where: object) -> pd.Series:
    """Numbers of the taxonomy's conditions from numbers or names; null where the cell is a spelling of unknown.

    Raises:
        DataError: a cell is neither.
    """
    text = plain(column)
    number = {name: i for i, name in enumerate(CONDITIONS)}
    number |= {str(i): i for i in range(len(CONDITIONS))}
    value = text.str.replace(r"[ -]+", "_", regex=True).map(number).astype("float64")
    bad = value.isna() & ~text.isin(UNKNOWN)
    if bad.any():
        raise DataError(
            where,
            expected=f"'condition' to be 0 to {len(CONDITIONS) - 1}, or {', '.join(CONDITIONS)}",
            found=f"{bad.sum():,} other cell(s): {cells(bad, text, ids)}",
            fix="rename them, or leave the column out: columns.condition=null",
        )
    return value


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
    _refuse_unlabelled(text.where(text.isin(_unknowns(unknown)) & ~text.isin([*wanted, *benign])), ids, where)
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


def skin_types(
    column: pd.Series, unknown: Iterable[str], name: str, where: object
) -> tuple[pd.Series, pd.Series]:
    """Single types (Int8, 1..6) and groups (`I-II`, ...) from 1..6, I..VI, groups, or pairs 12/34/56.

    Raises:
        DataError: a value is none of these and no spelling of unknown.
    """
    none = _unknowns(unknown)

    def parse(value: str) -> tuple[int | None, str | None]:
        if value in none:
            return None, None
        parts = [_ROMAN.get(p, p) for p in re.split(r"\s*(?:-|–|/|,|and|to|&|\+)\s*", _PREFIX.sub("", value))]
        if parts in (["12"], ["34"], ["56"]):
            parts = list(str(parts[0]))
        types = tuple(int(p) if str(p) in "123456" and len(str(p)) == 1 else 0 for p in parts)
        if len(types) == 1 and types[0]:
            return types[0], _GROUP_OF[types[0]]
        if types in _PAIRS:
            return None, _PAIRS[types]
        raise ValueError(value)

    parsed = translated(
        plain(column), parse, name, where, "1..6, I..VI, I-II, III-IV, V-VI, 12, 34, 56, or unknown"
    )
    single = parsed.map(lambda pair: pair[0]).astype("Float64").astype("Int8")
    return single, parsed.map(lambda pair: pair[1]).astype("str")


def splits(column: pd.Series, where: object) -> pd.Series:
    """`train`, `val` or `test` from their usual spellings; DataError for any other."""
    return translated(plain(column), _SPLITS.__getitem__, "split", where, "train, val or test")


def sexes(column: pd.Series, unknown: Iterable[str]) -> pd.Series:
    """`female` and `male` from their usual spellings; other words stay as they are, unknown is null."""
    text = known(column, unknown).str.lower()
    return text.map(_SEXES).fillna(text).astype("str")


def malignancies(column: pd.Series, unknown: Iterable[str], where: object) -> pd.Series:
    """`benign`, `premalignant`, `malignant` or null; DataError for any other word."""
    none = _unknowns(unknown)

    def parse(value: str) -> str | None:
        word = re.sub(r"[ _-]", "", value)
        if value in none:
            return None
        return (
            "premalignant" if word in PREMALIGNANT else {"benign": "benign", "malignant": "malignant"}[word]
        )

    expected = "benign, premalignant, malignant, or unknown"
    return translated(plain(column), parse, "malignancy", where, expected).astype("str")


def translated(
    text: pd.Series, parse: Callable[[str], T], name: str, where: object, expected: str
) -> pd.Series:
    """Each distinct value parsed once; all that cannot be are refused together."""
    meaning, strange = {}, []
    for value in text.unique():
        try:
            meaning[value] = parse(str(value))
        except (KeyError, ValueError):
            strange.append(value)
    if strange:
        counts = text.value_counts()
        found = first_few([f"{value!r} ({counts[value]:,} rows)" for value in strange])
        fix = f"rename them, map another column, columns.{name}=<column>, or none, columns.{name}=null"
        if name != "split":  # every row is of one of them
            fix += f"; if they mean unknown: {option('unknown', strange)}"
        raise DataError(where, expected=f"{name!r} to be {expected}", found=found, fix=fix)
    codes, values = pd.factorize(text)
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):  # an assignment in one go would unpack pairs
        column[i] = meaning[value]
    return pd.Series(column[codes], index=text.index, dtype=object)


def option(name: str, words: Sequence[object]) -> str:
    """A list of words as the command line takes it, quoted where that is needed."""
    texts = [str(word) for word in words]
    quoted = [t if re.fullmatch(r"[\w.-]+", t) else '"' + t.replace('"', '\\"') + '"' for t in texts]
    return f"'{name}=[{','.join(quoted)}]'"


def refuse_missing(missing: pd.Series, what: str, ids: pd.Series, where: object, fix: str) -> None:
    """DataError naming the rows where `missing` is true."""
    if missing.any():
        rows = first_few([row_name(i, ids) for i in np.flatnonzero(missing.to_numpy())[:50]], 5)
        raise DataError(
            where, expected=f"{what} in every row", found=f"{missing.sum():,} row(s) without: {rows}", fix=fix
        )


def row_name(position: int, ids: pd.Series) -> str:
    """A row as a person finds it: counted from 1 below the header, with its image."""
    return f"row {position + 1} ({ids.iloc[position]})"


def cells(bad: pd.Series, values: pd.Series, ids: pd.Series) -> str:
    """The first few cells of a mask with their rows."""
    rows = np.flatnonzero(bad.to_numpy())[:50]
    return first_few([f"'{values.iloc[i]}' in {row_name(int(i), ids)}" for i in rows], 5)


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
