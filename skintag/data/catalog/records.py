"""The records of one dataset: what a source adapter makes of a raw folder, and the catalog is built from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True, eq=False)
class SourceTable:
    """The records of one dataset, with notes on what a reader should know of them."""

    dataset: str
    """Its name, e.g. `ham10000`."""
    root: Path
    """The raw folder; `records.path` is relative to it."""
    records: pd.DataFrame
    """One row per image that the metadata lists, with the columns of `schema.RECORD_COLUMNS`."""
    notes: tuple[str, ...]
    """One sentence each: images missing or left over, rows kept without a diagnosis, and the like."""
