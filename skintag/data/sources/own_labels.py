"""Label tables of one's own: drafted from a metadata file, filled in by a person, and read when they are whole.

In a table that ships an empty line means undiagnosed. In one of these it means that nobody has filled it in yet, and
is refused; what the source gives no diagnosis for has `undiagnosed` as its condition.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Final

import pandas as pd

from skintag.core.errors import DataError, first_few, near_matches
from skintag.data.catalog.labels import (
    TABLE_COLUMNS,
    TABLE_FOLDER,
    LabelTable,
    label_key,
    label_table,
    load_label_table,
)
from skintag.data.sources.table import MetadataTable, read_table

UNDIAGNOSED: Final = "undiagnosed"
_MEANING: Final = ("condition", "malignancy", "inflammatory")
_NEAR: Final = 0.75  # of difflib's ratio; below it words that share little but their ending are near
_TODO: Final = f"fill in {', '.join(_MEANING)}, or write {UNDIAGNOSED} as the condition"


def own_label_table(named: str, folder: Path) -> LabelTable:
    """The label table that a description names.

    Args:
        named: a CSV file, or the name of a table that ships with SkinTag.
        folder: that paths are relative to.

    Raises:
        DataError: there is none, or it is not filled in, or a line makes no sense.
    """
    path = folder / named
    if path.is_file():
        return read_own_labels(path)
    shipped = sorted(file.stem for file in TABLE_FOLDER.glob("*.csv"))
    if named in shipped:
        return load_label_table(named)
    raise DataError(
        path,
        expected=f"a label table, or the name of one that ships: {', '.join(shipped)}",
        found="no such file",
        fix="write one to fill in: skintag labels draft <csv> column=<the diagnosis> out=<this file>",
    )


def read_own_labels(path: Path) -> LabelTable:
    """Read a label table as a spreadsheet saves it: any separator and encoding, TRUE for true, names with blanks.

    Raises:
        DataError: rows are still empty, a column is missing, or a line makes no sense.
    """
    table = read_table(path)
    text = pd.DataFrame({name: _cells(table, name) for name in TABLE_COLUMNS})
    text["raw_label"] = text["raw_label"].str.replace(
        r"^'(?=[=+@-])", "", regex=True
    )  # see csv_text.safe_cell
    for name in _MEANING:
        text[name] = text[name].map(label_key).str.replace(" ", "_")
    unsaid = text["condition"] == UNDIAGNOSED
    text.loc[unsaid, list(_MEANING)] = ""
    open_rows = text[~unsaid & (text[list(_MEANING)] == "").any(axis=1)]
    if len(open_rows):
        shown = [f"row {number}: {label!r}" for number, label in open_rows["raw_label"].items()]
        raise DataError(
            path,
            expected=f"{', '.join(_MEANING)} of every label",
            found=f"{len(shown)} of {len(text)} rows still empty: {first_few(shown)}",
            fix=_TODO,
        )
    return label_table(path, text)


def _cells(table: MetadataTable, name: str) -> pd.Series:
    """A column as it stands, for `unknown` may be a label."""
    if name == "note" and not table.has(name):
        return pd.Series("", index=table.frame.index, dtype="str")
    table.need(name)  # says if it is not there
    return table.frame[name].str.strip()


def draft_labels(path: Path, column: str) -> pd.DataFrame:
    """A label table for one column of a metadata file, to be filled in.

    A label that the shipped tables know, all with one meaning, gets it; of others the note says what is near.

    Returns:
        `TABLE_COLUMNS`, all text, the commonest label first; empty cells are for a person to fill.

    Raises:
        DataError: the file cannot be read, has no such column, or no label in it.
    """
    table = read_table(path)
    labels = table.need(column).dropna()
    if labels.empty:
        fix = f"name another column: {near_matches(column, [str(c) for c in table.frame])}"
        raise DataError(f"{path}, column {column!r}", expected="diagnoses", found="no text in it", fix=fix)
    known = _known()
    first = labels.groupby(labels.map(label_key)).agg(["first", "size"])
    first = first.sort_values(["size", "first"], ascending=[False, True])
    rows = [_line(key, str(row["first"]), int(row["size"]), known) for key, row in first.iterrows()]
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS), dtype="str")


def _line(key: object, label: str, count: int, known: pd.DataFrame) -> tuple[str, ...]:
    """One line of a draft."""
    same = known[known.index == key]
    meanings = same.drop(columns="dataset").drop_duplicates()
    note = f"{count:,} row{'s' if count != 1 else ''}"
    if len(meanings) == 1:
        condition, malignancy, inflammatory = meanings.iloc[0]
        return label, condition, malignancy, inflammatory, f"{note}; as in {', '.join(same['dataset'])}"
    if len(meanings):
        said = [f"{row.condition} {row.malignancy} in {row.dataset}" for row in same.itertuples()]
        return label, "", "", "", f"{note}; tables differ: {', '.join(said)}"
    near = get_close_matches(str(key), sorted(set(known.index)), n=2, cutoff=_NEAR)
    return label, "", "", "", note + (f"; near: {' or '.join(near)}" if near else "")


def _known() -> pd.DataFrame:
    """What the shipped tables say of each label: `_MEANING` and `dataset`, text, indexed by label key."""
    parts = []
    for file in sorted(TABLE_FOLDER.glob("*.csv")):
        text = pd.read_csv(file, dtype="str", keep_default_na=False, usecols=["raw_label", *_MEANING])
        key = text["raw_label"].map(label_key)
        parts.append(text[list(_MEANING)].assign(dataset=file.stem).set_axis(pd.Index(key), axis=0))
    known = pd.concat(parts)
    return known[known["condition"] != ""]
