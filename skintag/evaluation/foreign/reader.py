"""One foreign file's columns, turned into the predictions table's, with notes on what was understood how."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from skintag.core.bands import age_group_of
from skintag.core.errors import DataError, first_few
from skintag.evaluation.foreign import labels, values
from skintag.evaluation.foreign.settings import PREDICTED, ForeignSettings
from skintag.evaluation.predictions.premalignant import NONE_IN_TABLE, premalignant_side

NOT_GIVEN: Final = "not given"
ROUNDING: Final = 1e-5
"""How far from [0, 1] a score may lie: sums of float32 softmax terms miss 1 by 1e-7, printed ones by a few more."""


class ForeignReader:
    """Turns the columns of one file into the predictions table's, and keeps notes.

    Args:
        where: the file, for messages.
        settings: how to read it.
        columns: its columns by our names.
        unasked: those of them that nobody named, and that only happen to bear our names.
    """

    def __init__(
        self,
        where: Path,
        settings: ForeignSettings,
        columns: dict[str, pd.Series],
        unasked: Collection[str] = (),
    ) -> None:
        self.where, self.settings, self.columns, self.unasked = where, settings, columns, unasked
        self.notes: list[str] = []
        self.left_out: list[str] = []
        ids = values.shown(columns["image_id"]).str.strip()
        values.refuse_missing(ids == "", "an image_id", ids, where, fix="fill the column, or map another one")
        self.ids = ids

    def frame(self) -> pd.DataFrame:
        """All columns of the table that the file can give."""
        stem = self.where.name.split(".")[0]
        out = pd.DataFrame({"image_id": self.ids})
        out["model"] = self._word("model", self.settings.model or stem)
        out["dataset"] = self._word("dataset", self.settings.dataset or stem)
        out["domain"] = self._word("domain", self.settings.domain or NOT_GIVEN)
        out["split"] = self._split()
        out["p_malignant"] = self._score()
        malignancy = self._malignancy()
        if malignancy is not None:
            out["malignancy"] = malignancy
        else:
            self.notes.append("premalignant lesions are not marked: the other binarisation cannot be shown")
        out["target"] = self._target(malignancy)
        if malignancy is not None:
            side = premalignant_side(out, self.where)
            told = {NONE_IN_TABLE: "no lesion is premalignant", "": "no row says whether it is premalignant"}
            self.notes.append(told.get(side, f"premalignant lesions count as {side} in the target"))
        self._refuse_repeated(out)
        self._skin(out)
        self._person(out)
        self._clusters(out)
        self._understood(out, ["condition"], lambda name, c: values.conditions(c, self.ids, self.where))
        self._understood(out, PREDICTED, self._numbers)
        return out

    def _numbers(self, name: str, column: pd.Series) -> pd.Series:
        return values.numbers(column, name, self.ids, self.where)

    def _understood(
        self, out: pd.DataFrame, names: Sequence[str], read: Callable[[str, pd.Series], pd.Series]
    ) -> None:
        """Add these columns; where one cannot be read, all are left out with a note, unless they were asked for."""
        present = [name for name in names if name in self.columns]
        try:
            found = {name: read(name, self.columns[name]) for name in present}
        except DataError as error:
            if not set(present) <= set(self.unasked):
                raise
            self.left_out += present
            self.notes.append(f"{first_few(present)} ignored: expected {error.expected}; found {error.found}")
            return
        for name, column in found.items():
            out[name] = column

    def _word(self, name: str, default: str) -> pd.Series:
        if name not in self.columns:
            self.notes.append(f"no column for {name}: {default!r} for all rows")
            return pd.Series(default, index=self.ids.index, dtype="str")
        column = values.known(self.columns[name], self.settings.unknown)
        if column.isna().any():
            self.notes.append(f"{name} is unknown for {column.isna().sum():,} rows: called {NOT_GIVEN!r}")
        return column.fillna(NOT_GIVEN)

    def _split(self) -> pd.Series:
        if "split" in self.columns:
            return values.splits(self.columns["split"], self.where)
        self.notes.append(f"no column for split: all rows count as {self.settings.rows_are}")
        return pd.Series(self.settings.rows_are, index=self.ids.index, dtype="str")

    def _score(self) -> pd.Series:
        score = values.numbers(self.columns["p_malignant"], "p_malignant", self.ids, self.where)
        values.refuse_missing(
            score.isna(), "a score", self.ids, self.where, fix="drop unscored rows, and say so"
        )
        outside = ~score.between(0, 1)
        near = outside & score.between(-ROUNDING, 1 + ROUNDING)
        if outside.any() and near.equals(outside):
            beyond = float(np.maximum(score - 1, -score)[near].max())
            self.notes.append(
                f"{near.sum():,} scores outside [0, 1] by rounding (at most {beyond:.1g}) taken as 0 or 1"
            )
            return score.clip(0, 1)
        if outside.any():
            fix = "give probabilities: logits go through a sigmoid, percentages are divided by 100"
            raise DataError(
                self.where,
                expected="scores in [0, 1]",
                found=f"{outside.sum():,} outside: {values.cells(outside, score, self.ids)}",
                fix=fix,
            )
        return score

    def _malignancy(self) -> pd.Series | None:
        """The three-valued label, from its own column or from a target column that uses its words."""
        if "malignancy" in self.columns:
            return labels.malignancies(self.columns["malignancy"], self.settings.unknown, self.where)
        source = self.columns["target"]
        words = values.plain(source).str.replace(r"[ _-]", "", regex=True)
        if not words.isin(labels.PREMALIGNANT).any() or self.settings.positive:
            return None
        return labels.malignancies(source, self.settings.unknown, self.where)

    def _target(self, malignancy: pd.Series | None) -> pd.Series:
        if "target" in self.columns and (malignancy is None or "malignancy" in self.columns):
            s = self.settings
            column, note = labels.targets(
                self.columns["target"], s.positive, s.negative, self.ids, self.where, s.unknown
            )
            self.notes.append(note)
            return column
        assert malignancy is not None
        values.refuse_missing(
            malignancy.isna(), "a malignancy", self.ids, self.where, fix="drop unlabelled rows"
        )
        self.notes.append("target from the three-valued label")
        return (malignancy != "benign").astype("Int8")

    def _refuse_repeated(self, out: pd.DataFrame) -> None:
        twice = out.duplicated(["image_id", "model"], keep=False)
        if twice.any():
            positions = np.flatnonzero(twice)
            where = out[twice].groupby(["model", "image_id"], sort=False).indices
            found = [
                f"{out['image_id'].iloc[positions[rows[0]]]} in rows {first_few(list(positions[rows] + 1), 3)}"
                for rows in list(where.values())[:50]
            ]
            fix = "keep one row of each"
            if "model" not in self.columns:
                fix += ", or, if the file holds several models, name their column: columns.model=<column>"
            raise DataError(
                self.where,
                expected="one row per image and model",
                found=f"{len(where):,} image(s) more than once: {first_few(found, 5)}",
                fix=fix,
            )
        answers = out.groupby("image_id")["target"].nunique()
        if (answers > 1).any():
            raise DataError(
                self.where,
                expected="the same target for an image whatever the model",
                found=f"{(answers > 1).sum():,} image(s) with two: {first_few(list(answers[answers > 1].index), 5)}",
                fix="correct the labels: models are compared on the same truth",
            )

    def _skin(self, out: pd.DataFrame) -> None:
        unknown = self.settings.unknown
        if "fitzpatrick" in self.columns:
            single, group = values.skin_types(self.columns["fitzpatrick"], unknown, "fitzpatrick", self.where)
            out["fitzpatrick"], out["fst_group"] = single, group
        if "fst_group" in self.columns:
            _, group = values.skin_types(self.columns["fst_group"], unknown, "fst_group", self.where)
            own = out.get("fst_group", pd.Series(None, index=out.index, dtype="str"))
            clash = own.notna() & group.notna() & (own != group)
            if clash.any():
                raise DataError(
                    self.where,
                    expected="fitzpatrick and fst_group to agree",
                    found=f"{clash.sum():,} row(s) where not: {values.cells(clash, group, self.ids)}",
                    fix="leave one of the two out: columns.fst_group=null",
                )
            out["fst_group"] = own.fillna(group)
        if "fst_group" not in out:
            self.notes.append("no column for skin type: nothing can be said about skin tone")
        elif out["fst_group"].isna().any():
            self.notes.append(f"skin type unknown for {out['fst_group'].isna().sum():,} of {len(out):,} rows")

    def _person(self, out: pd.DataFrame) -> None:
        unknown = self.settings.unknown
        if "sex" in self.columns:
            out["sex"] = values.sexes(self.columns["sex"], unknown)
        if "age_group" in self.columns:
            out["age_group"] = values.known(self.columns["age_group"], unknown)
        elif "age" in self.columns:
            self._understood(out, ["age"], self._numbers)
            if "age" in out:
                age = out.pop("age")
                out["age_group"] = age_group_of(age.where(age >= 0))
        if "site" in self.columns:
            out["site"] = values.known(self.columns["site"], unknown)

    def _clusters(self, out: pd.DataFrame) -> None:
        """`group_id` as given, or else joined from patients and lesions."""
        for name in ("lesion_id", "patient_id", "group_id"):
            if name in self.columns:
                out[name] = values.known(self.columns[name], self.settings.unknown)
        if "group_id" in self.columns:
            return
        keys = [name for name in ("patient_id", "lesion_id") if name in self.columns]
        if not keys:
            self.notes.append("no column for patient, lesion or group: intervals ignore clustering")
            return
        out["group_id"] = _joined(out, keys)
        self.notes.append(f"clusters for intervals: images joined by {' or '.join(keys)}")


def _joined(out: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """One name for all images that share a key, directly or in a chain; null where every key is."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    images, _ = pd.factorize(out["image_id"])
    total = int(images.max()) + 1
    pairs = []
    for name in keys:
        codes, uniques = pd.factorize(out[name])
        seen = codes >= 0
        pairs.append((images[seen], codes[seen] + total))
        total += len(uniques)
    rows, columns = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    graph = coo_array((np.ones(len(rows)), (rows, columns)), shape=(total, total))
    _, label = connected_components(graph, directed=False)
    # named after its first image, so that the order of rows changes nothing
    group = out.groupby(label[images])["image_id"].transform("min")
    return group.where(out[list(keys)].notna().any(axis=1))
