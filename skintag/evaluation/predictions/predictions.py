"""The predictions table: one row per image and model, the interface between training and evaluation.

Whoever fits or chooses something (a threshold, a calibration, a checkpoint) takes a `ValPredictions`; whoever
reports takes a `TestPredictions`. Neither is a subclass of the other, so a type checker refuses the mistake,
`require_val` refuses it at run time, and both classes refuse rows of another split when they are made.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skintag.core.bands import age_group_of
from skintag.core.errors import DataError, first_few, near_matches
from skintag.core.parquet import read_parquet, write_parquet
from skintag.evaluation.predictions.schema import (
    COLUMNS,
    EXTENDED_COLUMN,
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    checked,
    null_column,
)


class Predictions:
    """A checked predictions table: `COLUMNS`, sorted by model, split (train, val, test) and image_id.

    Optional columns that the given frame lacks are null throughout; columns of other names are refused.

    Raises:
        DataError: a needed column is missing, a column is unknown, a value is outside its range, a needed
            value is null, or a (image_id, model) pair comes twice.
    """

    def __init__(self, frame: pd.DataFrame, where: object = "predictions table") -> None:
        self._frame = checked(frame, where)

    @classmethod
    def from_arrays(
        cls,
        frame: pd.DataFrame,
        model: str,
        p_malignant: ArrayLike,
        p_condition: ArrayLike | None = None,
    ) -> Self:
        """The rows of a view's frame with one model's scores.

        Args:
            frame: n rows with `REQUIRED_COLUMNS` (but model and score) and the group columns; `age` in years
                becomes `age_group`, and `target_condition` is taken for `condition` where it is there.
            model: the name in the `model` column.
            p_malignant: float [n], in [0, 1].
            p_condition: float [n, 10] or [n, 11] (extended taxonomy), or None.

        Raises:
            ValueError: an array's shape does not fit the frame.
            DataError: as the class.
        """
        scores = np.asarray(p_malignant, dtype=np.float64)
        if scores.shape != (len(frame),):
            raise ValueError(f"p_malignant has shape {scores.shape}, the frame {len(frame)} rows")
        known = [c for c in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS) if c in frame]
        out = frame[known].reset_index(drop=True).assign(model=model, p_malignant=scores)
        if "target_condition" in frame:
            out["condition"] = frame["target_condition"].to_numpy()
        if "age_group" not in frame and "age" in frame:
            out["age_group"] = age_group_of(frame["age"]).to_numpy()
        if p_condition is not None:
            table = np.asarray(p_condition, dtype=np.float32)
            if table.shape not in ((len(frame), 10), (len(frame), 11)):
                raise ValueError(f"p_condition has shape {table.shape}, expected [{len(frame)}, 10 or 11]")
            for i in range(table.shape[1]):
                out[f"p_condition_{i}"] = table[:, i]
        return cls(out, f"predictions of {model!r}")

    @classmethod
    def concat(cls, tables: Iterable[Predictions]) -> Self:
        """All rows of several tables; a (image_id, model) pair in two of them is an error."""
        frames = [table.frame for table in tables]
        if not frames:
            raise ValueError("no predictions to put together")
        # a column that is all null in one table must not decide the type of the others
        names = [c for c in (*COLUMNS, EXTENDED_COLUMN) if any(c in f for f in frames)]
        columns = {c: pd.concat([f[c] if c in f else null_column(c, f.index) for f in frames]) for c in names}
        return cls(pd.DataFrame(columns).reset_index(drop=True), "predictions put together")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read and check a `predictions.parquet`. Raises DataError where it is not a readable table."""
        try:
            frame = read_parquet(path)
        except (OSError, ValueError) as error:  # pyarrow's errors are subclasses of these
            raise DataError(
                path,
                expected="a predictions table in parquet format",
                found=str(error).splitlines()[0],
                fix="check the path, or run skintag train again to write the table",
            ) from error
        return cls(frame, path)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the table as parquet, atomically; equal tables give equal bytes."""
        write_parquet(self._frame, path)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows, as a copy-on-write copy: changing it leaves the table as it is."""
        return self._frame.copy(deep=False)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models, sorted."""
        return tuple(sorted(self._frame["model"].unique()))

    def val(self, model: str) -> ValPredictions:
        """The validation rows of one model: what thresholds, calibration and choices are fitted on."""
        return ValPredictions(self._rows(model, "val"), model)

    def test(self, model: str) -> TestPredictions:
        """The test rows of one model: what is reported, and nothing is fitted on."""
        return TestPredictions(self._rows(model, "test"), model)

    def with_premalignant(self, *, malignant: bool) -> Self:
        """The same scores with the other binary target: premalignant rows count as malignant, or as benign.

        Rows that the label policy left out are not in the table and stay out.

        Raises:
            DataError: a row does not say whether its lesion is benign, premalignant or malignant.
        """
        frame = self.frame
        unknown = frame["malignancy"].isna()
        if unknown.any():
            raise DataError(
                "predictions table",
                expected="a malignancy (benign, premalignant, malignant) in every row",
                found=f"{unknown.sum():,} row(s) without one: {first_few(list(frame.loc[unknown, 'image_id']), 3)}",
                fix="run skintag train again to write the column, or map it from a column of your own",
            )
        positive = ("malignant", "premalignant") if malignant else ("malignant",)
        return type(self)(frame.assign(target=frame["malignancy"].isin(positive).astype("Int8")))

    def _rows(self, model: str, split: str) -> pd.DataFrame:
        if model not in self.models:
            raise DataError(
                f"model {model!r}",
                expected="a model of this predictions table",
                found="no rows of it",
                fix=near_matches(model, self.models),
            )
        frame = self._frame
        return frame[(frame["model"] == model) & (frame["split"] == split)].reset_index(drop=True)

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        return f"Predictions({len(self):,} rows; models: {', '.join(self.models)})"


class ModelPredictions:
    """One model's rows of one split. Use `Predictions.val` or `Predictions.test`; may have no rows."""

    split: ClassVar[str] = ""

    def __init__(self, frame: pd.DataFrame, model: str) -> None:
        if not self.split:
            raise TypeError("ModelPredictions is abstract: use Predictions.val(model) or .test(model)")
        foreign = frame[(frame["split"] != self.split) | (frame["model"] != model)]
        if len(foreign):
            raise DataError(
                type(self).__name__,
                expected=f"rows of split {self.split!r} and model {model!r} only",
                found=f"{len(foreign)} other row(s): {first_few(list(foreign['image_id']), 3)}",
                fix=f"use Predictions.{self.split}(model)",
            )
        self._frame = frame
        self.model = model

    @property
    def frame(self) -> pd.DataFrame:
        """The rows, as a copy-on-write copy."""
        return self._frame.copy(deep=False)

    @property
    def target(self) -> NDArray[np.int64]:
        """1 malignant, 0 not; int64 [n]."""
        return self._frame["target"].to_numpy(dtype=np.int64)

    @property
    def score(self) -> NDArray[np.float64]:
        """`p_malignant` of each row, in [0, 1]; float64 [n]."""
        return self._frame["p_malignant"].to_numpy(dtype=np.float64)

    def __len__(self) -> int:
        return len(self._frame)


class ValPredictions(ModelPredictions):
    """Validation rows of one model: the only thing that anything may be fitted on."""

    split: ClassVar[str] = "val"


class TestPredictions(ModelPredictions):
    """Test rows of one model: they answer questions and make no choice."""

    split: ClassVar[str] = "test"
    __test__: ClassVar[bool] = False  # a name that pytest would otherwise take for a test case


def require_val(value: object, what: str) -> None:
    """Raise TypeError unless `value` is a `ValPredictions`; `what` names the caller in the message."""
    if not isinstance(value, ValPredictions):
        raise TypeError(
            f"{what} takes ValPredictions, got {type(value).__name__}: what is fitted or chosen must never "
            "see test rows; use predictions.val(model)"
        )
