"""A source's own diagnosis to condition, malignancy and inflammation, through one CSV table per dataset.

The tables lie in `label_tables/<dataset>.csv`, a line per raw label: `raw_label, condition, malignancy,
inflammatory, note`. A label is looked up exactly, after lower-casing and collapsing blanks, hyphens and
underscores. A line with empty condition and malignancy says that the source gives no diagnosis there.

Where the source states malignancy in a column of its own, every row is compared with the table. A benign
label must be benign there and a malignant one malignant; a premalignant one may be what its note names, as
in `[source: benign, malignant]`, for sources differ on what actinic keratosis is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import DataError, first_few, near_matches
from skintag.core.vocabulary import CONDITIONS, MALIGNANCY, Condition

TABLE_FOLDER: Final = Path(__file__).parent / "label_tables"
TABLE_COLUMNS: Final = ("raw_label", "condition", "malignancy", "inflammatory", "note")

_BLANKS = re.compile(r"[\s_\-\u2010-\u2015]+")  # blanks, underscores, hyphens and dashes
_SOURCE_TAG = re.compile(r"\[source: ([^\]]*)\]")


def label_key(label: str) -> str:
    """The form in which labels are compared.

    >>> label_key("Basal-cell_carcinoma  (superficial)")
    'basal cell carcinoma (superficial)'
    """
    return _BLANKS.sub(" ", label.lower()).strip()


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The label table of one dataset, ready for look-up."""

    path: Path
    """The CSV file, named in every error."""
    rows: pd.DataFrame
    """`TABLE_COLUMNS` with condition Int8, malignancy str, inflammatory boolean; indexed by `label_key`."""
    accepts: NDArray[np.bool_]
    """[rows, 3]: which of `MALIGNANCY` the source's own column may say for this label."""

    def apply(self, raw: pd.Series, where: object) -> pd.DataFrame:
        """Condition (Int8), malignancy (str) and inflammatory (boolean) of each raw label.

        Args:
            raw: text [n]; null is undiagnosed and stays null. Its index is the row number in the file.
            where: the metadata file, for the error.

        Returns:
            The three columns, [n, 3], with the index of `raw`.

        Raises:
            DataError: labels that the table does not have; lists them with near matches and row counts.
        """
        position = self._positions(raw, where)
        lines = self.rows[["condition", "malignancy", "inflammatory"]].reset_index(drop=True)
        return lines.reindex(position).set_axis(raw.index)  # there is no line -1: it becomes null

    def check(self, raw: pd.Series, source: pd.Series, where: object) -> None:
        """Compare the table's malignancy with the source's own, row by row.

        Args:
            raw: text [n], null where undiagnosed.
            source: one of `MALIGNANCY` [n] as the source's own column says, null where it says nothing.
                Its name is the column's.
            where: the metadata file, for the error.

        Raises:
            DataError: rows in which the two differ, with labels and row numbers.
        """
        position = self._positions(raw, where)
        said = pd.Categorical(source, categories=list(MALIGNANCY)).codes
        compared = (position >= 0) & (said >= 0)
        wrong = compared & ~self.accepts[np.maximum(position, 0), said]
        if not wrong.any():
            return
        rows = pd.DataFrame({"label": raw[wrong], "said": source[wrong]})
        found = []
        for (label, value), group in rows.groupby(["label", "said"], sort=False):
            ours = self.rows["malignancy"].get(label_key(str(label)))
            where_to = first_few([f"row {number}" for number in group.index], 5)
            found.append(f"{label!r} is {ours} in the table, {value} in the source ({where_to})")
        raise DataError(
            where,
            expected=f"the column {source.name!r} to agree with {self.path.name} in every row",
            found=f"{int(wrong.sum())} row(s) differ: {first_few(found)}",
            fix=f"correct these rows, or the lines of these labels in {self.path}",
        )

    def _positions(self, raw: pd.Series, where: object) -> NDArray[np.intp]:
        """Line of the table for each raw label, intp [n]; -1 where the label is null."""
        codes, labels = pd.factorize(raw)
        names = [str(label) for label in labels]
        line = self.rows.index.get_indexer(pd.Index([label_key(name) for name in names], dtype="str"))
        if (line < 0).any():
            counts = np.bincount(codes[codes >= 0], minlength=len(names))
            unseen = [(names[i], int(counts[i])) for i in np.flatnonzero(line < 0)]
            raise self._unseen(unseen, where)
        return np.append(line, -1)[codes]  # a code of -1 (null) picks the -1 at the end

    def _unseen(self, unseen: list[tuple[str, int]], where: object) -> DataError:
        found = []
        for label, count in unseen:
            near = get_close_matches(label_key(label), list(self.rows.index), n=3, cutoff=0.6)
            names = " or ".join(repr(self.rows["raw_label"][key]) for key in near)
            hint = f", did you mean {names}?" if near else ""
            found.append(f"{label!r} ({count} row{'s' if count != 1 else ''}{hint})")
        return DataError(
            where,
            expected=f"labels that {self.path.name} knows ({len(self.rows)} of them)",
            found=f"{len(unseen)} unseen: {'; '.join(found[:20])}{'; ...' if len(found) > 20 else ''}",
            fix=f"correct the metadata, or add a line for each label to {self.path}",
        )


@cache
def load_label_table(dataset: str, path: Path | None = None) -> LabelTable:
    """The label table of `dataset`, read once per process: the file `path`, or else the one that ships.

    Raises:
        DataError: no table of that name, or a line in it that makes no sense.
    """
    path = path or TABLE_FOLDER / f"{dataset}.csv"
    if not path.is_file():
        known = [file.stem for file in TABLE_FOLDER.glob("*.csv")]
        raise DataError(
            path,
            expected="a label table",
            found="no such file",
            fix=f"{near_matches(dataset, known)} A new dataset needs a table of its own",
        )
    return read_label_table(path)


def read_label_table(path: Path) -> LabelTable:
    """Read and check a label table; its rows are numbered from 2, the header being row 1.

    Raises:
        DataError: a missing column, a value outside the vocabulary, or one label on two lines.
    """
    text = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig", index_col=False)
    if list(text.columns) != list(TABLE_COLUMNS):
        raise DataError(
            path,
            expected=f"the columns {', '.join(TABLE_COLUMNS)}",
            found=f"the columns {', '.join(map(str, text.columns))}",
            fix="write the header line as expected",
        )
    return label_table(path, text.set_axis(pd.RangeIndex(2, len(text) + 2)))


def label_table(path: Path, text: pd.DataFrame) -> LabelTable:
    """Check a label table: `TABLE_COLUMNS`, all text, indexed by row number. Raises as `read_label_table`."""
    undiagnosed = (text["condition"] == "") & (text["malignancy"] == "") & (text["inflammatory"] == "")
    _check_values(path, text[~undiagnosed])
    key = text["raw_label"].map(label_key)
    _refuse(path, text[(key == "") | key.duplicated(keep=False)], "each label once, and none empty")
    number = {condition.slug: int(condition) for condition in Condition}
    rows = pd.DataFrame(
        {
            "raw_label": text["raw_label"],
            "condition": text["condition"].map(number).astype("Int8"),
            "malignancy": text["malignancy"].where(~undiagnosed).astype("str"),
            "inflammatory": text["inflammatory"].map({"true": True, "false": False}).astype("boolean"),
            "note": text["note"],
        }
    )
    return LabelTable(path, rows.set_index(pd.Index(key, name="key")), _accepted(path, text))


def _check_values(path: Path, text: pd.DataFrame) -> None:
    """Refuse lines outside the vocabulary."""
    _refuse(path, text[~text["condition"].isin(CONDITIONS)], f"a condition among {', '.join(CONDITIONS)}")
    _refuse(path, text[~text["malignancy"].isin(MALIGNANCY)], f"a malignancy among {', '.join(MALIGNANCY)}")
    _refuse(path, text[~text["inflammatory"].isin(["true", "false"])], "inflammatory true or false")
    other = text["condition"] == Condition.OTHER_MALIGNANT.slug
    _refuse(path, text[other & (text["malignancy"] != "malignant")], "other_malignant to be malignant")


def _refuse(path: Path, lines: pd.DataFrame, expected: str) -> None:
    if len(lines):
        shown = [f"row {number}: {','.join(line)}" for number, *line in lines.itertuples()]
        raise DataError(path, expected=expected, found=first_few(shown, 5), fix="correct these lines")


def _accepted(path: Path, text: pd.DataFrame) -> NDArray[np.bool_]:
    """Which of `MALIGNANCY` the source may state for each line, bool [lines, 3].

    The line's own malignancy; for premalignant ones what the note names; anything where undiagnosed.
    """
    tags = text["note"].str.extract(_SOURCE_TAG, expand=False)
    misplaced = tags.notna() & (text["malignancy"] != "premalignant")
    _refuse(path, text[misplaced], "[source: ...] on premalignant lines only")
    named = tags.where(tags.notna(), text["malignancy"]).replace("", ", ".join(MALIGNANCY))
    words = named.str.split(r",\s*", regex=True)
    odd = words.map(lambda found: not set(found) <= set(MALIGNANCY))
    _refuse(path, text[odd], f"[source: ...] to name some of {', '.join(MALIGNANCY)}")
    return np.array([[value in found for value in MALIGNANCY] for found in words], dtype=bool).reshape(-1, 3)
