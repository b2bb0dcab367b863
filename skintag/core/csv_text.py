"""CSV files that a spreadsheet opens without running anything in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pandas as pd

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_of(frame: pd.DataFrame, *, float_format: str | None = None) -> bytes:
    """The table as CSV in UTF-8, without its index.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, which it does not show (OWASP, "CSV
    Injection"); one that is a number, such as `-0.3`, stays.
    """
    import pandas as pd

    safe = frame.rename(columns=lambda name: safe_cell(name) if isinstance(name, str) else name)
    texts = [i for i, dtype in enumerate(safe.dtypes) if not pd.api.types.is_numeric_dtype(dtype)]
    for i in texts:
        column = safe.iloc[:, i]
        if any(isinstance(cell, str) and safe_cell(cell) != cell for cell in column):
            safe.isetitem(i, [safe_cell(cell) if isinstance(cell, str) else cell for cell in column])
    return safe.to_csv(index=False, float_format=float_format).encode()


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would run it."""
    plain = text.replace("\r", " ")  # which pandas does not quote, and readers take for the end of a row
    if not text.startswith(_FORMULA):
        return plain
    try:
        float(text)
    except ValueError:
        return f"'{plain}"
    return text if text[0] in "+-" else f"'{text}"


def unmarked_utf16(data: bytes) -> str | None:
    """The codec of UTF-16 text without a byte order mark: the header of a table is ASCII, so each second byte is 0.

    >>> unmarked_utf16("id,age".encode("utf-16-le"))
    'utf-16-le'
    >>> unmarked_utf16(b"id,age") is None
    True
    """
    even, odd = data[:64:2], data[1:64:2]
    if len(data) < 4:
        return None
    if not any(odd) and all(even):
        return "utf-16-le"
    return "utf-16-be" if not any(even) and all(odd) else None
