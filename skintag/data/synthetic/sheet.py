"""A contact sheet of a benchmark, so that a person can look at what was drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import DataError
from skintag.core.io import write_bytes
from skintag.data.synthetic.writer import TRUTH_CSV

_CELL, _CAPTION = 128, 26


def contact_sheet(folder: Path, out_png: Path, *, columns: int = 12, rows_per_dataset: int = 2) -> Path:
    """Write a PNG of `folder`'s benchmark: rows of pictures per dataset, captioned with look, skin and ruler.

    Pictures run through the looks of each dataset, and within a look from light to dark skin.

    Raises:
        DataError: `folder` holds no finished benchmark.
    """
    truth_file = Path(folder) / TRUTH_CSV
    if not truth_file.is_file():
        raise DataError(
            truth_file, expected="a finished benchmark", found="no such file",
            fix="write one: skintag synthetic out=<folder>",
        )  # fmt: skip
    truth = pd.read_csv(
        truth_file, dtype={"copy_of": "str", "label": "str", "malignancy": "str"}, keep_default_na=False
    )
    strips = []
    for dataset, rows in truth[truth["has_file"]].groupby("dataset", sort=False):
        chosen = _varied(rows, columns * rows_per_dataset)
        cells = [_cell(Path(folder) / str(dataset), row) for _, row in chosen.iterrows()]
        blank = np.full((_CELL + _CAPTION, _CELL, 3), 255, np.uint8)
        cells += [blank] * (columns * rows_per_dataset - len(cells))
        strips += [np.hstack(cells[at : at + columns]) for at in range(0, len(cells), columns)]
    done, data = cv2.imencode(".png", np.vstack(strips))
    if not done:
        raise RuntimeError("OpenCV could not encode the contact sheet")
    write_bytes(out_png, data.tobytes())
    return Path(out_png)


def _varied(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """Up to `count` rows: one of each look in turn, ordered by look and skin."""
    shuffled = rows.sample(frac=1.0, random_state=0)
    turn = shuffled.groupby("drawn_look").cumcount()
    spread = shuffled.assign(turn=turn).sort_values(["turn", "drawn_look"], kind="stable").head(count)
    return spread.sort_values(["drawn_malignancy", "drawn_look", "ita"], ascending=[True, True, False])


def _cell(folder: Path, row: pd.Series) -> NDArray[np.uint8]:
    name = str(row["image_id"]).partition("/")[2]
    found = sorted(folder.rglob(f"{name}.*"))
    image = cv2.imread(str(found[0]), cv2.IMREAD_COLOR)
    assert image is not None, found[0]
    zoom = _CELL / max(image.shape[:2])
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    cell = np.full((_CELL + _CAPTION, _CELL, 3), 255, np.uint8)
    top, left = (_CELL - small.shape[0]) // 2, (_CELL - small.shape[1]) // 2
    cell[top : top + small.shape[0], left : left + small.shape[1]] = small
    ruler = " ruler" if row["ruler"] else ""
    lines = (f"{row['drawn_look']}", f"{row['dataset'][:4]} FST {row['fitzpatrick']}{ruler}")
    for at, text in enumerate(lines):
        colour = (0, 0, 200) if row["drawn_malignancy"] != "benign" else (0, 0, 0)
        cv2.putText(
            cell, text, (3, _CELL + 10 + 12 * at), cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA
        )
    return cell
