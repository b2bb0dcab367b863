"""Nothing in a CSV file of ours is a formula to a spreadsheet."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from skintag.core.csv_text import csv_of, safe_cell


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\r=1", "=HYPERLINK(1)", "\n=1"]
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}".replace("\r", " ")
    frame = pd.DataFrame({"group": pd.Series(["a", text], dtype="str"), text: [1.5, -2.0]})
    read = pd.read_csv(io.BytesIO(csv_of(frame)))
    assert list(read.columns)[1].startswith("'")
    assert read["group"][1].startswith("'")
    assert read.iloc[:, 1].tolist() == [1.5, -2.0]


@pytest.mark.parametrize(
    "text", ["-0.3", "+1e-4", "I-II", "a=b", "−0.10 to 0.04", "", "ham10000/ISIC_0000001"]
)
def test_numbers_and_names_stay(text: str) -> None:
    assert safe_cell(text) == text


def test_a_table_without_formulas_is_as_pandas_writes_it() -> None:
    frame = pd.DataFrame({"a": pd.Series(["x", None, "y,z"], dtype="str"), "b": [0.1, float("nan"), -3]})
    assert csv_of(frame) == frame.to_csv(index=False).encode()
    assert csv_of(frame, float_format="%.6g") == frame.to_csv(index=False, float_format="%.6g").encode()
