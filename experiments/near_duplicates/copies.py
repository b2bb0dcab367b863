"""How many made copies the audit finds, by dataset, kind and crop.

python experiments/near_duplicates/copies.py <raw folders> <scratch> fitzpatrick17k
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
from made import KINDS, copy
from pictures import arguments, load

from skintag.data.catalog.duplicates import near_duplicates
from skintag.data.catalog.keypoints import keypoints
from skintag.data.catalog.likeness import thumbnail

EACH = 100
"""Copies of each kind, about: the same number for each of the shares."""
SHARES = (0.85, 0.80, 0.75, 0.70, 0.65, 0.60)


def main() -> None:
    """Write `copies_<dataset>.csv`: a row per copy, with what was done to it and whether it was found."""
    parser = arguments(__doc__)
    parser.add_argument("--each", type=int, default=EACH)
    asked = parser.parse_args()
    pictures = load(asked.raw, asked.scratch, asked.dataset)
    rng = np.random.default_rng(0)
    rows, copies = [], []
    for kind in KINDS:
        for share in SHARES:
            for number in rng.choice(
                len(pictures), max(1, asked.each // len(SHARES)), replace=False
            ).tolist():
                keep = share + rng.uniform(-0.025, 0.025) if 0.6 < share < 0.85 else share
                made, kept = copy(rng, pictures[number], kind, keep)
                rows.append((number, kind, share, *kept))
                copies.append(made)
    table = pd.DataFrame(rows, columns=["original", "kind", "share", "height", "width"])
    pairs = near_duplicates(
        np.concatenate([pictures.thumbs, np.stack([thumbnail(made) for made in copies])]),
        [keypoints(picture).tobytes() for group in (pictures, copies) for picture in group],
        lambda row: pictures[row] if row < len(pictures) else copies[row - len(pictures)],
    )
    found = set(zip(pairs["first"].tolist(), pairs["second"].tolist(), strict=True))
    table["found"] = [(row, len(pictures) + k) in found for k, row in enumerate(table["original"].tolist())]
    table.to_csv(asked.scratch / f"copies_{asked.dataset}.csv", index=False)
    print(table.groupby("kind", sort=False)["found"].agg(["mean", "size"]).to_string())
    print(
        table[~table["kind"].isin(["watermark, lean", "crop, watermark, turn"])]
        .groupby("share")["found"]
        .agg(["mean", "size"])
        .to_string()
    )
    # a copy's relatives are the copies of its original, and of what its original is paired with
    root = np.concatenate([np.arange(len(pictures)), table["original"].to_numpy()])
    related = found | {(row, row) for row in range(len(pictures))}
    ends = (np.sort(root[pairs[["first", "second"]].to_numpy()], axis=1)).tolist()
    strange = [pair for pair in ends if tuple(pair) not in related]
    print(
        f"{asked.dataset}: {len(strange)} pairs of a copy with a picture that its original is not paired with",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
