"""Cells of a metadata file to values: unknown is null, and a cell that makes no sense an error with its row.

Every function takes a text column whose index is the row number and whose name is the column's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from skintag.core.errors import DataError, first_few
from skintag.core.vocabulary import FST_GROUPS

# What metadata files write where they do not know.
_UNKNOWN: Final = ("", "nan", "na", "n/a", "null", "none", "unknown", "unk", "not specified", "-")
_ROMAN: Final = ("i", "ii", "iii", "iv", "v", "vi")
_TRUE_FALSE: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), False),
}
_SEX: Final = {"female": "female", "f": "female", "male": "male", "m": "male"}
_SKIN_TYPE: Final = {
    **{str(number): number for number in range(1, 7)},
    **{f"{number}.0": number for number in range(1, 7)},
    **{roman: number for number, roman in enumerate(_ROMAN, start=1)},
}
_SKIN_TONE: Final = {"12": "I-II", "34": "III-IV", "56": "V-VI"}
_LIGHTEST: Final = 5  # of the scale of skin tones; 0 is very dark
_OLDEST: Final = 120


def tidy(cells: pd.Series) -> pd.Series:
    """Text without outer blanks; blank and words for unknown become null."""
    text = cells.astype("str").str.strip()
    return text.mask(text.str.lower().isin(_UNKNOWN))


def lower(cells: pd.Series) -> pd.Series:
    """Lower-case text, null stays null."""
    return cells.str.lower()


def ages(cells: pd.Series, where: object) -> pd.Series:
    """Years, Float32 [n]: `80`, `80.0` and `85+` are read."""
    years = pd.to_numeric(cells.str.removesuffix("+"), errors="coerce").astype("float64")
    sensible = years.between(0, _OLDEST)
    refuse(cells[cells.notna() & ~sensible], where, f"an age from 0 to {_OLDEST} years, or nothing")
    return years.astype("Float32")


def sexes(cells: pd.Series, where: object) -> pd.Series:
    """`female` or `male`, text [n]."""
    return translate(cells, _SEX, where, "female, male or nothing").astype("str")


def skin_types(cells: pd.Series, where: object) -> pd.Series:
    """Fitzpatrick types 1 to 6, Int8 [n]; -1 is unknown."""
    known = cells.mask(cells.isin(["-1", "-1.0"]))
    return translate(known, _SKIN_TYPE, where, "a Fitzpatrick type from 1 to 6, -1 or nothing").astype("Int8")


def skin_tone_groups(cells: pd.Series, where: object) -> pd.Series:
    """DDI's pairs of Fitzpatrick types, 12, 34 and 56, to `I-II`, `III-IV` and `V-VI`, text [n]."""
    pairs = cells.str.removesuffix(".0")
    return translate(pairs, _SKIN_TONE, where, "a skin tone 12, 34 or 56").astype("str")


def skin_type_pairs(cells: pd.Series, where: object) -> pd.Series:
    """Pairs of Fitzpatrick types as `skin_tone_groups` reads them, or written `I-II`, `III-IV`, `V-VI`, text [n]."""
    pairs = {**_SKIN_TONE, **{group.lower(): group for group in FST_GROUPS}}
    said = cells.str.removesuffix(".0")
    return translate(said, pairs, where, f"12, 34, 56 or {', '.join(FST_GROUPS)}, or nothing").astype("str")


def skin_tones(cells: pd.Series, where: object) -> pd.Series:
    """Skin tones from 0, very dark, to 5, very light, Int8 [n]. They are no Fitzpatrick types, and 0 is not unknown."""
    tones = {f"{tone}{end}": tone for tone in range(_LIGHTEST + 1) for end in ("", ".0")}
    expected = f"a skin tone from 0 (very dark) to {_LIGHTEST} (very light), or nothing"
    return translate(cells, tones, where, expected).astype("Int8")


def flags(cells: pd.Series, where: object) -> pd.Series:
    """TRUE, True, yes or 1 and their opposites, boolean [n]."""
    return translate(cells, _TRUE_FALSE, where, "True or False").astype("boolean")


def one_hot(cells: pd.DataFrame, where: object) -> pd.Series:
    """The name of the one column that is 1 in each row, text [n].

    Raises:
        DataError: a cell that is neither 0 nor 1, or a row with no 1 or several.
    """
    numbers = cells.apply(pd.to_numeric, errors="coerce")
    for name in cells:
        refuse(cells[name][~numbers[name].isin([0, 1])], where, "0 or 1 in the label columns")
    ones = numbers.sum(axis=1)
    refuse(ones[ones != 1].astype("int64").rename("sum of labels"), where, "one label in each row")
    names = np.asarray(cells.columns)[numbers.to_numpy().argmax(axis=1)]
    return pd.Series(names, index=cells.index, dtype="str", name="label")


def translate(cells: pd.Series, meaning: Mapping[str, Any], where: object, expected: str) -> pd.Series:
    """`meaning` of each lower-cased cell; null stays null, anything else is refused."""
    values = cells.str.lower().map(meaning)
    refuse(cells[cells.notna() & values.isna()], where, expected)
    return values


def refuse(bad: pd.Series, where: object, expected: str, fix: str = "correct these cells") -> None:
    """Raise DataError that names the column, the rows and the cells, where `bad` has any."""
    if len(bad):
        shown = [f"row {number}: {value!r}" for number, value in bad.items()]
        raise DataError(
            f"{where}, column {bad.name!r}",
            expected=expected,
            found=f"{len(bad)} bad cell(s): {first_few(shown)}",
            fix=fix,
        )
