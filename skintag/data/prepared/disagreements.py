"""Clusters of near-identical pictures that their sources diagnose differently, as a page for a person to look at.

One picture under two diagnoses is an error in one of the labels, two lesions under one id, or a false
alarm of the search: only a person can say which.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd

from skintag.core.errors import ImageError
from skintag.core.io import write_bytes
from skintag.data.images.files import decode_image, read_image

DISAGREEMENTS: Final = "disagreements.html"
"""Its name in a prepared folder; not there without such a cluster."""
_SIDE: Final = 200
_COLUMNS: Final = ("image_id", "raw_label", "malignancy", "lesion_id", "patient_id")
_HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>One picture, two diagnoses</title><style>
body{font:15px/1.4 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
section{display:flex;flex-wrap:wrap;gap:1rem;border-top:1px solid #999;padding:1rem 0}
figure{margin:0;width:200px;overflow-wrap:anywhere}h2{font-size:1rem;width:100%;margin:0}
</style></head><body><h1>One picture, two diagnoses</h1>
"""


def disagreeing(catalog: pd.DataFrame) -> pd.DataFrame:
    """The rows of `catalog` whose cluster of near-duplicates has more than one malignancy, cluster by cluster."""
    usable = catalog[catalog["status"] == "ok"]
    kinds = usable.groupby("duplicate_id")["malignancy"].transform("nunique")
    return usable[kinds > 1].sort_values(["duplicate_id", "image_id"])


def write_disagreements(catalog: pd.DataFrame, roots: Mapping[str, Path], out: Path) -> None:
    """Write `DISAGREEMENTS` into the prepared folder `out`, or remove an old one where no cluster disagrees.

    Args:
        catalog: as `build_catalog` gives it.
        roots: raw folder of each dataset.
        out: the prepared folder. The page holds its pictures and loads nothing.
    """
    rows = disagreeing(catalog)
    if rows.empty:
        (out / DISAGREEMENTS).unlink(missing_ok=True)
        return
    write_bytes(out / DISAGREEMENTS, "".join(_page(rows, roots)).encode())


def _page(rows: pd.DataFrame, roots: Mapping[str, Path]) -> Iterator[str]:
    yield _HEAD
    yield (
        f"<p>{rows['duplicate_id'].nunique():,} clusters of identical or near-identical pictures have members that are "
        "benign, premalignant and malignant by turns. They stay on one side of a split; "
        "which diagnosis is right, only a person can say.</p>\n"
    )
    for name, members in rows.groupby("duplicate_id"):
        yield f"<section><h2>{escape(str(name))}</h2>\n"
        for _, row in members.iterrows():
            cells = [f"<b>{escape(column)}</b> {_text(row[column])}" for column in _COLUMNS]
            picture = _picture(roots[row["dataset"]] / row["path"], row["path"])
            yield f"<figure>{picture}<figcaption>{'<br>'.join(cells)}</figcaption></figure>\n"
        yield "</section>\n"
    yield "</body></html>\n"


def _text(value: object) -> str:
    return "–" if pd.isna(value) else escape(str(value))  # type: ignore[call-overload]


def _picture(path: Path, where: str) -> str:
    """The picture, or why there is none; `where` is how a page that may be passed on names the file."""
    try:
        image = decode_image(read_image(path, where), where)
    except ImageError as error:
        return f"<p>{escape(str(error))}</p>"
    scale = _SIDE / max(image.shape[:2])
    size = [max(1, round(n * scale)) for n in (image.shape[1], image.shape[0])]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    jpeg = cv2.imencode(".jpg", np.ascontiguousarray(small[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    data = base64.b64encode(jpeg.tobytes()).decode()
    return f'<img alt="" width="{size[0]}" height="{size[1]}" src="data:image/jpeg;base64,{data}">'
