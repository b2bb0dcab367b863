"""Other people's spellings: labels, skin types, sexes and splits as text, turned into the table's own values.

Whatever is not understood is refused with the spellings that were found, never guessed or dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import numpy as np
import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.core.vocabulary import CONDITIONS, FST_GROUP_OF, FST_GROUPS, SEXES, SPLITS

UNKNOWN: Final = frozenset(
    ("", "-", "--", "?", "-1", "-1.0", "nan", "none", "null", "nil", "na", "n/a", "<na>", "unknown", "unk",
     "unspecified", "not specified", "not available", "not recorded", "not given", "not reported", "missing",
     "undefined", "undetermined")
)  # fmt: skip
_SPLITS: Final = {
    **dict.fromkeys(("training", "trn"), "train"),
    **dict.fromkeys(("valid", "validation", "dev", "development", "tune", "tuning"), "val"),
    **dict.fromkeys(("testing", "tst", "holdout", "hold-out", "external"), "test"),
    **{name: name for name in SPLITS},
}
_SEXES: Final = {
    **dict.fromkeys(("f", "woman", "w"), "female"),
    **dict.fromkeys(("m", "man"), "male"),
    **{name: name for name in SEXES},
}
_ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6}
_TYPES_OF: Final = {tuple(t for t, g in FST_GROUP_OF.items() if g == group): group for group in FST_GROUPS}
_PREFIX: Final = re.compile(r"^(fitzpatrick|fst|photo-?type|skin[ _-]?(type|tone)|type|scale|[ _:-])+")

_OBEYED: Final = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"

T = TypeVar("T")


def plain(column: pd.Series) -> pd.Series:
    """Text of any column: stripped, lower case, `1.0` as `1`, null as the empty text."""
    text = column.astype("str").fillna("").str.strip().str.lower()
    return text.str.replace(r"^([+-]?\d+)\.0+$", r"\1", regex=True)


def shown(column: pd.Series) -> pd.Series:
    """Text of any column without what a terminal would obey: control signs, and those that turn lines round, as `?`."""
    return column.astype("str").fillna("").str.replace(_OBEYED, "?", regex=True)


def known(column: pd.Series, unknown: Iterable[str] = ()) -> pd.Series:
    """The column as stripped text in its own case, spellings of unknown as null."""
    text = shown(column).str.strip()
    return text.mask(text.str.lower().isin(unknowns(unknown)))


def unknowns(further: Iterable[object]) -> set[str]:
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


def skin_types(
    column: pd.Series, unknown: Iterable[str], name: str, where: object
) -> tuple[pd.Series, pd.Series]:
    """Single types (Int8, 1..6) and groups (`I-II`, ...) from 1..6, I..VI, groups, or pairs 12/34/56.

    Raises:
        DataError: a value is none of these and no spelling of unknown.
    """
    none = unknowns(unknown)

    def parse(value: str) -> tuple[int | None, str | None]:
        if value in none:
            return None, None
        parts = [_ROMAN.get(p, p) for p in re.split(r"\s*(?:-|–|/|,|and|to|&|\+)\s*", _PREFIX.sub("", value))]
        if parts in (["12"], ["34"], ["56"]):
            parts = list(str(parts[0]))
        types = tuple(int(p) if str(p) in "123456" and len(str(p)) == 1 else 0 for p in parts)
        if len(types) == 1 and types[0]:
            return types[0], FST_GROUP_OF[types[0]]
        if types in _TYPES_OF:
            return None, _TYPES_OF[types]
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
