"""Pairs that are one photograph, found without keypoints: recall on them does not favour a search that uses some.

Candidates are those of `independent.py` by an ImageNet backbone's features and by hashes. Each is begun from the crops
of either picture that are likest to the other at 32 pixels, aligned by ECC at 128, and counts where most parts agree at
256. It cannot begin a pair that is turned, or of which less than half a side is shared.

    python experiments/near_duplicates/pixels.py <raw folders> <scratch> fitzpatrick17k
"""

from __future__ import annotations

import json
import sys

import cv2
import numpy as np
import pandas as pd
from agreement import Floats, contrast, parts_that_agree
from numpy.typing import NDArray
from pictures import Picture, arguments, load

SMALL, MIDDLE, LARGE = 32, 128, 256
PLACES = [(0.0, 0.0, 1.0)] + [
    (y * (1 - keep), x * (1 - keep), keep)
    for keep in (0.85, 0.7, 0.55)
    for y in (0, 0.25, 0.5, 0.75, 1)
    for x in (0, 0.25, 0.5, 0.75, 1)
]
"""Top, left and side of the crops, as shares."""
STARTS = 2


def main() -> None:
    """Write `independent_<dataset>_pixels.csv`, as `independent.py` does."""
    asked = arguments(__doc__).parse_args()
    pictures = load(asked.raw, asked.scratch, asked.dataset)
    squares = [grey(picture) for picture in pictures]
    crops = np.stack([cut(square) for square in squares])
    stores = sorted(asked.scratch.glob(f"candidates_{asked.dataset}*.json"))
    stored = (
        json.loads(stores[0].read_text()) if stores else sys.exit("run independent.py first: no candidates")
    )
    pairs = [(a, b) for a, b, means in stored if {"features", "hash"} & set(means)]
    ids, rows = pictures.rows["image_id"], []
    for a, b in pairs:
        overlap, parts, agreeing = max(
            (
                aligned(squares[one], squares[other], crops[one], crops[other])
                for one, other in ((a, b), (b, a))
            ),
            key=lambda fit: fit[2] * (fit[1] >= 60),
        )
        rows.append((ids[a], ids[b], "pixels", 0, overlap, parts, agreeing))
    columns = ["first", "second", "means", "matches", "overlap", "parts", "agreeing"]
    store = asked.scratch / f"independent_{asked.dataset}_pixels.csv"
    pd.DataFrame(rows, columns=columns).to_csv(store, index=False)
    print(f"{len(rows)} candidates: {store}")


def aligned(one: Floats, other: Floats, crops: Floats, others: Floats) -> tuple[float, int, float]:
    """The best fit that begins from a crop of the first which is like the whole of the other."""
    best = (0.0, 0, 0.0)
    likeness = crops @ others[0]
    for place in np.argsort(-likeness)[:STARTS].tolist():
        top, left, keep = PLACES[place]
        # a pixel of the other is at top + keep * pixel of the one: from the other's frame into the one
        start = np.array([[keep, 0, left * MIDDLE], [0, keep, top * MIDDLE]], np.float32)
        a, b = (contrast(cv2.resize(x, (MIDDLE, MIDDLE), interpolation=cv2.INTER_AREA)) for x in (other, one))
        stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-3)
        try:
            _, warp = cv2.findTransformECC(a, b, start, cv2.MOTION_AFFINE, stop, None, 5)
        except cv2.error:  # it does not settle
            continue
        warp = np.asarray(warp, np.float32) * np.array([1, 1, LARGE / MIDDLE], np.float32)
        long, short = np.linalg.svd(warp[:, :2])[1]
        if short >= 0.3 and long <= 2 and long <= 1.6 * short:
            best = max(best, parts_that_agree(other, one, warp), key=lambda fit: fit[2] * (fit[1] >= 60))
    return best


def grey(picture: Picture) -> Floats:
    """Stretched to a square of `LARGE`."""
    how = cv2.INTER_AREA if min(picture.shape[:2]) > LARGE else cv2.INTER_LINEAR
    square = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (LARGE, LARGE), interpolation=how)
    return np.asarray(square, np.float32)


def cut(square: Floats) -> NDArray[np.float32]:
    """The local contrast of each crop at `SMALL` pixels, float32 [places, SMALL^2], of norm 1."""
    rows = []
    for top, left, keep in PLACES:
        y, x, side = round(top * LARGE), round(left * LARGE), round(keep * LARGE)
        small = cv2.resize(square[y : y + side, x : x + side], (SMALL, SMALL), interpolation=cv2.INTER_AREA)
        rest = small - cv2.GaussianBlur(small, (0, 0), 3)
        rows.append((rest / (np.linalg.norm(rest) + 1e-6)).ravel())
    return np.stack(rows)


if __name__ == "__main__":
    main()
